"""`dagy run`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.text import Text

from dagy.cli.params import read_params
from dagy.cli.screen import duration, err, out, print_json, say_error, state_text
from dagy.interpreter import Transition
from dagy.loader import load_flow
from dagy.local import run_local
from dagy.run_context import LocalRunContext
from dagy.state import StateType


def run_flow(
    target: str,
    pairs: Sequence[str],
    params_file: Path | None,
    max_workers: int,
    fail_fast: bool,
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Run the flow of a file; exit with 1 if the run does not succeed."""
    flow = load_flow(target).flow
    given = read_params(flow, pairs, params_file)
    try:
        run = run_local(
            flow,
            given,
            max_workers=max_workers,
            fail_fast=fail_fast,
            observer=None if as_json or quiet else ProgressLines(),
        )
    except KeyboardInterrupt:
        say_error("interrupted; what had not ended was cancelled: dagy runs show latest")
        sys.exit(130)
    if as_json:
        print_json(_to_dict(run))
    else:
        _print_end(run)
    if run.status != "SUCCEEDED":
        sys.exit(1)


class ProgressLines:
    """A sink that prints a line for each transition, on stderr so that the result can be piped."""

    def __init__(self) -> None:
        self._started: dict[str | None, float] = {}

    def emit(self, transition: Transition) -> None:
        """Print one transition."""
        at = transition.at
        began = self._started.setdefault(transition.task_run_id, at)
        time = datetime.fromtimestamp(at).strftime("%H:%M:%S.%f")[:-3]
        detail = transition.message or ""
        if transition.error is not None:
            detail = f"{detail}  {transition.error.type}: {transition.error.message}".strip()
        elif transition.state is StateType.SUCCEEDED:
            detail = duration(at - began)
        if transition.attempt > 1:
            detail = f"attempt {transition.attempt}  {detail}".strip()
        name = transition.task_run_id or "(flow)"
        state = state_text(f"{transition.state.value:<9}")
        err.print(Text.assemble((time, "dim"), "  ", state, "  ", name, "  ", (detail, "dim")))


def _print_end(run: LocalRunContext) -> None:
    counts: dict[str, int] = {}
    for record in run.task_runs:
        counts[record.state] = counts.get(record.state, 0) + 1
    tally = ", ".join(f"{count} {state.lower()}" for state, count in counts.items())
    out.print(
        Text.assemble(
            f"{run.flow_name}: ",
            state_text(run.status),
            f"  ({tally or 'no tasks'})  run {run.run_id}",
        )
    )
    if run.error is not None:
        where = f"task {run.failed_task!r}: " if run.failed_task else ""
        say_error(f"{where}{run.error.type}: {run.error.message}\n{run.error.traceback}".rstrip())
    elif run.result is not None:
        print_json(run.result)


def _to_dict(run: LocalRunContext) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "flow": run.flow_name,
        "status": run.status,
        "result": run.result,
        "failed_task": run.failed_task,
        "error": _error(run.error),
        "task_runs": [
            {
                "id": record.id,
                "task": record.task_name,
                "state": record.state,
                "attempts": record.attempts,
                "start": None if record.start is None else record.start.isoformat(),
                "end": None if record.end is None else record.end.isoformat(),
                "output": record.output,
                "message": record.message,
                "error": _error(record.error),
            }
            for record in run.task_runs
        ],
    }


def _error(error: Any) -> dict[str, str] | None:
    if error is None:
        return None
    return {"type": error.type, "message": error.message, "traceback": error.traceback}
