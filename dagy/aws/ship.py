"""Shipping a flow: build it, deploy the bundle, and say what came of it."""

from __future__ import annotations

import re
import tempfile
import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from dagy.aws.artifact_bucket import artifact_bucket
from dagy.aws.changes import ChangeSet
from dagy.aws.deploy import Confirm, Deployment, Outcome, deploy
from dagy.aws.preparers import Chosen
from dagy.aws.prune import prune
from dagy.aws.stack_events import OnEvent
from dagy.aws.stacks import Stack, find_stack
from dagy.aws.target import Target
from dagy.aws.versions import (
    current_version,
    point_alias,
    record_deployment,
)
from dagy.building import BuildOptions, Built, build
from dagy.deployment import DeployResult
from dagy.errors import AwsError, DeployError
from dagy.loader import LoadedFlow
from dagy.tags import TAG_CHARACTERS, is_tag_key, is_tag_value
from dagy_compiler.label import stack_name_of
from dagy_compiler.template import harmless


@dataclass(frozen=True)
class Shipping:
    """How a flow is shipped.

    Attributes:
        options: how it is built; without a version, it gets the one after that which is there.
        version: label of the version; None for the next number.
        parameters: of the template, by name.
        tags: of everything, besides the target's.
        force: deploy although nothing seems to have changed.
        keep: versions to keep besides those with executions under way, at least 1.
        output: where the bundle is kept; None keeps it nowhere.
        tool: "cdk" or "cloudformation"; None for whatever is there.
    """

    options: BuildOptions = field(default_factory=BuildOptions)
    version: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    force: bool = False
    keep: int = 5
    output: Path | None = None
    tool: str | None = None


@dataclass(frozen=True)
class Shipped:
    """What came of it.

    Attributes:
        result: for the caller.
        built: the bundle that was deployed.
        outcome: of the deployment.
        pruned: old versions that were removed, and what only they needed, as `kind name`.
    """

    result: DeployResult
    built: Built
    outcome: Outcome
    pruned: tuple[str, ...] = ()


def always(_: ChangeSet) -> bool:
    """Want any changes."""
    return True


def ship(
    loaded: LoadedFlow,
    shipping: Shipping,
    target: Target,
    *,
    confirm: Confirm = always,
    on_built: Callable[[Built], None] = lambda _: None,
    on_event: OnEvent = lambda _: None,
) -> Shipped:
    """Build and deploy a flow.

    Args:
        loaded: the flow and its files.
        shipping: how.
        target: where to.
        confirm: is shown the changes, and says whether to make them.
        on_built: is told when there is a bundle.
        on_event: is told what CloudFormation does.

    Raises:
        DagyError: the flow cannot be built, AWS refuses, or the deployment fails; says why.
    """
    options = shipping.options
    name = stack_name_of(options.deployment or loaded.flow.name, options.environment)
    there = find_stack(target.client("cloudformation"), name)
    _check_owner(loaded, there, name)
    with _folder(shipping.output) as folder:
        built = _built(loaded, shipping, there, Path(folder))
        on_built(built)
        deployment = Deployment(built.bundle, shipping.parameters, _tags(loaded, shipping, target))
        outcome = deploy(
            deployment,
            target,
            Chosen(target, shipping.tool),
            confirm=confirm,
            on_event=on_event,
            force=shipping.force,
        )
    stack = outcome.stack
    if stack is None or outcome.refused:
        return Shipped(_result(built, outcome), built, outcome)
    outcome = _led_to_newest(target, stack, outcome)
    pruned = () if outcome.skipped else _tidied(target, stack, shipping.keep)
    return Shipped(_result(built, outcome), built, outcome, pruned)


def _tidied(target: Target, stack: Stack, keep: int) -> tuple[str, ...]:
    """Record who deployed, and remove old versions; neither is worth failing for."""
    try:
        bucket = artifact_bucket(target)
        record_deployment(bucket, stack, stack.outputs["VersionArn"])
        return prune(target, stack, bucket, keep)
    except AwsError as error:
        warnings.warn(f"it is deployed, and old versions were not removed: {error}", stacklevel=2)
        return ()


def _led_to_newest(target: Target, stack: Stack, outcome: Outcome) -> Outcome:
    """Let the alias lead to the version that was deployed, which it does not after a rollback."""
    stepfunctions = target.client("stepfunctions")
    newest = stack.outputs["VersionArn"]
    if current_version(stepfunctions, stack) == newest:
        return outcome
    point_alias(stepfunctions, stack, newest)
    return replace(outcome, skipped=False)


def _folder(output: Path | None) -> AbstractContextManager[Path | str]:
    return tempfile.TemporaryDirectory(prefix="dagy-") if output is None else nullcontext(output)


def _built(loaded: LoadedFlow, shipping: Shipping, there: Stack | None, folder: Path) -> Built:
    """Build the flow as the version that is there, and as the next one if it has changed."""
    before = there.outputs.get("FlowVersion") if there is not None else None
    version = shipping.version or before or "1"
    built = build(loaded, replace(shipping.options, version=version), folder)
    same = there is not None and there.outputs.get("BundleHash") == _hash(built)
    if shipping.version is not None or before is None or same:
        return built
    return build(loaded, replace(shipping.options, version=_after(before)), folder)


def _hash(built: Built) -> str:
    return str(built.bundle.manifest["bundle_hash"])


def _after(version: str) -> str:
    """Return the next label: the last number in it plus one.

    Examples:
        >>> _after("7"), _after("2026.3"), _after("blue")
        ('8', '2026.4', 'blue-2')
    """
    found = re.search(r"(\d+)(\D*)$", version)
    if found is None:
        return f"{version}-2"
    return f"{version[: found.start()]}{int(found[1]) + 1}{found[2]}"


def _check_owner(loaded: LoadedFlow, there: Stack | None, name: str) -> None:
    if there is None or there.is_new:
        return
    owner = there.outputs.get("FlowName")
    if there.status.startswith(("CREATE_", "UPDATE_", "IMPORT_")) and owner is None:
        raise DeployError(
            f"stack {name} is there and was not made by Dagy; deploy the flow under another name "
            "(--name)"
        )
    if owner is not None and owner != harmless(loaded.flow.name):
        raise DeployError(
            f"stack {name} is that of flow {owner!r}; deploy flow {loaded.flow.name!r} under "
            "another name (--name) or in another environment"
        )


def _tags(loaded: LoadedFlow, shipping: Shipping, target: Target) -> dict[str, str]:
    tags = {"dagy:flow": harmless(loaded.flow.name), **target.tags, **shipping.tags}
    if shipping.options.environment is not None:
        tags["dagy:environment"] = shipping.options.environment
    for key, value in tags.items():
        if not is_tag_key(key):
            raise DeployError(
                f"tag {key!r}: a key is at most 128 {TAG_CHARACTERS}, and does not begin with aws:"
            )
        if not is_tag_value(value):
            raise DeployError(
                f"tag {key!r}: a value is 1 to 256 {TAG_CHARACTERS}; this is {value!r}"
            )
    return tags


def _result(built: Built, outcome: Outcome) -> DeployResult:
    manifest = built.bundle.manifest
    outputs = outcome.stack.outputs if outcome.stack is not None else {}
    return DeployResult(
        flow_name=str(manifest["flow"]),
        flow_version=str(manifest["flow_version"]),
        deployment_name=str(manifest["stack_name"]).removeprefix("dagy-"),
        skipped=outcome.skipped,
        stack_name=str(manifest["stack_name"]),
        state_machine_arn=outputs.get("AliasArn") or outputs.get("StateMachineArn", ""),
    )
