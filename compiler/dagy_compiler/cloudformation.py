"""Typed models of the parts of CloudFormation that a bundle's template uses.

Only what is emitted is modelled; a misspelt property fails here and not on AWS. Names and order are
CloudFormation's own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_pascal

Json = dict[str, Any]


_ODDLY_SPELLED = {
    "sse_algorithm": "SSEAlgorithm",
    "size_in_gib": "SizeInGiB",
    "kms_master_key_id": "KMSMasterKeyID",
    "encrypted_by": "KmsMasterKeyId",
    "sse_specification": "SSESpecification",
    "sse_enabled": "SSEEnabled",
    "sse_type": "SSEType",
    "table_key": "KMSMasterKeyId",
}


def _spelled(field: str) -> str:
    return _ODDLY_SPELLED.get(field) or to_pascal(field)


class Model(BaseModel):
    """Base: fields in Python's spelling, PascalCase in the template, nothing unknown."""

    model_config = ConfigDict(
        alias_generator=_spelled, populate_by_name=True, extra="forbid", frozen=True
    )


def ref(name: str) -> Json:
    """Return `Ref`: a parameter's value, or a resource's id."""
    return {"Ref": name}


def get_att(name: str, attribute: str) -> Json:
    """Return `Fn::GetAtt`: an attribute of a resource."""
    return {"Fn::GetAtt": [name, attribute]}


def sub(text: str) -> Json:
    """Return `Fn::Sub`. The text must be ours: `${...}` in it is replaced."""
    return {"Fn::Sub": text}


def digest(*content: Json | str) -> str:
    """Return 8 hex digits that tell content from other content, for ids that change with it."""
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


class Tag(Model):
    """A tag of a resource."""

    key: str
    value: str | Json


class Statement(Model):
    """One statement of an IAM policy."""

    effect: Literal["Allow", "Deny"] = "Allow"
    principal: dict[str, str] | Literal["*"] | None = None
    action: list[str]
    resource: Sequence[Json | str] | None = None
    condition: dict[str, dict[str, Json | str]] | None = None


class PolicyDocument(Model):
    """An IAM policy."""

    version: Literal["2012-10-17"] = "2012-10-17"
    statement: list[Statement]


class InlinePolicy(Model):
    """A policy that belongs to one role."""

    policy_name: str
    policy_document: PolicyDocument


class Role(Model):
    """Properties of AWS::IAM::Role."""

    path: Json
    permissions_boundary: str | None
    assume_role_policy_document: PolicyDocument
    policies: list[InlinePolicy] | None
    tags: list[Tag]


class LogGroup(Model):
    """Properties of AWS::Logs::LogGroup."""

    retention_in_days: int
    kms_key_id: str | None
    tags: list[Tag]


class Policy(Model):
    """Properties of AWS::IAM::Policy: one that is attached to a role apart from it."""

    policy_name: str
    policy_document: PolicyDocument
    roles: list[Json]


class FunctionCode(Model):
    """Where a function's code is."""

    s3_bucket: Json
    s3_key: Json


class LayerContent(Model):
    """Where the archive of a layer is."""

    s3_bucket: Json
    s3_key: Json


class LayerVersion(Model):
    """Properties of AWS::Lambda::LayerVersion."""

    description: str
    compatible_architectures: list[str]
    compatible_runtimes: list[str]
    content: LayerContent


class InlineCode(Model):
    """A function's code, in the template."""

    zip_file: str


class VpcConfig(Model):
    """The network that a function runs in."""

    subnet_ids: Json
    security_group_ids: Json


class Tracing(Model):
    """Whether a function is traced."""

    mode: Literal["Active"] = "Active"


class LoggingConfig(Model):
    """Where a function's log goes."""

    log_group: Json


class Variables(Model):
    """A function's environment."""

    variables: Json


class FunctionStorage(Model):
    """A function's /tmp, in MB."""

    size: int


class Function(Model):
    """Properties of AWS::Lambda::Function."""

    description: str
    runtime: str
    handler: str
    architectures: list[str]
    role: Json | str
    code: FunctionCode | InlineCode
    layers: list[Json] | None = None
    memory_size: int
    ephemeral_storage: FunctionStorage | None = None
    timeout: int
    environment: Variables
    kms_key_arn: str | None
    vpc_config: VpcConfig | None = None
    tracing_config: Tracing | None = None
    reserved_concurrent_executions: int | None = None
    logging_config: LoggingConfig
    tags: list[Tag]


class FunctionVersion(Model):
    """Properties of AWS::Lambda::Version: a function as it is when this is made."""

    function_name: Json
    code_sha256: str


class DefinitionLocation(Model):
    """Where a definition is that the template does not hold."""

    bucket: Json
    key: Json


class StateMachineTracing(Model):
    """Whether executions are traced."""

    enabled: bool = True


