"""`dagy schedule`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dagy.cli.screen import out, print_json, say, table
from dagy.schedules import Schedule, parse_schedule

if TYPE_CHECKING:
    from dagy.aws.schedules import ScheduledFlow
    from dagy.cli.place import Place


def explain_schedule(text: str, timezone: str, count: int, *, as_json: bool) -> None:
    """Print what a schedule means, when it fires next, and what EventBridge Scheduler is given."""
    schedule = parse_schedule(text, timezone)
    if as_json:
        times = schedule.next_times(datetime.now(UTC), count)
        print_json(
            {
                "schedule": schedule.text,
                "timezone": schedule.timezone,
                "meaning": schedule.meaning,
                "next": [moment.isoformat() for moment in times],
                "expressions": list(schedule.expressions),
            }
        )
        return
    for line in meaning_lines(schedule, count):
        say(line)
    say(f"  on AWS  {'  and  '.join(schedule.expressions)}")


def meaning_lines(schedule: Schedule, count: int = 3) -> Iterator[str]:
    """Yield what a schedule means, and when it fires next."""
    yield f"{schedule.text}: {schedule.meaning}"
    for number, moment in enumerate(schedule.next_times(datetime.now(UTC), count)):
        yield f"  {'then' if number else 'next'}    {moment:%a %Y-%m-%d %H:%M %Z}"


def show_schedules(place: Place, *, as_json: bool) -> None:
    """List the deployed flows that start by themselves."""
    from dagy.aws.schedules import scheduled
    from dagy.aws.stacks import flow_stacks

    stacks = flow_stacks(place.target().client("cloudformation"))
    flows = [each for each in map(scheduled, stacks) if each is not None]
    flows.sort(key=lambda flow: flow.stack.name)
    if as_json:
        print_json([_to_dict(flow) for flow in flows])
        return
    if not flows:
        say("No deployed flow starts by itself; `dagy deploy --schedule WHEN` makes one do so.")
        return
    rows = table("name", "schedule", "time zone", "state", "next")
    for flow in flows:
        following = _next(flow)
        rows.add_row(
            flow.stack.deployment,
            flow.schedule.text,
            flow.schedule.timezone,
            "paused" if flow.paused else "enabled",
            "" if following is None else f"{following:%a %Y-%m-%d %H:%M %Z}",
        )
    out.print(rows)


def pause_or_resume(place: Place, name: str, *, paused: bool) -> None:
    """Stop the schedules of a flow, or start them again."""
    from dagy.aws.schedules import scheduled, set_paused

    flow = place.flow(name)
    stack, cloudformation = flow.stack, flow.target.client("cloudformation")
    changed = set_paused(cloudformation, stack, paused=paused, on_event=lambda _: None)
    state = "paused" if paused else "not paused"
    if not changed:
        say(f"The schedule of {stack.deployment} is {state} already.")
        return
    say(f"The schedule of {stack.deployment} is {state} now.")
    planned = scheduled(stack)
    if planned is not None and not paused:
        for line in meaning_lines(planned.schedule):
            say(line)


def _next(flow: ScheduledFlow) -> datetime | None:
    """The next time; when a rate began to count is not told by AWS."""
    if flow.paused or flow.schedule.is_rate:
        return None
    return flow.schedule.next_times(datetime.now(UTC), 1)[0]


def _to_dict(flow: ScheduledFlow) -> dict[str, Any]:
    following = _next(flow)
    return {
        "name": flow.stack.deployment,
        "schedule": flow.schedule.text,
        "timezone": flow.schedule.timezone,
        "meaning": flow.schedule.meaning,
        "paused": flow.paused,
        "next": None if following is None else following.isoformat(),
    }
