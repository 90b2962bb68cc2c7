"""`dagy runs list`, `show` and `delete`."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

import typer
from rich.text import Text

from dagy.cli.screen import duration, out, print_json, say, say_error, state_text, table
from dagy.errors import HistoryError
from dagy.history import Home, RunDetail, RunSummary, delete_runs, find_run, list_runs
from dagy.history.recorded import CRASHED
from dagy.state import StateType

if TYPE_CHECKING:
    from dagy.aws.executions import RemoteSummary

NO_RUNS = "No runs yet. `dagy run FILE.py` makes one."

_STATUSES = ["RUNNING", "SUCCEEDED", "FAILED", StateType.CANCELLED.value, CRASHED]
_AGO = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_NARROWEST = 40


def show_list(
    flow_name: str | None,
    statuses: Sequence[str],
    since: str | None,
    limit: int,
    *,
    as_json: bool,
) -> None:
    """List the latest runs, newest first."""
    runs = list_runs(
        Home.find(),
        limit=limit,
        flow_name=flow_name,
        statuses=[status_of(each) for each in statuses],
        since=None if since is None else moment(since, datetime.now(UTC)),
    )
    filtered = flow_name or statuses or since
    print_list(
        runs,
        "tasks",
        lambda run: f"{run.task_runs_succeeded}/{run.task_runs_total}",
        nothing="No run fits; `dagy runs list` shows the latest of all." if filtered else NO_RUNS,
        as_json=as_json,
    )


R = TypeVar("R", RunSummary, "RemoteSummary")


def print_list(
    runs: Sequence[R], last: str, cell: Callable[[R], str], *, nothing: str, as_json: bool
) -> None:
    """Print runs, a line each.

    Args:
        runs: in the order in which they are to stand.
        last: the heading of the last column.
        cell: what stands there.
        nothing: what to say if there are none.
        as_json: print JSON.
    """
    if as_json:
        print_json([run.to_dict() for run in runs])
        return
    if not runs:
        say(nothing)
        return
    rows = table("run", "flow", "status", "started", "took", last)
    for run in runs:
        status, started = state_text(run.status), local(run.started_at)
        took = duration(run.duration)
        rows.add_row(run.run_id, run.flow_name, status, started, took, cell(run))
    out.print(rows)


def status_of(text: str) -> str:
    """Return the status that `--status` means."""
    status = text.upper()
    if status not in _STATUSES:
        known = ", ".join(each.lower() for each in _STATUSES)
        raise HistoryError(f"--status {text}: there is no such status; there are {known}")
    return status


def moment(text: str, now: datetime) -> datetime:
    """Return the moment that `--since` means.

    Args:
        text: `2h` or `3d` for that long ago; or a date or a time in ISO 8601, local unless it says
            otherwise.
        now: with a time zone.

    Raises:
        HistoryError: it is neither.
    """
    ago = _AGO.fullmatch(text.strip())
    try:
        if ago is not None:
            return now - timedelta(**{_UNITS[ago[2]]: float(ago[1])})
        return datetime.fromisoformat(text.strip()).astimezone()
    except (ValueError, OverflowError) as error:
        raise HistoryError(
            f"--since {text}: write how long ago (30m, 2h, 3d) or when (2026-01-31, "
            "2026-01-31T06:00)"
        ) from error


def show_run(run_id: str, *, as_json: bool) -> None:
    """Show one run, its timeline, and each of its task runs."""
    home = Home.find()
    run = find_run(home, run_id)
    if as_json:
        print_json(run.to_dict())
        return
    try:
        flow_json = home.flow(run.run_id).read_text(encoding="utf-8")
    except OSError:
        flow_json = None
    print_run(run, flow_json)


def print_run(run: RunDetail, flow_json: str | None) -> None:
    """Print a run, its timeline, and each of its task runs.

    Args:
        run: the run.
        flow_json: its graph, for the critical path; None leaves that out.
    """
    _print_head(run)
    _print_timeline(run, flow_json)
    _print_task_runs(run)
    if run.error is not None:
        detail = f"{run.error.type}: {run.error.message}"
        say_error(f"{run.message or 'the run failed'}: {detail}\n{run.error.traceback}".rstrip())
    elif run.status == CRASHED:
        say_error(f"the run crashed: {run.message}")


def _print_head(run: RunDetail) -> None:
    out.print(Text.assemble(f"{run.flow_name}  run {run.run_id}  ", state_text(run.status)))
    say(f"started {local(run.started_at)}, took {duration(run.duration) or 'no time yet'}")
    if run.resumed_from is not None:
        say(f"resumed from run {run.resumed_from}")
    say(f"parameters {run.parameters}")


def _print_timeline(run: RunDetail, flow_json: str | None) -> None:
    from dagy.cli.timeline import ASCII, UNICODE, draw

    width = max(_NARROWEST, shutil.get_terminal_size((100, 24)).columns)
    lines = draw(run, flow_json, width, UNICODE if _can_draw() else ASCII)
    if lines:
        say()
    for line in lines:
        out.print(line)


def _can_draw() -> bool:
    return out.is_terminal and (out.encoding or "").lower().startswith("utf")


def _print_task_runs(run: RunDetail) -> None:
    if not run.task_runs:
        return
    rows = table("task run", "state", "attempts", "took", "")
    for task_run in run.task_runs:
        note = task_run.message or ""
        if task_run.error is not None:
            note = f"{task_run.error.type}: {task_run.error.message}"
        rows.add_row(
            task_run.task_run_id,
            state_text(task_run.state),
            str(task_run.attempts),
            duration(task_run.duration),
            Text(note, style="dim"),
        )
    say()
    out.print(rows)


def delete(runs: Sequence[str], *, yes: bool) -> None:
    """Delete runs; ask first on a terminal, and insist on `--yes` elsewhere."""
    home = Home.find()
    found = list(dict.fromkeys(find_run(home, run).run_id for run in runs))
    many = f"run {found[0]}" if len(found) == 1 else f"{len(found)} runs ({', '.join(found)})"
    everything = f"{many} and all that {'it' if len(found) == 1 else 'they'} left"
    if not yes:
        if not sys.stdin.isatty():
            raise HistoryError(f"to delete {everything}, say --yes")
        if not typer.confirm(f"Delete {everything}?"):
            say("Nothing was deleted.")
            return
    delete_runs(home, found)
    say(f"Deleted {many}.")


def local(moment: datetime) -> str:
    """Return a moment as people here write it."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
