"""`dagy runs compare`."""

from __future__ import annotations

from rich.text import Text

from dagy.cli.runs import local
from dagy.cli.screen import duration, out, print_json, say, state_text, table
from dagy.history import Home, find_run
from dagy.history.compare import Comparison, TaskRunChange, compare

_NOTICEABLE = 0.1  # of what it took before, and at least so many seconds:
_SHORTEST_NOTICEABLE = 0.01
_MOST_ROWS = 40


def show_comparison(before: str, after: str, *, as_json: bool) -> None:
    """Show what differs between two runs."""
    home = Home.find()
    comparison = compare(find_run(home, before), find_run(home, after))
    if as_json:
        print_json(comparison.to_dict())
        return
    _print_totals(comparison)
    changed = [change for change in comparison.changes if _is_noticeable(change)]
    if changed:
        rows = table("task run", "before", "after", "change")
        for change in changed[:_MOST_ROWS]:
            before_cell, after_cell = _cell(change, first=True), _cell(change, first=False)
            rows.add_row(change.task_run_id, before_cell, after_cell, _change(change))
        say()
        out.print(rows)
    if len(changed) > _MOST_ROWS:
        say(f"and {len(changed) - _MOST_ROWS} that changed less; --json has them all")
    alike = len(comparison.changes) - len(changed)
    if alike:
        say(f"{alike} task run{'s' if alike != 1 else ''} about as before")


def _print_totals(comparison: Comparison) -> None:
    rows = table("", "run", "flow", "status", "started", "took", "tasks")
    for label, run in (("before", comparison.before), ("after", comparison.after)):
        rows.add_row(
            label,
            run.run_id,
            run.flow_name,
            state_text(run.status),
            local(run.started_at),
            duration(run.duration),
            f"{run.task_runs_succeeded}/{run.task_runs_total}",
        )
    out.print(rows)
    if comparison.seconds is not None:
        took = comparison.before.duration or 0.0
        say(f"in all {_longer(comparison.seconds, took).plain}")


def _is_noticeable(change: TaskRunChange) -> bool:
    if change.kind != "same":
        return True
    if change.before is None or change.seconds is None:
        return False
    least = max(_SHORTEST_NOTICEABLE, _NOTICEABLE * (change.before.duration or 0.0))
    return abs(change.seconds) >= least


def _cell(change: TaskRunChange, *, first: bool) -> Text:
    task_run = change.before if first else change.after
    if task_run is None:
        return Text("")
    tries = f" in {task_run.attempts} attempts" if task_run.attempts > 1 else ""
    took = duration(task_run.duration)
    if change.kind == "same":
        return Text(f"{took}{tries}")
    return Text.assemble(state_text(task_run.state), f" {took}{tries}".rstrip())


def _change(change: TaskRunChange) -> Text:
    if change.kind in {"new", "gone"}:
        return Text(change.kind, style="cyan")
    if change.seconds is None or change.before is None:
        return Text("")
    return _longer(change.seconds, change.before.duration or 0.0)


def _longer(seconds: float, before: float) -> Text:
    if abs(seconds) < 0.0005:
        return Text("as long as before")
    share = f" ({seconds / before:+.0%})" if before > 0 else ""
    word, style = ("slower", "red") if seconds > 0 else ("faster", "green")
    return Text(f"{duration(abs(seconds))} {word}{share}", style=style)
