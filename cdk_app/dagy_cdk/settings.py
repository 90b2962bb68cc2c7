"""The settings of a stack as arguments of a construct."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns


class FlowSettings(TypedDict, total=False):
    """Settings by name, as in `dagy.toml`; what is a resource may be given as a construct.

    `dagy_compiler.settings.Settings` says what each means.
    """

    log_retention_days: int
    data_bucket: s3.IBucket | str
    data_retention_days: int
    keep_data: bool
    worker_role: iam.IRole | str
    state_machine_role: iam.IRole | str
    execution_role: iam.IRole | str
    permissions_boundary: iam.IManagedPolicy | str
    role_path: str
    cluster: ecs.ICluster | str
    subnets: Sequence[str]
    public_ip: bool
    functions_in_vpc: bool
    kms_key: kms.IKey | str
    xray: bool
    alarms: bool
    notify: Sequence[sns.ITopic | str] | sns.ITopic | str
    dashboard: bool
    tags: Mapping[str, str]
    reserved_concurrency: int
    schedule: str
    timezone: str
    flexible_window: int
    no_overlap: bool
    scheduled_time: str
