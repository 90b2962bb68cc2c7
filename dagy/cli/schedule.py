"""`dagy schedule`."""

from __future__ import annotations

from datetime import UTC, datetime

from dagy.cli.screen import print_json, say
from dagy.schedules import Schedule, parse_schedule


def explain_schedule(text: str, timezone: str, count: int, *, as_json: bool) -> None:
    """Print what a schedule means, when it fires next, and what EventBridge Scheduler is given."""
    schedule = parse_schedule(text, timezone)
    times = schedule.next_times(datetime.now(UTC), count)
    if as_json:
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
    say_meaning(schedule, times)
    say(f"  on AWS  {'  and  '.join(schedule.expressions)}")


def say_meaning(schedule: Schedule, times: list[datetime]) -> None:
    """Print what a schedule means, and when it fires next."""
    say(f"{schedule.text}: {schedule.meaning}")
    for number, moment in enumerate(times):
        say(f"  {'then' if number else 'next'}    {moment:%a %Y-%m-%d %H:%M %Z}")
