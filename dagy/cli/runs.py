"""`dagy runs list` and `dagy runs show`."""

from __future__ import annotations

from datetime import datetime

from rich.text import Text

from dagy.cli.screen import duration, out, print_json, say, say_error, state_text, table
from dagy.errors import HistoryError
from dagy.history import Home, find_run, list_runs

LATEST = "latest"


def show_list(limit: int, *, as_json: bool) -> None:
    """List the latest runs, newest first."""
    runs = list_runs(Home.find(), limit=limit)
    if as_json:
        print_json([run.to_dict() for run in runs])
        return
    if not runs:
        say("No runs yet. `dagy run FILE.py` makes one.")
        return
    rows = table("run", "flow", "status", "started", "took", "tasks")
    for run in runs:
        done = f"{run.task_runs_succeeded}/{run.task_runs_total}"
        rows.add_row(
            run.run_id,
            run.flow_name,
            state_text(run.status),
            _local(run.started_at),
            duration(run.duration),
            done,
        )
    out.print(rows)


def show_run(run_id: str, *, as_json: bool) -> None:
    """Show one run and each of its task runs."""
    home = Home.find()
    if run_id == LATEST:
        newest = list_runs(home, limit=1)
        if not newest:
            raise HistoryError("no run has been recorded yet; `dagy run FILE.py` makes one")
        run_id = newest[0].run_id
    run = find_run(home, run_id)
    if as_json:
        print_json(run.to_dict())
        return
    out.print(Text.assemble(f"{run.flow_name}  run {run.run_id}  ", state_text(run.status)))
    say(f"started {_local(run.started_at)}, took {duration(run.duration) or 'no time yet'}")
    say(f"parameters {run.parameters}")
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
    if run.task_runs:
        out.print(rows)
    if run.error is not None:
        detail = f"{run.error.type}: {run.error.message}"
        say_error(f"{run.message or 'the run failed'}: {detail}\n{run.error.traceback}".rstrip())


def _local(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
