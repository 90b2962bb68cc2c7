"""`dagy run`: run a flow, and print how it goes in the way that was asked for."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from enum import Enum, auto
from pathlib import Path
from typing import Any, TextIO

from dagy.cli.params import read_params
from dagy.cli.progress import JsonLines, ProgressLines, Watcher, error_to_dict
from dagy.cli.report import print_end
from dagy.cli.screen import err, say_error
from dagy.errors import ParameterError
from dagy.loader import load_flow
from dagy.local import run_local
from dagy.run_context import LocalRunContext


class Output(Enum):
    """What `dagy run` prints: the first two while the run goes on and at its end."""

    AUTO = auto()
    LINES = auto()
    QUIET = auto()
    JSON = auto()
    JSON_LINES = auto()


def choose_output(*, as_json: bool, json_lines: bool, quiet: bool, live: bool) -> Output:
    """Return the output that the options ask for.

    Raises:
        ParameterError: they contradict each other.
    """
    if as_json and json_lines:
        raise ParameterError("--json prints one object and --json-lines one an event: give one")
    if as_json:
        return Output.JSON
    if json_lines:
        return Output.JSON_LINES
    if quiet:
        return Output.QUIET
    return Output.AUTO if live else Output.LINES


def run_flow(
    target: str,
    pairs: Sequence[str],
    params_file: Path | None,
    max_workers: int,
    fail_fast: bool,
    output: Output,
) -> None:
    """Run the flow of a file; exit with 1 if the run does not succeed."""

    def run(watcher: Watcher) -> LocalRunContext:
        flow = load_flow(target).flow
        given = read_params(flow, pairs, params_file)
        return run_local(
            flow, given, max_workers=max_workers, fail_fast=fail_fast, observer=watcher
        )

    watched(output, run)


def watched(output: Output, action: Callable[[Watcher], LocalRunContext]) -> None:
    """Make a run and print how it goes; exit with 1 if it does not succeed.

    Args:
        output: what to print.
        action: makes the run, watched by what it is given.
    """
    machine = output in {Output.JSON, Output.JSON_LINES}
    with _stdout_for_results() if machine else nullcontext(sys.stdout) as stdout:
        with watching(output, stdout) as watcher:
            try:
                run = action(watcher)
            except KeyboardInterrupt:
                run = None
        if run is None:
            _say_interrupted(watcher)
            sys.exit(130)
        if output is Output.JSON:
            stdout.write(json.dumps(_to_dict(run), indent=2) + "\n")
        elif output is not Output.JSON_LINES:
            print_end(run)
    if run.status != "SUCCEEDED":
        sys.exit(1)


@contextmanager
def watching(output: Output, stdout: TextIO) -> Iterator[Watcher]:
    """Give what is to watch a run, so that what was asked for is printed."""
    if output is Output.JSON_LINES:
        yield JsonLines(stdout)
    elif output is Output.AUTO and _can_draw():
        from dagy.cli.live import LiveView

        with LiveView(err) as view:
            yield view
    elif output in {Output.AUTO, Output.LINES}:
        yield ProgressLines(err)
    else:
        yield Watcher()


def _can_draw() -> bool:
    """Whether stderr is a terminal that can move its cursor, and a person is looking at it."""
    return (
        sys.stderr.isatty()
        and err.is_terminal
        and not err.is_dumb_terminal
        and not err.legacy_windows
        and not os.environ.get("CI")
    )


@contextmanager
def _stdout_for_results() -> Iterator[TextIO]:
    """Keep stdout for what this command prints; what tasks print there goes to stderr instead.

    The file descriptors are exchanged, not the Python objects, so that this holds for what child
    processes and libraries in C print too.
    """
    sys.stdout.flush()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # so that it keeps its place among the errors
    kept = os.dup(1)
    os.dup2(2, 1)
    results = os.fdopen(kept, "w", encoding="utf-8")
    try:
        yield results
    finally:
        sys.stdout.flush()
        # Whoever reads the results may have gone away; the run is recorded all the same.
        with suppress(OSError):
            results.flush()
        os.dup2(kept, 1)
        with suppress(OSError):
            results.close()


def _say_interrupted(watcher: Watcher) -> None:
    if watcher.run_id is None:
        say_error("interrupted before anything ran")
    else:
        say_error(f"interrupted; what had not ended was cancelled: dagy runs show {watcher.run_id}")


def _to_dict(run: LocalRunContext) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "flow": run.flow_name,
        "status": run.status,
        "result": run.result,
        "failed_task": run.failed_task,
        "error": error_to_dict(run.error),
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
                "error": error_to_dict(record.error),
            }
            for record in run.task_runs
        ],
    }
