"""Removing what no execution can need any more: mark what is needed, sweep the rest.

Needed is what the stack has now, and all that the versions refer to which are kept: the newest few,
the current one, and those with executions under way.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from dagy.aws.artifact_bucket import ArtifactBucket
from dagy.aws.lasting import Lasting, lasting_of, remove_all
from dagy.aws.refusals import code_of, explained
from dagy.aws.stacks import Stack, resources_of
from dagy.aws.target import Target
from dagy.aws.versions import pages, record_key, running_by_version, versions_of


def prune(target: Target, stack: Stack, bucket: ArtifactBucket, keep: int) -> tuple[str, ...]:
    """Remove the versions of a flow that are neither kept nor in use, with what only they need.

    Args:
        target: where.
        stack: the flow's.
        bucket: what was uploaded for them.
        keep: versions to keep besides those in use, at least 1.

    Returns:
        What was removed, as `kind name`.

    Raises:
        AwsError: AWS refuses something; what was removed before stays removed.
    """
    stepfunctions = target.client("stepfunctions")
    # Which version an execution needs that was started past the alias, nobody can say.
    running = running_by_version(stepfunctions, stack.outputs["StateMachineArn"])
    if running[None]:
        return ()
    versions = versions_of(stepfunctions, stack, running)
    kept = [v for index, v in enumerate(versions) if index < keep or v.is_current or v.running]
    needed = _Needed(target, stack)
    needed.mark(version.arn for version in kept)
    left = [each for each in _with_versions(target, stack.name) if not needed.has(each)]
    remove_all(left)
    uploads = needed.uploads() | {record_key(stack, version.number) for version in kept}
    keys = [key for key in bucket.keys(f"{stack.name}/") if key not in uploads]
    bucket.remove(keys)
    return (*(f"{each.kind} {each.name}" for each in left), *(f"upload {key}" for key in keys))


class _Needed:
    """What a stack and some of its versions refer to, and what that refers to."""

    def __init__(self, target: Target, stack: Stack) -> None:
        self._target = target
        self._stack = stack
        self._marked: set[str] = set()
        self._texts: list[str] = []
        present = resources_of(target.client("cloudformation"), stack)
        self.mark(resource.physical_id for resource in present)

    def mark(self, ids: Iterable[str]) -> None:
        """Mark resources, and all that they refer to."""
        for each in ids:
            if each not in self._marked:
                self._marked.add(each)
                text = self._described(each)
                self._texts.append(text)
                self.mark(_ARN.findall(text))

    def has(self, lasting: Lasting) -> bool:
        """Whether a resource is needed, or a version of it is."""
        if {lasting.id, lasting.name} & self._marked:
            return True
        if lasting.kind == "table":  # by its name, in the environment of a function
            return any(lasting.name in text for text in self._texts)
        return any(each.startswith(f"{lasting.id}:") for each in self._marked)

    def uploads(self) -> set[str]:
        """Return what was uploaded and is needed: by the stack as it is, and by containers."""
        key = re.compile(rf"{re.escape(self._stack.name)}/[0-9a-f]{{64}}/[\w.-]+")
        read = {found for text in self._texts for found in key.findall(text)}
        return read | set(self._stack.parameters.values())

    def _described(self, arn: str) -> str:
        """Return what a resource is, as text; an empty one if it is gone or refers to nothing."""
        with explained(f"looking at {arn}"):
            try:
                return json.dumps(self._describe(arn), default=str)
            except Exception as error:
                if code_of(error) in {"StateMachineDoesNotExist", "ResourceNotFoundException"}:
                    return ""
                raise

    def _describe(self, arn: str) -> Any:
        client = self._target.client
        if ":stateMachine:" in arn:
            return client("stepfunctions").describe_state_machine(stateMachineArn=arn)
        if ":function:" in arn:
            return client("lambda").get_function_configuration(FunctionName=arn)
        if ":task-definition/" in arn:
            return client("ecs").describe_task_definition(taskDefinition=arn)
        return None


_ARN = re.compile(r"arn:[a-z-]+:(?:states|lambda|ecs|iam):[^\s\"'\\]*")


def _with_versions(target: Target, stack: str) -> Iterator[Lasting]:
    """Yield what a stack has made, the versions of something before itself."""
    for each in lasting_of(target, stack):
        if each.kind == "state machine":
            yield from _machine_versions(target, each)
        elif each.kind == "function":
            yield from _function_versions(target, each)
        yield each


def _machine_versions(target: Target, machine: Lasting) -> Iterator[Lasting]:
    client = target.client("stepfunctions")
    for found in pages(
        client.list_state_machine_versions, "stateMachineVersions", stateMachineArn=machine.id
    ):
        arn = found["stateMachineVersionArn"]
        remove = partial(client.delete_state_machine_version, stateMachineVersionArn=arn)
        yield Lasting("version", arn, arn.partition("stateMachine:")[2], remove)


def _function_versions(target: Target, function: Lasting) -> Iterator[Lasting]:
    client = target.client("lambda")
    listed = client.get_paginator("list_versions_by_function")
    for page in listed.paginate(FunctionName=function.id):
        for found in page["Versions"]:
            number = found["Version"]
            if number != "$LATEST":
                remove = partial(client.delete_function, FunctionName=function.id, Qualifier=number)
                name = f"{function.name}:{number}"
                yield Lasting("version", f"{function.id}:{number}", name, remove)
