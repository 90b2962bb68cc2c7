"""What `dagy run` prints while the run goes on, other than the live view: nothing, lines, or JSON.

Each is an `Observer`. Its `emit` is called by the scheduler, which waits for it: a line is put
together by hand and written at once, so that it stands where it belongs among what tasks print.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from rich.console import Console

from dagy.cli.screen import duration, state_text
from dagy.interpreter import Failure, Transition
from dagy.logs import LogLine
from dagy.spec import FlowSpec
from dagy.state import StateType


class Watcher:
    """Prints nothing; remembers which run it watches.

    Attributes:
        run_id: the run, once it has begun.
        tasks: the name of its task by task run id.
    """

    def __init__(self) -> None:
        self.run_id: str | None = None
        self.tasks: Mapping[str, str] = {}

    def begin(self, run_id: str, spec: FlowSpec) -> None:
        """Take note of the run that is about to start."""
        self.run_id = run_id
        self.tasks = {run.id: run.task_name for run in spec.task_runs}

    def line(self, line: LogLine) -> None:
        """Take note of what a task said; it is on the terminal already."""

    def emit(self, transition: Transition) -> None:
        """Take note of a transition."""


class ProgressLines(Watcher):
    """Prints a line for each transition.

    Args:
        console: where to; the run's result goes elsewhere, so that it can be piped.
    """

    def __init__(self, console: Console) -> None:
        super().__init__()
        # The stream of this moment: during the run, what is printed on sys.stderr is a task's.
        self._stream = console.file
        self._states = {state: _styled(console, state) for state in StateType}
        self._began: dict[str | None, float] = {}

    def emit(self, transition: Transition) -> None:
        """Print one transition."""
        at = transition.at
        began = self._began.setdefault(transition.task_run_id, at)
        time = datetime.fromtimestamp(at).isoformat(timespec="milliseconds")[11:]
        name = transition.task_run_id or "(flow)"
        detail = _detail(transition, at - began)
        state = self._states[transition.state]
        self._stream.write(f"{time}  {state}  {name}  {detail}".rstrip() + "\n")
        self._stream.flush()


class JsonLines(Watcher):
    """Writes a JSON object for each transition, one a line.

    A reader that goes away ends the writing, not the run.

    Args:
        stream: where to.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream: TextIO | None = stream

    def emit(self, transition: Transition) -> None:
        """Write one transition."""
        if self._stream is None:
            return
        try:
            self._stream.write(json.dumps(self._event(transition)) + "\n")
            self._stream.flush()
        except OSError:
            self._stream = None

    def _event(self, transition: Transition) -> dict[str, Any]:
        task_run_id = transition.task_run_id
        output = transition.output if task_run_id is None else None
        # An item of a map belongs to the task of the map.
        task = None if task_run_id is None else self.tasks.get(task_run_id.partition("[")[0])
        return {
            "at": datetime.fromtimestamp(transition.at, UTC).isoformat(timespec="microseconds"),
            "run_id": self.run_id,
            "task_run_id": task_run_id,
            "task": task,
            "state": transition.state.value,
            "attempt": transition.attempt,
            "message": transition.message,
            "error": error_to_dict(transition.error),
            "result": None if output is None else json.loads(output),
        }


def error_to_dict(error: Failure | None) -> dict[str, str] | None:
    """Return a failure as JSON."""
    if error is None:
        return None
    return {"type": error.type, "message": error.message, "traceback": error.traceback}


def _detail(transition: Transition, took: float) -> str:
    parts = [f"attempt {transition.attempt}"] if transition.attempt > 1 else []
    if transition.message:
        parts.append(transition.message)
    if transition.error is not None:
        parts.append(f"{transition.error.type}: {transition.error.message}")
    elif transition.state is StateType.SUCCEEDED:
        parts.append(duration(took))
    return "  ".join(parts)


def _styled(console: Console, state: StateType) -> str:
    with console.capture() as shown:
        console.print(state_text(f"{state.value:<9}"), end="")
    return shown.get()
