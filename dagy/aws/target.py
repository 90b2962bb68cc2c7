"""The target: which account and region flows are deployed to."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dagy.errors import MissingExtraError


@dataclass(frozen=True)
class Target:
    """Where flows are deployed, and with whose credentials.

    Attributes:
        region: of AWS; None leaves it to the AWS profile.
        aws_profile: of the AWS configuration files; None leaves it to boto3.
        bucket: for artifacts; None stands for `dagy-artifacts-ACCOUNT-REGION`.
        tags: of everything that is deployed.
    """

    region: str | None = None
    aws_profile: str | None = None
    bucket: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """Return boto3's client of a service.

        Raises:
            MissingExtraError: boto3 is not installed.
        """
        try:
            import boto3
        except ModuleNotFoundError as error:
            raise MissingExtraError(
                'talking to AWS needs boto3; install it with: pip install "dagy[aws]"'
            ) from error
        session = boto3.Session(profile_name=self.aws_profile, region_name=self.region)
        return session.client(service)


def find_target(
    *, region: str | None = None, aws_profile: str | None = None, bucket: str | None = None
) -> Target | None:
    """Return the target that options and the environment name; None if they name none.

    Args:
        region: given as an option; else `DAGY_AWS_REGION`, `AWS_REGION`, `AWS_DEFAULT_REGION`.
        aws_profile: given as an option; else `DAGY_AWS_PROFILE`, `AWS_PROFILE`.
        bucket: given as an option; else `DAGY_ARTIFACT_BUCKET`.
    """
    region = region or _first("DAGY_AWS_REGION", "AWS_REGION", "AWS_DEFAULT_REGION")
    aws_profile = aws_profile or _first("DAGY_AWS_PROFILE", "AWS_PROFILE")
    if region is None and aws_profile is None:
        return None
    return Target(region, aws_profile, bucket or _first("DAGY_ARTIFACT_BUCKET"))


def _first(*names: str) -> str | None:
    return next((os.environ[name] for name in names if os.environ.get(name)), None)
