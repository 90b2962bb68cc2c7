"""The target: which account and region flows are deployed to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from dagy.aws.refusals import explained
from dagy.errors import MissingExtraError, RemoteError


class Caller(NamedTuple):
    """Who asks AWS.

    Attributes:
        account: the number of the account.
        arn: of the user or role.
    """

    account: str
    arn: str


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

    @cached_property
    def session(self) -> Any:
        """boto3's session, of which clients are made.

        Raises:
            MissingExtraError: boto3 is not installed.
        """
        try:
            import boto3
        except ModuleNotFoundError as error:
            raise MissingExtraError(
                'talking to AWS needs boto3; install it with: pip install "dagy[aws]"'
            ) from error
        return boto3.Session(profile_name=self.aws_profile, region_name=self.region)

    @cached_property
    def caller(self) -> Caller:
        """Whose credentials these are.

        Raises:
            AwsError: AWS does not take them, or cannot be reached.
        """
        with explained("asking AWS whose credentials these are"):
            found = self.client("sts").get_caller_identity()
        return Caller(found["Account"], found["Arn"])

    def client(self, service: str) -> Any:
        """Return boto3's client of a service; making one takes tens of milliseconds.

        Raises:
            MissingExtraError: boto3 is not installed.
        """
        if service not in self._clients:
            self._clients[service] = self.session.client(service)
        return self._clients[service]

    @cached_property
    def _clients(self) -> dict[str, Any]:
        return {}


def find_target(
    *,
    profile: str | None = None,
    region: str | None = None,
    aws_profile: str | None = None,
    bucket: str | None = None,
) -> Target | None:
    """Return the target that options, environment and profile name; None if they name none.

    A target has a region or an AWS profile: a bucket alone says nothing of where it is.

    Args:
        profile: of Dagy's, given as an option; else `DAGY_PROFILE`, else the default one.
        region: given as an option; else `DAGY_AWS_REGION`, the profile's, `AWS_REGION`,
            `AWS_DEFAULT_REGION`.
        aws_profile: given as an option; else `DAGY_AWS_PROFILE`, the profile's, `AWS_PROFILE`.
        bucket: given as an option; else `DAGY_ARTIFACT_BUCKET`, the profile's.

    Raises:
        ProfileError: there is no such profile, or something in it is not right.
    """
    from dagy.profiles import effective

    found = effective(profile, region=region, aws_profile=aws_profile, bucket=bucket).values
    if found.region is None and found.aws_profile is None:
        return None
    return Target(found.region, found.aws_profile, found.bucket, found.tags or {})


def required_target(
    *,
    profile: str | None = None,
    region: str | None = None,
    aws_profile: str | None = None,
    bucket: str | None = None,
) -> Target:
    """Return the target that `find_target` finds.

    Raises:
        RemoteError: nothing names one.
        ProfileError: as `find_target`.
    """
    found = find_target(profile=profile, region=region, aws_profile=aws_profile, bucket=bucket)
    if found is None:
        raise RemoteError(
            "no AWS target is named; give --region or --profile, set AWS_REGION or AWS_PROFILE, or "
            "make a profile with `dagy config init`"
        )
    return found
