"""Taking a flow off AWS, so that nothing of it is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dagy.aws.artifact_bucket import ArtifactBucket
from dagy.aws.deploy import remove_stack
from dagy.aws.lasting import lasting_of, remove_all, tagged
from dagy.aws.refusals import code_of, explained
from dagy.aws.stack_events import OnEvent
from dagy.aws.stacks import Stack, find_stack
from dagy.aws.stopping import stop
from dagy.aws.target import Target
from dagy.aws.versions import running_executions


@dataclass(frozen=True)
class Removal:
    """What taking a flow away would remove.

    Attributes:
        stack: as it is; None if only what outlived it is left.
        running: ARNs of executions under way, which are stopped.
        left: what outlives the stack, as `kind name`.
        uploads: keys in the bucket of artifacts.
        data: the stack's own bucket of large values; None if there is none. One of the user's is
            left as it is: it holds what is not this flow's.
    """

    stack: Stack | None
    running: tuple[str, ...]
    left: tuple[str, ...]
    uploads: tuple[str, ...]
    data: str | None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing."""
        return not (self.stack or self.left or self.uploads or self.data)


def removal_of(target: Target, stack_name: str, bucket: ArtifactBucket) -> Removal:
    """Return what taking a flow away would remove.

    Args:
        target: where.
        stack_name: of its stack, which may be gone already.
        bucket: of artifacts.

    Raises:
        AwsError: AWS refuses to tell.
    """
    stack = find_stack(target.client("cloudformation"), stack_name)
    machine = stack.outputs.get("StateMachineArn") if stack is not None else None
    return Removal(
        stack,
        running=_running(target, machine) if machine is not None else (),
        left=tuple(f"{each.kind} {each.name}" for each in lasting_of(target, stack_name)),
        uploads=tuple(bucket.keys(f"{stack_name}/")),
        data=(stack and _own_bucket(stack)) or _data_of(target, stack_name),
    )


def destroy(
    target: Target,
    stack_name: str,
    bucket: ArtifactBucket,
    removal: Removal,
    *,
    keep_data: bool,
    on_event: OnEvent,
) -> None:
    """Take a flow away. Run again, it goes on where it was interrupted.

    Args:
        target: where.
        stack_name: of its stack.
        bucket: of artifacts; the flow's own are removed from it.
        removal: what `removal_of` told.
        keep_data: leave the bucket of large values.
        on_event: is told what CloudFormation does.

    Raises:
        AwsError: AWS refuses something.
        DeployError: CloudFormation cannot delete something; with its reason.
    """
    stepfunctions = target.client("stepfunctions")
    for arn in removal.running:
        stop(stepfunctions, arn, "Dagy.Destroyed", "the flow was taken off AWS")
    if removal.stack is not None:
        # Emptied before its name is forgotten with the stack, for then nobody would find it.
        if removal.data is not None and not keep_data:
            _empty(target.client("s3"), removal.data)
        remove_stack(target.client("cloudformation"), removal.stack, on_event)
    remove_all(list(lasting_of(target, stack_name)))
    if removal.data is not None and not keep_data:
        _remove_bucket(target.client("s3"), removal.data)
    bucket.remove(list(removal.uploads))


def _running(target: Target, machine: str) -> tuple[str, ...]:
    found = running_executions(target.client("stepfunctions"), machine)
    return tuple(each["executionArn"] for each in found)


def _own_bucket(stack: Stack) -> str | None:
    return None if "DataPrefix" in stack.outputs else stack.outputs.get("DataBucketName")


def _data_of(target: Target, stack_name: str) -> str | None:
    """Return the bucket that a stack has left behind, if it is gone and there is one."""
    with explained(f"looking for what is left of stack {stack_name}"):
        return next((arn.rpartition(":")[2] for arn in tagged(target, stack_name, "s3")), None)


def _empty(s3: Any, name: str) -> None:
    with explained(f"emptying bucket {name}"):
        try:
            for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
                every = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
                objects = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in every]
                if objects:
                    s3.delete_objects(Bucket=name, Delete={"Objects": objects, "Quiet": True})
        except Exception as error:
            if code_of(error) != "NoSuchBucket":
                raise


def _remove_bucket(s3: Any, name: str) -> None:
    _empty(s3, name)
    with explained(f"deleting bucket {name}"):
        try:
            s3.delete_bucket(Bucket=name)
        except Exception as error:
            if code_of(error) != "NoSuchBucket":
                raise
