"""What can be seen of an AWS account: who asks, where, and what flows will need there."""

from __future__ import annotations

import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from dagy.aws.artifact_bucket import bucket_name
from dagy.aws.cdk import BOOTSTRAP_VERSION, CLI
from dagy.aws.refusals import code_of, explained
from dagy.aws.target import Target
from dagy.doctor.finding import Finding, fail, ok, warn

_MOST_SKEW_SECONDS = 300
"""AWS refuses a request that was signed longer ago, or later, than this
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html)."""
_SKEW_WORTH_TELLING_SECONDS = 30
_OLDEST_BOOTSTRAP = 6
"""That the CDK's default synthesizer accepts
(https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-troubleshoot.html)."""
_LOW_CONCURRENCY = 100
_CODE_WORTH_TELLING = 0.8
_GIGABYTE = 1_000_000_000


@dataclass(frozen=True)
class Identity:
    """Who asks, and what AWS's answer tells of the time.

    Attributes:
        account: the number of the account.
        arn: of the user or role.
        skew_seconds: how much this machine's clock is ahead of AWS's.
    """

    account: str
    arn: str
    skew_seconds: float


class Account:
    """An account, as one target sees it. Every request has a short time to be answered.

    Args:
        target: which credentials, and which region.
    """

    def __init__(self, target: Target) -> None:
        self._target = target

    def _client(self, service: str) -> Any:
        session = self._target.session
        from botocore.config import Config

        quick = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 1})
        return session.client(service, config=quick)

    @property
    def region(self) -> str | None:
        """The region that holds."""
        return self._target.region or self._target.session.region_name

    def identity(self) -> Identity:
        """Ask AWS who asks.

        Raises:
            AwsError: nobody, or AWS cannot be reached.
        """
        with explained("asking AWS whose credentials these are"):
            answer = self._client("sts").get_caller_identity()
        return Identity(answer["Account"], answer["Arn"], _skew(answer))

    def bucket(self, identity: Identity) -> Finding:
        """Look for the bucket of the artifacts."""
        named = self._target.bucket
        name = named or bucket_name(identity.account, self.region)
        try:
            self._client("s3").head_bucket(Bucket=name, ExpectedBucketOwner=identity.account)
        except Exception as error:
            return _bucket_missing(name, error, named=named is not None)
        return ok("artifact bucket", name)

    def bootstrap(self, identity: Identity) -> Finding:
        """Look whether the CDK may deploy here."""
        command = f"npx '{CLI}' bootstrap aws://{identity.account}/{self.region}"
        advice = f"only who deploys with the CDK needs it; run: {command}"
        try:
            found = self._client("ssm").get_parameter(Name=BOOTSTRAP_VERSION)
            number = int(found["Parameter"]["Value"])
        except Exception as error:
            if code_of(error) == "ParameterNotFound":
                return warn("CDK bootstrap", "not done in this account and region", advice)
            return _unknown("CDK bootstrap", error, "ssm:GetParameter")
        if number < _OLDEST_BOOTSTRAP:
            return warn("CDK bootstrap", f"version {number}, which is too old", advice)
        return ok("CDK bootstrap", f"version {number}")

    def quotas(self) -> list[Finding]:
        """Look at what Lambda allows the account."""
        try:
            found = self._client("lambda").get_account_settings()
        except Exception as error:
            return [_unknown("Lambda quotas", error, "lambda:GetAccountSettings")]
        limit, used = found["AccountLimit"], found["AccountUsage"]
        return [_concurrency(limit), _code(limit, used)]


def credentials(identity: Identity) -> Finding:
    """Tell who asks."""
    found = f"account {identity.account}, {identity.arn}"
    if identity.arn.endswith(":root"):
        return warn(
            "credentials",
            f"{found}: the root user",
            "use a role or a user instead: nothing can be forbidden to root",
        )
    return ok("credentials", found)


def clock(identity: Identity) -> Finding:
    """Tell how far the clock is off."""
    skew = abs(identity.skew_seconds)
    found = f"{skew:.0f} s {'ahead of' if identity.skew_seconds > 0 else 'behind'} AWS"
    advice = "let the system set the clock (NTP); AWS refuses what is signed 5 minutes off"
    if skew > _MOST_SKEW_SECONDS:
        return fail("clock", found, advice)
    if skew > _SKEW_WORTH_TELLING_SECONDS:
        return warn("clock", found, advice)
    return ok("clock", "as AWS's")


def _skew(answer: dict[str, Any]) -> float:
    said = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    return time.time() - parsedate_to_datetime(said).timestamp() if said else 0.0


def _bucket_missing(name: str, error: Exception, *, named: bool) -> Finding:
    code = code_of(error)
    if code in {"404", "NoSuchBucket"}:
        if not named:
            return ok("artifact bucket", f"{name}: the first deployment makes it")
        return warn(
            "artifact bucket", f"{name}: there is none", "the first deployment will try to make it"
        )
    if code in {"403", "AccessDenied"}:
        return fail(
            "artifact bucket",
            f"{name}: not for these credentials, or somebody else's",
            "allow s3:ListBucket, s3:GetObject and s3:PutObject on it, or name another: --bucket",
        )
    return _unknown("artifact bucket", error, "s3:ListBucket")


def _concurrency(limit: dict[str, Any]) -> Finding:
    most = limit["ConcurrentExecutions"]
    free = limit.get("UnreservedConcurrentExecutions", most)
    found = f"{most:,} at once, {free:,} of them not reserved"
    if free < _LOW_CONCURRENCY:
        return warn(
            "Lambda concurrency",
            found,
            "tasks beyond wait and are tried again; ask for more in Service Quotas "
            "(Lambda, Concurrent executions, L-B99A9384)",
        )
    return ok("Lambda concurrency", found)


def _code(limit: dict[str, Any], used: dict[str, Any]) -> Finding:
    most, stored = limit["TotalCodeSize"], used["TotalCodeSize"]
    found = f"{stored / _GIGABYTE:.1f} of {most / _GIGABYTE:.0f} GB"
    if stored > _CODE_WORTH_TELLING * most:
        return warn(
            "Lambda code",
            found,
            "delete functions and versions that nobody needs, or ask for more in Service Quotas "
            "(Lambda, Function and layer storage, L-2ACBD22F)",
        )
    return ok("Lambda code", found)


def _unknown(name: str, error: Exception, permission: str) -> Finding:
    code = code_of(error) or type(error).__name__
    return warn(name, f"cannot be seen ({code})", f"allow {permission} to see it here")