class StateMachineEncryption(Model):
    """The key by which a definition and the histories of executions are encrypted."""

    type: Literal["CUSTOMER_MANAGED_KMS_KEY"] = "CUSTOMER_MANAGED_KMS_KEY"
    kms_key_id: str
    kms_data_key_reuse_period_seconds: int = 300


class StateMachine(Model):
    """Properties of AWS::StepFunctions::StateMachine."""

    state_machine_name: Json | None = None
    state_machine_type: Literal["STANDARD"] = "STANDARD"
    role_arn: Json | str
    definition: Json | None = None
    definition_s3_location: DefinitionLocation | None = None
    definition_substitutions: Json | None = None
    encryption_configuration: StateMachineEncryption | None = None
    tracing_configuration: StateMachineTracing | None = None
    tags: list[Tag]


class StateMachineVersion(Model):
    """Properties of AWS::StepFunctions::StateMachineVersion: a machine as it is then."""

    description: str | None
    state_machine_arn: Json
    state_machine_revision_id: Json


class Route(Model):
    """A version that an alias leads to, and what share of executions it gets, in percent."""

    state_machine_version_arn: Json
    weight: int = 100


class StateMachineAlias(Model):
    """Properties of AWS::StepFunctions::StateMachineAlias."""

    name: str
    routing_configuration: list[Route]


class FlexibleWindow(Model):
    """Within how many minutes of its time a schedule may fire."""

    mode: Literal["OFF", "FLEXIBLE"]
    maximum_window_in_minutes: int | None


class ScheduleTarget(Model):
    """What a schedule starts, as whom, and with which input, as JSON text."""

    arn: Json
    role_arn: Json | str
    input: str


class Schedule(Model):
    """Properties of AWS::Scheduler::Schedule."""

    description: str
    schedule_expression: str
    schedule_expression_timezone: str
    flexible_time_window: FlexibleWindow
    state: Json
    target: ScheduleTarget


class Encryption(Model):
    """How S3 encrypts what is put into a bucket."""

    sse_algorithm: Literal["AES256", "aws:kms"] = "AES256"
    kms_master_key_id: str | None = None


class EncryptionRule(Model):
    """One rule of a bucket's encryption."""

    server_side_encryption_by_default: Encryption = Encryption()
    bucket_key_enabled: bool | None = None


class BucketEncryption(Model):
    """A bucket's encryption."""

    server_side_encryption_configuration: list[EncryptionRule] = [EncryptionRule()]


class PublicAccess(Model):
    """What keeps a bucket private."""

    block_public_acls: bool = True
    block_public_policy: bool = True
    ignore_public_acls: bool = True
    restrict_public_buckets: bool = True


class AbortUpload(Model):
    """When the parts of an upload that was never finished are removed."""

    days_after_initiation: int


class LifecycleRule(Model):
    """When objects are removed."""

    id: str
    status: Literal["Enabled"] = "Enabled"
    expiration_in_days: int
    abort_incomplete_multipart_upload: AbortUpload


class Lifecycle(Model):
    """A bucket's rules."""

    rules: list[LifecycleRule]


class OwnershipRule(Model):
    """Who owns what is put into a bucket."""

    object_ownership: Literal["BucketOwnerEnforced"] = "BucketOwnerEnforced"


class Ownership(Model):
    """The rules of who owns what."""

    rules: list[OwnershipRule] = [OwnershipRule()]


class Bucket(Model):
    """Properties of AWS::S3::Bucket."""

    bucket_encryption: BucketEncryption = BucketEncryption()
    public_access_block_configuration: PublicAccess = PublicAccess()
    ownership_controls: Ownership = Ownership()
    lifecycle_configuration: Lifecycle
    tags: list[Tag]


class BucketPolicy(Model):
    """Properties of AWS::S3::BucketPolicy."""

    bucket: Json
    policy_document: PolicyDocument


class Attribute(Model):
    """An attribute of a table's key."""

    attribute_name: str
    attribute_type: Literal["S"] = "S"


class KeyPart(Model):
    """A part of a table's key."""

    attribute_name: str
    key_type: Literal["HASH"] = "HASH"


class TimeToLive(Model):
    """The attribute that says when an item expires."""

    attribute_name: str
    enabled: bool = True


class TableEncryption(Model):
    """A key of the user's, by which a table is encrypted."""

    sse_enabled: bool = True
    sse_type: Literal["KMS"] = "KMS"
    table_key: str


class Table(Model):
    """Properties of AWS::DynamoDB::Table."""

    billing_mode: Literal["PAY_PER_REQUEST"] = "PAY_PER_REQUEST"
    attribute_definitions: list[Attribute]
    key_schema: list[KeyPart]
    time_to_live_specification: TimeToLive
    sse_specification: TableEncryption | None
    tags: list[Tag]


class Cluster(Model):
    """Properties of AWS::ECS::Cluster."""

    tags: list[Tag]


