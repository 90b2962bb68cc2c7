"""The versions of a deployed flow, and which of them executions start from.

Each deployment of something changed publishes a version of the state machine; the alias `current`
leads to one of them. To roll back is to move the alias.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dagy.aws.artifact_bucket import ArtifactBucket
from dagy.aws.refusals import explained
from dagy.aws.stacks import Stack
from dagy.errors import DeployError
from dagy.version import __version__


@dataclass(frozen=True)
class Version:
    """A version of a flow's state machine.

    Attributes:
        number: Step Functions' own; later ones are higher.
        arn: of the version.
        label: what the deployment called it.
        code_hash: of the flow and its source; the first digits of it.
        created_at: when it was published.
        is_current: whether executions start from it.
        running: executions under way that began with it.
    """

    number: int
    arn: str
    label: str
    code_hash: str
    created_at: datetime
    is_current: bool
    running: int


def versions_of(
    stepfunctions: Any, stack: Stack, running: Counter[str | None] | None = None
) -> list[Version]:
    """Return the versions of a flow, the newest first.

    Args:
        stepfunctions: boto3's client.
        stack: the flow's.
        running: what `running_by_version` has told, if it has been asked.

    Raises:
        AwsError: AWS refuses to tell.
    """
    machine = stack.outputs["StateMachineArn"]
    if running is None:
        running = running_by_version(stepfunctions, machine)
    with explained(f"listing the versions of {stack.name}"):
        current = current_version(stepfunctions, stack)
        found = [
            _version(stepfunctions, entry, current, running)
            for entry in pages(
                stepfunctions.list_state_machine_versions,
                "stateMachineVersions",
                stateMachineArn=machine,
            )
        ]
    return sorted(found, key=lambda version: -version.number)


def record_deployment(bucket: ArtifactBucket, stack: Stack, version_arn: str) -> None:
    """Keep a record of who deployed a version, which Step Functions does not.

    Raises:
        AwsError: AWS refuses.
    """
    bucket.make()
    record = {"deployed_by": bucket.user, "dagy_version": __version__}
    number = version_arn.rpartition(":")[2]
    bucket.upload(record_key(stack, number), json.dumps(record).encode(), again=True)


def record_key(stack: Stack, number: int | str) -> str:
    """Return where the record of a version is kept."""
    return f"{stack.name}/versions/{number}.json"


def deployed_by(bucket: ArtifactBucket, stack: Stack, version: Version) -> str | None:
    """Return the ARN of who deployed a version with Dagy, as far as that is known.

    Raises:
        AwsError: AWS refuses to tell.
    """
    record = bucket.read(record_key(stack, version.number))
    return None if record is None else str(json.loads(record)["deployed_by"])


def current_version(stepfunctions: Any, stack: Stack) -> str:
    """Return the ARN of the version that executions start from.

    Raises:
        AwsError: AWS refuses to tell.
    """
    with explained(f"looking at the alias of {stack.name}"):
        alias = stepfunctions.describe_state_machine_alias(
            stateMachineAliasArn=stack.outputs["AliasArn"]
        )
    routes = alias["routingConfiguration"]
    return str(max(routes, key=lambda route: route["weight"])["stateMachineVersionArn"])


def point_alias(stepfunctions: Any, stack: Stack, version_arn: str) -> None:
    """Let executions start from a version.

    Raises:
        AwsError: AWS refuses.
    """
    with explained(f"moving the alias of {stack.name}"):
        stepfunctions.update_state_machine_alias(
            stateMachineAliasArn=stack.outputs["AliasArn"],
            routingConfiguration=[{"stateMachineVersionArn": version_arn, "weight": 100}],
        )


def chosen(versions: list[Version], wanted: str | None) -> Version:
    """Return the version to roll back to.

    Args:
        versions: the newest first.
        wanted: a label, or the first digits of a code hash; None for the one before the current.

    Raises:
        DeployError: there is none, or several fit.
    """
    current = next((version for version in versions if version.is_current), None)
    if wanted is None:
        older = [each for each in versions if current is None or each.number < current.number]
        if not older:
            raise DeployError("there is no version before the current one to roll back to")
        return older[0]
    fitting = [each for each in versions if each.label == wanted]
    if not fitting and len(wanted) >= _SHORTEST_HASH:
        fitting = [each for each in versions if each.code_hash.startswith(wanted)]
    if not fitting:
        known = ", ".join(dict.fromkeys(each.label for each in versions))
        raise DeployError(f"there is no version {wanted!r}; there are {known}")
    # A label that was used again means the version that had it last.
    return fitting[0]


_SHORTEST_HASH = 4


def running_by_version(stepfunctions: Any, machine: str) -> Counter[str | None]:
    """Return how many executions are under way, by the version they began with.

    Those that were not started from an alias or a version count under None.

    Raises:
        AwsError: AWS refuses to tell.
    """
    found = running_executions(stepfunctions, machine)
    return Counter(entry.get("stateMachineVersionArn") for entry in found)


def running_executions(stepfunctions: Any, machine: str) -> list[Mapping[str, Any]]:
    """Return the executions of a machine that are under way, as Step Functions lists them.

    Raises:
        AwsError: AWS refuses to tell.
    """
    with explained("looking for executions under way"):
        return pages(
            stepfunctions.list_executions,
            "executions",
            stateMachineArn=machine,
            statusFilter="RUNNING",
        )


def _version(
    stepfunctions: Any,
    entry: Mapping[str, Any],
    current: str,
    running: Counter[str | None],
) -> Version:
    arn = entry["stateMachineVersionArn"]
    told = _told(stepfunctions.describe_state_machine(stateMachineArn=arn).get("description"))
    return Version(
        number=int(arn.rpartition(":")[2]),
        arn=arn,
        label=told.get("version", "?"),
        code_hash=told.get("code", ""),
        created_at=entry["creationDate"],
        is_current=arn == current,
        running=running[arn],
    )


def _told(description: str | None) -> Mapping[str, str]:
    """Return what the deployment wrote to a version."""
    try:
        told = json.loads(description or "")
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def pages(call: Any, key: str, **arguments: Any) -> list[Mapping[str, Any]]:
    """Return all entries that a call lists; boto3 has no paginator for versions.

    Args:
        call: of Step Functions.
        key: of the entries in its answer.
        arguments: of the call.
    """
    found: list[Mapping[str, Any]] = []
    token: dict[str, str] = {}
    while True:
        page = call(**arguments, **token)
        found += page[key]
        if "nextToken" not in page:
            return found
        token = {"nextToken": page["nextToken"]}
