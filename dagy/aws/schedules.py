"""The schedules of deployed flows: what they are, and stopping and starting them.

Whether they fire is a parameter of the stack, so that pausing is an update of the stack. A change
behind CloudFormation's back would be undone by the next deployment that touches the schedule.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dagy.aws.deploy import settled
from dagy.aws.stack_events import OnEvent, watched, why_failed
from dagy.aws.stacks import Stack
from dagy.errors import DeployError
from dagy.schedules import Schedule, parse_schedule
from dagy_compiler.schedule_resources import DISABLED, ENABLED, STATE


@dataclass(frozen=True)
class ScheduledFlow:
    """A deployed flow that starts by itself.

    Attributes:
        stack: of the flow.
        schedule: when it starts.
        paused: whether it does not, for now.
    """

    stack: Stack
    schedule: Schedule
    paused: bool


def scheduled(stack: Stack) -> ScheduledFlow | None:
    """Return what a stack says of its schedule; None if it has none."""
    text = stack.outputs.get("Schedule")
    if text is None:
        return None
    schedule = parse_schedule(text, stack.outputs.get("ScheduleTimezone", "UTC"))
    return ScheduledFlow(stack, schedule, stack.parameters.get(STATE) == DISABLED)


def set_paused(cloudformation: Any, stack: Stack, *, paused: bool, on_event: OnEvent) -> bool:
    """Stop the schedules of a flow, or start them again.

    Args:
        cloudformation: boto3's client.
        stack: of the flow.
        paused: whether they are to stop.
        on_event: is told what CloudFormation does.

    Returns:
        Whether anything had to be done.

    Raises:
        AwsError: AWS refuses.
        DeployError: the flow has no schedule, or CloudFormation could not change it.
    """
    there = settled(cloudformation, stack.name, on_event)
    if there is None or STATE not in there.parameters:
        raise DeployError(
            f"flow {stack.deployment!r} has no schedule; deploy it with one: --schedule WHEN"
        )
    state = DISABLED if paused else ENABLED
    if there.parameters[STATE] == state:
        return False
    kept = [
        {"ParameterKey": name, "UsePreviousValue": True}
        for name in there.parameters
        if name != STATE
    ]
    events = watched(
        cloudformation,
        there.id,
        f"changing the schedule of stack {there.name}",
        lambda: cloudformation.update_stack(
            StackName=there.name,
            UsePreviousTemplate=True,
            Parameters=[*kept, {"ParameterKey": STATE, "ParameterValue": state}],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
        ),
        on_event,
    )
    if events[-1].status != "UPDATE_COMPLETE":
        raise DeployError(f"stack {there.name}: {why_failed(events)}; the schedule is as it was")
    return True