class Variable(Model):
    """An environment variable of a container."""

    name: str
    value: Json | str


class ContainerLog(Model):
    """Where a container's output goes."""

    log_driver: Literal["awslogs"] = "awslogs"
    options: dict[str, Json | str]


class Container(Model):
    """The container of a task definition."""

    name: str
    image: Json
    essential: bool = True
    entry_point: list[str]
    environment: list[Variable]
    log_configuration: ContainerLog


class RuntimePlatform(Model):
    """What a container runs on."""

    cpu_architecture: Literal["X86_64", "ARM64"]
    operating_system_family: Literal["LINUX"] = "LINUX"


class TaskStorage(Model):
    """A task's disk, in GiB."""

    size_in_gib: int


class TaskDefinition(Model):
    """Properties of AWS::ECS::TaskDefinition."""

    family: Json
    cpu: str
    memory: str
    network_mode: Literal["awsvpc"] = "awsvpc"
    requires_compatibilities: list[str] = ["FARGATE"]
    runtime_platform: RuntimePlatform
    ephemeral_storage: TaskStorage | None
    execution_role_arn: Json | str
    task_role_arn: Json | str
    container_definitions: list[Container]
    tags: list[Tag]


class Dimension(Model):
    """What a metric is of."""

    name: str
    value: Json


class Alarm(Model):
    """Properties of AWS::CloudWatch::Alarm: one that rings when a metric of a minute is not 0."""

    alarm_description: str
    namespace: Literal["AWS/States"] = "AWS/States"
    metric_name: str
    dimensions: list[Dimension]
    statistic: Literal["Sum"] = "Sum"
    period: int = 60
    evaluation_periods: int = 1
    threshold: int = 0
    comparison_operator: Literal["GreaterThanThreshold"] = "GreaterThanThreshold"
    treat_missing_data: Literal["notBreaching"] = "notBreaching"
    alarm_actions: list[Json | str] | None
    tags: list[Tag]


class Topic(Model):
    """Properties of AWS::SNS::Topic."""

    encrypted_by: str | None
    tags: list[Tag]


class TopicPolicy(Model):
    """Properties of AWS::SNS::TopicPolicy."""

    topics: list[Json]
    policy_document: PolicyDocument


class Subscription(Model):
    """Properties of AWS::SNS::Subscription."""

    protocol: str
    topic_arn: Json
    endpoint: Json | str


class Permission(Model):
    """Properties of AWS::Lambda::Permission: who may invoke a function."""

    action: Literal["lambda:InvokeFunction"] = "lambda:InvokeFunction"
    function_name: Json
    principal: str
    source_arn: Json


class Dashboard(Model):
    """Properties of AWS::CloudWatch::Dashboard."""

    dashboard_name: Json
    dashboard_body: Json


Properties = (
    Role
    | Policy
    | LogGroup
    | Function
    | FunctionVersion
    | Schedule
    | LayerVersion
    | StateMachine
    | StateMachineVersion
    | StateMachineAlias
    | Bucket
    | BucketPolicy
    | Table
    | Cluster
    | TaskDefinition
    | Alarm
    | Topic
    | TopicPolicy
    | Subscription
    | Permission
    | Dashboard
)


class Resource(Model):
    """One resource of a template."""

    type: str
    condition: str | None = None
    depends_on: list[str] | None = None
    deletion_policy: Literal["Delete", "Retain", "RetainExceptOnCreate"] | None = None
    update_replace_policy: Literal["Delete", "Retain"] | None = None
    properties: Properties


def lasting(
    kind: str,
    properties: Properties,
    condition: str | None = None,
    depends_on: list[str] | None = None,
) -> Resource:
    """Return a resource that an execution under way may need when a newer version has none of it.

    So it outlives updates that have no use for it, and the stack; only what a deployment made that
    failed goes with that deployment (CloudFormation user guide, "DeletionPolicy attribute",
    `RetainExceptOnCreate`, read 2026-11). Dagy removes it once no execution can need it.
    """
    return Resource(
        type=kind,
        condition=condition,
        depends_on=depends_on,
        deletion_policy="RetainExceptOnCreate",
        update_replace_policy="Retain",
        properties=properties,
    )


class Parameter(Model):
    """One parameter of a template; with a default it may be left out."""

    type: str = "String"
    description: str
    default: str | None = None
    allowed_values: list[str] | None = None
    min_length: int | None = None


class Output(Model):
    """One output of a template."""

    description: str
    value: Json | str


class Template(Model):
    """A template."""

    description: str
    parameters: dict[str, Parameter]
    conditions: dict[str, Json] | None = None
    resources: dict[str, Resource]
    outputs: dict[str, Output]

    def to_json(self) -> Json:
        """Return the template as JSON values, always in the same order."""
        body = self.model_dump(by_alias=True, exclude_none=True)
        return {"AWSTemplateFormatVersion": "2010-09-09", **body}
