"""Stacks of CloudFormation: what is there, in one value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from dagy.aws.refusals import code_of, explained

REVIEW = "REVIEW_IN_PROGRESS"
"""The status of a stack that has a change set and nothing else yet."""


@dataclass(frozen=True)
class Stack:
    """A stack as it is.

    Attributes:
        id: its ARN, which still finds it when it is deleted.
        name: unique among the stacks that are there.
        status: CloudFormation's own word.
        outputs: by name.
        parameters: by name; the value of one that is secret is masked.
        tags: by key.
        changed_at: when it was made or last changed.
    """

    id: str
    name: str
    status: str
    outputs: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    changed_at: datetime | None = None

    @property
    def is_new(self) -> bool:
        """Whether nothing was ever made of it."""
        return self.status == REVIEW

    @property
    def is_busy(self) -> bool:
        """Whether CloudFormation is at work on it."""
        return self.status.endswith("_IN_PROGRESS") and not self.is_new

    @property
    def deployment(self) -> str:
        """What the flow is called there."""
        return self.name.removeprefix("dagy-")

    @property
    def is_flow(self) -> bool:
        """Whether it is the stack of a flow."""
        return {"StateMachineArn", "BundleHash"} <= set(self.outputs)


def find_stack(cloudformation: Any, name: str) -> Stack | None:
    """Return the stack of a name or id; None if there is none, or it is deleted.

    Raises:
        AwsError: AWS refuses to tell.
    """
    with explained(f"looking at stack {name}"):
        try:
            [found] = cloudformation.describe_stacks(StackName=name)["Stacks"]
        except Exception as error:
            # CloudFormation has no name of its own for this refusal.
            if code_of(error) == "ValidationError" and "does not exist" in str(error):
                return None
            raise
    stack = _stack(found)
    return None if stack.status == "DELETE_COMPLETE" else stack


def flow_stacks(cloudformation: Any) -> Iterator[Stack]:
    """Yield the stacks of flows in this account and region.

    Raises:
        AwsError: AWS refuses to tell.
    """
    with explained("listing stacks"):
        for page in cloudformation.get_paginator("describe_stacks").paginate():
            yield from (stack for stack in map(_stack, page["Stacks"]) if stack.is_flow)


class StackResource(NamedTuple):
    """Something that a stack consists of.

    Attributes:
        type: CloudFormation's.
        physical_id: what CloudFormation calls it: its name, or its ARN.
    """

    type: str
    physical_id: str


def resources_of(cloudformation: Any, stack: Stack) -> list[StackResource]:
    """Return what a stack consists of, as far as it is there.

    Raises:
        AwsError: AWS refuses to tell.
    """
    listed = cloudformation.get_paginator("list_stack_resources")
    with explained(f"listing what is in stack {stack.name}"):
        return [
            StackResource(found["ResourceType"], found["PhysicalResourceId"])
            for page in listed.paginate(StackName=stack.id)
            for found in page["StackResourceSummaries"]
            if "PhysicalResourceId" in found
        ]


def _stack(found: Mapping[str, Any]) -> Stack:
    return Stack(
        id=found["StackId"],
        name=found["StackName"],
        status=found["StackStatus"],
        outputs={each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", ())},
        parameters={
            each["ParameterKey"]: each.get("ParameterValue", "")
            for each in found.get("Parameters", ())
        },
        tags={each["Key"]: each["Value"] for each in found.get("Tags", ())},
        changed_at=found.get("LastUpdatedTime") or found.get("CreationTime"),
    )
