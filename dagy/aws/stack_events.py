"""What CloudFormation does to a stack, event by event, and why it failed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from dagy.aws.pause import Pause
from dagy.aws.refusals import explained

_SHORTEST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 2.0
"""Seconds between two looks. CloudFormation throttles who looks more often."""


@dataclass(frozen=True)
class StackEvent:
    """One thing that CloudFormation did.

    Attributes:
        id: unique.
        at: when.
        resource: logical id; the stack's own name where the event is about the stack.
        type: of the resource.
        status: CloudFormation's own word.
        reason: why, where it says so.
    """

    id: str
    at: datetime
    resource: str
    type: str
    status: str
    reason: str = ""

    @property
    def is_of_stack(self) -> bool:
        """Whether it is about the stack as a whole."""
        return self.type == "AWS::CloudFormation::Stack"

    @property
    def is_failure(self) -> bool:
        """Whether something failed by itself, and not because something else had failed."""
        cancelled = "cancelled" in self.reason.lower()
        return self.status.endswith("_FAILED") and not self.is_of_stack and not cancelled


OnEvent = Callable[[StackEvent], None]


def last_event(cloudformation: Any, stack_id: str) -> str | None:
    """Return the id of the newest event of a stack, after which `follow` is to begin."""
    return next((event.id for event in _newest_first(cloudformation, stack_id)), None)


def follow(
    cloudformation: Any, stack_id: str, after: str | None, on_event: OnEvent
) -> list[StackEvent]:
    """Tell of a stack's events as they come, until CloudFormation is done with it.

    Args:
        cloudformation: boto3's client.
        stack_id: its ARN, since a stack that is being deleted loses its name.
        after: the id of the last event that is known; None for those from the beginning.
        on_event: is told of each.

    Returns:
        The events, oldest first; the last one is the stack's own.

    Raises:
        AwsError: AWS refuses to tell.
    """
    told: list[StackEvent] = []
    pause = Pause(_SHORTEST_PAUSE, _LONGEST_PAUSE)
    while True:
        fresh = _since(cloudformation, stack_id, told[-1].id if told else after)
        for event in fresh:
            told.append(event)
            on_event(event)
        if told and told[-1].is_of_stack and not told[-1].status.endswith("_IN_PROGRESS"):
            return told
        if fresh:
            pause.restart()
        pause.wait()


def watched(
    cloudformation: Any, stack_id: str, doing: str, begin: Callable[[], object], on_event: OnEvent
) -> list[StackEvent]:
    """Let CloudFormation begin something, and tell of its events until it is done.

    Args:
        cloudformation: boto3's client.
        stack_id: as for `follow`.
        doing: what is being done, for messages.
        begin: makes the request.
        on_event: is told of each event.

    Returns:
        As `follow`.

    Raises:
        AwsError: AWS refuses the request, or to tell.
    """
    before = last_event(cloudformation, stack_id)
    with explained(doing):
        begin()
    return follow(cloudformation, stack_id, before, on_event)


def why_failed(events: list[StackEvent]) -> str:
    """Return what failed first, CloudFormation's reason, and what to do where that is known."""
    first = next((event for event in events if event.is_failure), None)
    if first is None:
        reasons = [event.reason for event in events if event.is_of_stack and event.reason]
        return reasons[0] if reasons else "CloudFormation gives no reason"
    advice = next((text for pattern, text in _ADVICE if re.search(pattern, first.reason)), None)
    told = f"{first.resource} ({first.type}) failed first: {first.reason or 'without a reason'}"
    return f"{told}\n  {advice}" if advice else told


_ADVICE = (
    (
        r"not authorized to perform|AccessDenied|UnauthorizedTaggingOperation",
        "Who deploys needs that permission, or a role with it.",
    ),
    (
        r"UnreservedConcurrentExecution",
        "Reserve less concurrency, or ask AWS for a higher quota of concurrent executions.",
    ),
    (
        r"LimitExceeded|limit exceeded|quota",
        "Ask AWS for a higher quota, or delete what is unused.",
    ),
    (r"already exists", "Delete what has that name, or import it into the stack."),
    (
        r"NoSuchKey|NoSuchBucket|object not found",
        "What was uploaded is gone; deploy again with --force.",
    ),
    (
        r"cannot be assumed by",
        "A role that was just made may need some seconds to be known; deploy again.",
    ),
    (r"[Ss]ubnet|[Ss]ecurity ?[Gg]roup", "Check the subnets and security groups of the settings."),
)


def _since(cloudformation: Any, stack_id: str, after: str | None) -> list[StackEvent]:
    found = []
    for event in _newest_first(cloudformation, stack_id):
        if event.id == after:
            break
        found.append(event)
    return found[::-1]


def _newest_first(cloudformation: Any, stack_id: str) -> Iterator[StackEvent]:
    with explained(f"following stack {stack_id}"):
        pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id)
        for page in pages:
            for event in page["StackEvents"]:
                yield StackEvent(
                    id=event["EventId"],
                    at=event["Timestamp"],
                    resource=event["LogicalResourceId"],
                    type=event["ResourceType"],
                    status=event["ResourceStatus"],
                    reason=event.get("ResourceStatusReason", ""),
                )
