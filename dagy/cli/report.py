"""The end of `dagy run`: how the run ended, its result, and what is known of its failure."""

from __future__ import annotations

from collections import Counter

from rich.text import Text

from dagy.cli.screen import err, from_task, out, print_json, say_error, state_text
from dagy.history import Home
from dagy.logs import LogLine, last_lines
from dagy.run_context import LocalRunContext

_LINES_OF_LOG = 10
_OTHER_FAILURES = 10


def print_end(run: LocalRunContext) -> None:
    """Print the summary and the result on stdout; why it failed, if it did, on stderr."""
    counts = Counter(record.state for record in run.task_runs)
    tally = ", ".join(f"{count} {state.lower()}" for state, count in counts.items())
    out.print(
        Text.assemble(
            f"{run.flow_name}: ",
            state_text(run.status),
            f"  ({tally or 'no tasks'})  run {run.run_id}",
        )
    )
    if run.error is not None:
        _print_failure(run)
    elif run.result is not None:
        print_json(run.result)


def _print_failure(run: LocalRunContext) -> None:
    error = run.error
    assert error is not None, "the run has failed"
    where = f"task {run.failed_task!r}: " if run.failed_task else ""
    say_error(f"{where}{error.type}: {error.message}\n{error.traceback}".rstrip())
    _print_others(run)
    if run.failed_task is not None:
        _print_log(run.run_id, run.failed_task)


def _print_others(run: LocalRunContext) -> None:
    # A map has failed because an item of it has, which is told already.
    maps = {record.id.partition("[")[0] for record in run.task_runs if "[" in record.id}
    # Of one that has succeeded, failures of items were tolerated.
    succeeded = {record.id for record in run.task_runs if record.state == "SUCCEEDED"}
    others = [
        record
        for record in run.task_runs
        if record.error is not None
        and record.state == "FAILED"
        and record.id not in {run.failed_task, *maps}
        and record.id.partition("[")[0] not in succeeded
    ]
    for record in others[:_OTHER_FAILURES]:
        assert record.error is not None, "chosen so"
        say_error(f"task {record.id!r}: {record.error.type}: {record.error.message}")
    if len(others) > _OTHER_FAILURES:
        say_error(f"{len(others) - _OTHER_FAILURES} more tasks failed: dagy runs show {run.run_id}")


def _print_log(run_id: str, task_run_id: str) -> None:
    def wanted(line: LogLine) -> bool:
        return line.task_run_id == task_run_id

    try:
        lines = last_lines(Home.find().log(run_id), _LINES_OF_LOG, wanted)
    except OSError:
        return  # the failure itself has been shown
    if lines:
        err.print(f"its last words (dagy logs {run_id} --task {task_run_id}):", markup=False)
        for line in lines:
            err.print(Text("  ").append_text(from_task(line.text)))
