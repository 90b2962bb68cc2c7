"""`dagy logs --remote`: what the tasks of a run on AWS said."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

from dagy.aws.executions import Execution
from dagy.aws.worker_log import Record, lines_of, records_of
from dagy.cli.logs import printer_of
from dagy.cli.place import Place
from dagy.cli.screen import err
from dagy.logs import LogLine

_PAUSE = 2.0
"""Seconds between two looks at a run that is followed."""


def show_remote_logs(
    place: Place,
    run_id: str,
    flow_name: str | None,
    task: str | None,
    *,
    following: bool,
    as_json: bool,
    tail: int | None,
) -> None:
    """Print the log of a run; if it is followed, go on until the run has ended."""
    execution = place.execution(run_id, flow_name)
    shown = 0
    printer = None
    try:
        for line in _lines(execution, task, following=following, tail=tail):
            printer = printer or printer_of([line.task_run_id or ""], as_json=as_json)
            printer.print(line)
            shown += 1
    except KeyboardInterrupt:
        sys.exit(130)
    if not shown:
        whose = f"task {task!r} of run {execution.run_id}" if task else f"run {execution.run_id}"
        err.print(f"{whose} has said nothing", markup=False)


def _lines(
    execution: Execution, task: str | None, *, following: bool, tail: int | None
) -> Iterator[LogLine]:
    def wanted(line: LogLine) -> bool:
        return task is None or task in {line.task_run_id, line.task}

    known: set[LogLine] = set()
    records: list[Record] = []
    while True:
        execution = execution.again() if known or following else execution
        over = execution.has_ended
        records = records_of(execution, records)
        fresh = [
            line for line in lines_of(execution, records) if wanted(line) and line not in known
        ]
        if tail is not None and not known:
            fresh = fresh[len(fresh) - min(tail, len(fresh)) :]
        known.update(fresh)
        yield from fresh
        if over or not following:
            return
        time.sleep(_PAUSE)
