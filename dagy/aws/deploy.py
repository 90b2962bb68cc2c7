"""Deploying a bundle: plan the changes, make them, and mend what an earlier deployment left.

CloudFormation makes all changes of a stack or none, and the alias that executions start from is the
last of them. So a deployment that fails or dies leaves the flow as it was, and the next one begins
by bringing the stack back to a state that can be changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from dagy.aws.changes import ChangeSet, discard_change_set, is_overtaken
from dagy.aws.stack_events import OnEvent, follow, last_event, watched, why_failed
from dagy.aws.stacks import Stack, find_stack
from dagy.aws.target import Target
from dagy.errors import AwsError, DeployError
from dagy_compiler.bundle import Bundle


@dataclass(frozen=True)
class Deployment:
    """What is to be deployed, and as what.

    Attributes:
        bundle: the flow.
        parameters: of the template, besides those that say where the code is.
        tags: of everything.
    """

    bundle: Bundle
    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def stack_name(self) -> str:
        """The name of the stack."""
        return str(self.bundle.manifest["stack_name"])

    def is_deployed(self, stack: Stack) -> bool:
        """Whether a stack is what this would make of it."""
        return (
            stack.outputs.get("BundleHash") == self.bundle.manifest["bundle_hash"]
            and self.parameters.items() <= stack.parameters.items()
            and dict(self.tags) == dict(stack.tags)
            and stack.status.endswith("_COMPLETE")
        )


class Preparer(Protocol):
    """Uploads what a deployment consists of, and asks CloudFormation what would change."""

    def prepare(self, deployment: Deployment, stack: Stack | None, *, again: bool) -> ChangeSet:
        """Return the changes.

        Args:
            deployment: what is to be there.
            stack: what is there.
            again: upload what is there already, too.

        Raises:
            AwsError: AWS refuses something; see `dagy.aws.changes.is_overtaken`.
            DagyError: the changes cannot be prepared; says why.
        """
        ...


@dataclass(frozen=True)
class Outcome:
    """What a deployment came to.

    Attributes:
        stack: as it is now; None where there is none.
        skipped: whether everything was as it should be.
        refused: whether the changes were planned and not wanted.
        changes: what was changed, or would be.
    """

    stack: Stack | None
    skipped: bool = False
    refused: bool = False
    changes: ChangeSet | None = None


Confirm = Callable[[ChangeSet], bool]


def deploy(
    deployment: Deployment,
    target: Target,
    preparer: Preparer,
    *,
    confirm: Confirm,
    on_event: OnEvent,
    force: bool = False,
) -> Outcome:
    """Deploy a bundle.

    Args:
        deployment: what is to be there.
        target: where.
        preparer: the CDK, or CloudFormation by itself.
        confirm: is shown the changes, and says whether to make them.
        on_event: is told what CloudFormation does.
        force: upload and compare although nothing seems to have changed.

    Raises:
        AwsError: AWS refuses something.
        DeployError: CloudFormation could not make the changes; with what failed first, and why.
    """
    cloudformation = target.client("cloudformation")
    for _ in range(_ATTEMPTS):
        stack = settled(cloudformation, deployment.stack_name, on_event)
        if stack is not None and deployment.is_deployed(stack) and not force:
            return Outcome(stack, skipped=True)
        try:
            changes = preparer.prepare(deployment, stack, again=force)
        except AwsError as error:
            if is_overtaken(error):
                continue
            raise
        if changes.id is None:
            return Outcome(stack, skipped=True, changes=changes)
        if not _wanted(cloudformation, changes, confirm):
            return Outcome(stack, refused=True, changes=changes)
        if _made(cloudformation, changes, on_event):
            return Outcome(find_stack(cloudformation, deployment.stack_name), changes=changes)
    raise DeployError(
        f"stack {deployment.stack_name}: somebody else keeps deploying it; try again when they "
        "have finished"
    )


def settled(cloudformation: Any, name: str, on_event: OnEvent) -> Stack | None:
    """Return a stack that can be changed, once it can; None if it has to be made.

    Whoever is at work on it is waited for. What was never made as a whole is removed, and what
    could not be brought back to what it was is brought back now.

    Raises:
        AwsError: AWS refuses something.
        DeployError: it cannot be mended; with CloudFormation's reason.
    """
    while (stack := find_stack(cloudformation, name)) is not None:
        if stack.is_busy:
            _wait_for(cloudformation, stack, on_event)
        elif stack.status in _NEVER_MADE:
            remove_stack(cloudformation, stack, on_event)
        elif stack.status == "UPDATE_ROLLBACK_FAILED":
            _bring_back(cloudformation, stack, on_event)
        else:
            break
    return stack


def remove_stack(cloudformation: Any, stack: Stack, on_event: OnEvent) -> None:
    """Delete a stack, and wait until it is gone.

    Raises:
        AwsError: AWS refuses it.
        DeployError: something of it cannot be deleted; with CloudFormation's reason.
    """
    events = watched(
        cloudformation,
        stack.id,
        f"deleting stack {stack.name}",
        lambda: cloudformation.delete_stack(StackName=stack.id),
        on_event,
    )
    if events[-1].status != "DELETE_COMPLETE":
        raise DeployError(f"stack {stack.name} cannot be deleted: {why_failed(events)}")


_ATTEMPTS = 5

_NEVER_MADE = frozenset({"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"})


def _wait_for(cloudformation: Any, stack: Stack, on_event: OnEvent) -> None:
    before = last_event(cloudformation, stack.id)
    # It may have come to its end just before that event, and then there is no other.
    now = find_stack(cloudformation, stack.id)
    if now is not None and now.is_busy:
        follow(cloudformation, stack.id, before, on_event)


def _bring_back(cloudformation: Any, stack: Stack, on_event: OnEvent) -> None:
    events = watched(
        cloudformation,
        stack.id,
        f"bringing stack {stack.name} back to what it was",
        lambda: cloudformation.continue_update_rollback(StackName=stack.id),
        on_event,
    )
    if events[-1].status != "UPDATE_ROLLBACK_COMPLETE":
        raise DeployError(
            f"stack {stack.name} could not be brought back to what it was after a deployment that "
            f"failed: {why_failed(events)}\n  CloudFormation's console lets you skip the resource."
        )


def _wanted(cloudformation: Any, changes: ChangeSet, confirm: Confirm) -> bool:
    """Ask whether to make changes; if not, or if nobody answers, nothing of them is left."""
    wanted = False
    try:
        wanted = confirm(changes)
    finally:
        if not wanted:
            discard_change_set(cloudformation, changes)
    return wanted


def _made(cloudformation: Any, changes: ChangeSet, on_event: OnEvent) -> bool:
    """Make changes; False if somebody else has changed the stack since they were planned."""
    try:
        events = watched(
            cloudformation,
            changes.stack_id,
            f"changing stack {changes.stack_id}",
            lambda: cloudformation.execute_change_set(ChangeSetName=changes.id),
            on_event,
        )
    except AwsError as error:
        if is_overtaken(error):
            return False
        raise
    if events[-1].status not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
        name = changes.stack_id.rpartition("stack/")[2].partition("/")[0]
        kept = "nothing of it is left" if changes.is_create else "the flow is as it was before"
        raise DeployError(f"stack {name}: {why_failed(events)}\n  Deploy again; {kept}.")
    return True
