"""A recorded run, read from its journal alone.

Resuming must work right after a crash, and where DuckDB or its file cannot be used; so nothing here
needs either.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dagy.errors import HistoryError
from dagy.history import owner
from dagy.history.journal import RunHeader, read_header
from dagy.state import TERMINAL, StateType

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from dagy.history.home import Home

LATEST = "latest"
RUNNING, CRASHED = StateType.RUNNING.value, "CRASHED"
"""What a run is that has not ended: its process is there, or gone. No task run is ever CRASHED."""

_SHOWN_CANDIDATES = 5
_NEEDED = {"seq", "at", "state", "attempt"}
_STATES = frozenset(state.value for state in StateType)


@dataclass(frozen=True)
class RecordedTaskRun:
    """What became of one task run.

    Attributes:
        state: the last state that was recorded; RUNNING or PENDING if the run crashed meanwhile.
        attempts: how many attempts were begun.
        output: JSON text, if it succeeded.
        message: of its last transition.
    """

    state: StateType
    attempts: int
    output: str | None
    message: str | None = None


@dataclass(frozen=True)
class RecordedRun:
    """A run as its journal tells it.

    Attributes:
        header: what was known when it started: flow, parameters, options.
        status: SUCCEEDED, FAILED, CANCELLED, RUNNING, or CRASHED.
        flow_json: the FlowSpec it ran, as `FlowSpec.from_json` reads it; None if that was not
            recorded (the process ended, or the disk was full, just as the run began).
        task_runs: by id, in the order in which they first changed state; one that never did is
            missing.
        output: the flow's return value as JSON text, if it succeeded.
    """

    header: RunHeader
    status: str
    flow_json: str | None
    task_runs: Mapping[str, RecordedTaskRun]
    output: str | None

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.header.run_id

    @property
    def results(self) -> dict[str, str]:
        """The outputs of the task runs that succeeded, as JSON text by task run id."""
        return {
            name: task_run.output
            for name, task_run in self.task_runs.items()
            if task_run.state is StateType.SUCCEEDED and task_run.output is not None
        }


def results_of(home: Home, run: str) -> RecordedRun:
    """Return all that a resume needs to know of a run.

    Args:
        home: where the history is.
        run: its id, a prefix that no other run's id has, or `latest`.

    Raises:
        HistoryError: there is no such run, or several, or its journal cannot be read.
    """
    run_id = find_run_id(home, run)
    path = home.journal(run_id)
    try:
        alive = is_alive(path)  # asked first: what is dead now has written its last line
        header = read_header(path)
        entries = list(_entries(path))
        flow_json = _text(home.flow(run_id))
    except OSError as error:
        raise HistoryError(f"run {run_id} cannot be read: {error}") from error
    if header is None:
        raise HistoryError(f"run {run_id} has not begun, or was removed just now")
    task_runs, end = _replay(entries)
    ended = end.get("state") in TERMINAL
    return RecordedRun(
        header=header,
        status=end["state"] if ended else RUNNING if alive else CRASHED,
        flow_json=flow_json,
        task_runs=task_runs,
        output=end.get("output"),
    )


def is_alive(journal: Path) -> bool:
    """Tell whether a run goes on; see `owner.is_held` for when to ask.

    Where the file system cannot tell, a run goes on until its journal says that it has ended.

    Raises:
        OSError: the journal is there and cannot be read.
    """
    held = owner.is_held(journal)
    if held is None:
        return _replay(list(_entries(journal)))[1].get("state") not in TERMINAL
    return held


def find_run_id(home: Home, run: str) -> str:
    """Return the id of the one recorded run that is meant.

    Args:
        home: where the history is.
        run: its id, a prefix that no other run's id has, or `latest`.

    Raises:
        HistoryError: there is no such run, or several (the message lists candidates).
    """
    run_ids = home.run_ids()
    if not run_ids:
        raise nothing_recorded(home, run)
    if run in run_ids:
        return run
    if run == LATEST:
        return next(iter(newest_first(home, run_ids)))
    candidates = [name for name in run_ids if name.startswith(run)]
    return _the_one(run, list(newest_first(home, candidates)))


def _the_one(prefix: str, candidates: list[str]) -> str:
    if len(candidates) == 1:
        return candidates[0]
    if not candidates:
        raise HistoryError(
            f"no run has an id that begins with {prefix!r}; `dagy runs list` shows them"
        )
    shown = ", ".join(candidates[:_SHOWN_CANDIDATES])
    more = ", ..." if len(candidates) > _SHOWN_CANDIDATES else ""
    raise HistoryError(
        f"several runs have an id that begins with {prefix!r}: {shown}{more}; give more of it"
    )


def nothing_recorded(home: Home, run: str) -> HistoryError:
    """Return the error for a run that is asked for where there is none at all."""
    return HistoryError(
        f"no run {run!r}: no run has been recorded in {home.root} yet; `dagy run FILE.py` makes one"
    )


def newest_first(home: Home, run_ids: list[str]) -> dict[str, RunHeader | None]:
    """Return the headers of runs by run id, the latest first; None for one that cannot be read."""
    headers = {run_id: _header(home, run_id) for run_id in run_ids}

    def started_at(run: tuple[str, RunHeader | None]) -> tuple[float, str]:
        run_id, header = run
        return (0.0 if header is None else header.started_at, run_id)

    return dict(sorted(headers.items(), key=started_at, reverse=True))


def _header(home: Home, run_id: str) -> RunHeader | None:
    try:
        return read_header(home.journal(run_id))
    except (HistoryError, OSError):
        return None  # of another version, or damaged: whoever asks for it by id hears why


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the transitions; a line that is none, being torn or damaged, is left out."""
    with path.open("rb") as file:
        file.readline()
        for line in file:
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict) and _is_transition(entry):
                yield entry


def _is_transition(entry: dict[str, Any]) -> bool:
    return entry.keys() >= _NEEDED and entry["state"] in _STATES


def _replay(
    entries: list[dict[str, Any]],
) -> tuple[dict[str, RecordedTaskRun], dict[str, Any]]:
    """Return the last word on each task run, and on the run itself.

    A flow that is run again begins from nothing: what an earlier attempt made is not there for it.
    """
    task_runs: dict[str, RecordedTaskRun] = {}
    run: dict[str, Any] = {}
    for entry in entries:
        name = entry.get("task_run_id")
        if name is None:
            run = entry
            if entry["state"] == RUNNING:
                task_runs.clear()
            continue
        task_runs[name] = RecordedTaskRun(
            StateType(entry["state"]), entry["attempt"], entry.get("output"), entry.get("message")
        )
    return task_runs, run


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
