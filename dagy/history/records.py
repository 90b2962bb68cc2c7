"""What the history tells of a run: frozen records, and their JSON form."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from dagy.interpreter.events import Failure


@dataclass(frozen=True)
class RunSummary:
    """One run, in a line.

    Attributes:
        run_id: its id.
        flow_name: the flow's name.
        flow_version: the label of its version.
        status: RUNNING, SUCCEEDED, FAILED, CANCELLED, or CRASHED when its process was gone before
            it ended.
        started_at: in UTC.
        ended_at: in UTC; None while it goes on. Of a crashed run, when it was last heard of.
        task_runs_total: how many task runs have changed state so far.
        task_runs_succeeded: how many of them succeeded.
    """

    run_id: str
    flow_name: str
    flow_version: str
    status: str
    started_at: datetime
    ended_at: datetime | None
    task_runs_total: int
    task_runs_succeeded: int

    @property
    def duration(self) -> float | None:
        """Seconds from start to end; None while it has not ended."""
        return _seconds(self.started_at, self.ended_at)

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as JSON: ISO 8601 times, durations in seconds."""
        return {
            "run_id": self.run_id,
            "flow_name": self.flow_name,
            "flow_version": self.flow_version,
            "status": self.status,
            "started_at": _iso(self.started_at),
            "ended_at": _iso(self.ended_at),
            "duration": self.duration,
            "task_runs_total": self.task_runs_total,
            "task_runs_succeeded": self.task_runs_succeeded,
        }


@dataclass(frozen=True)
class Attempt:
    """One attempt of a task run.

    Attributes:
        number: from 1.
        started_at: in UTC.
        ended_at: in UTC; None while it goes on, and if the end of its process cut it off.
        failed: whether it failed, be it for good or to be tried again.
    """

    number: int
    started_at: datetime
    ended_at: datetime | None
    failed: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the attempt as JSON: ISO 8601 times."""
        return {
            "attempt": self.number,
            "started_at": _iso(self.started_at),
            "ended_at": _iso(self.ended_at),
            "failed": self.failed,
        }


@dataclass(frozen=True)
class TaskRunDetail:
    """One task run.

    Attributes:
        task_run_id: its id in the flow.
        state: the state it is in.
        attempts: how many attempts were begun.
        started_at: when the first attempt began, in UTC; None if none did.
        ended_at: when it reached its final state, in UTC; None also of one that was cut off by the
            end of its process, for nobody saw that.
        message: what a person should know, if anything.
        output: JSON text, if it succeeded.
        error: of the last attempt that failed, unless it succeeded in the end.
        tries: each attempt, in order.
    """

    task_run_id: str
    state: str
    attempts: int
    started_at: datetime | None
    ended_at: datetime | None
    message: str | None
    output: str | None
    error: Failure | None
    tries: tuple[Attempt, ...] = ()

    @property
    def duration(self) -> float | None:
        """Seconds from the first attempt to the end, waits between attempts included."""
        return _seconds(self.started_at, self.ended_at)

    def to_dict(self) -> dict[str, Any]:
        """Return the task run as JSON: ISO 8601 times, durations in seconds, the output's value."""
        return {
            "task_run_id": self.task_run_id,
            "state": self.state,
            "attempts": self.attempts,
            "started_at": _iso(self.started_at),
            "ended_at": _iso(self.ended_at),
            "duration": self.duration,
            "message": self.message,
            "output": _value(self.output),
            "error": _failure(self.error),
            "tries": [attempt.to_dict() for attempt in self.tries],
        }


@dataclass(frozen=True)
class RunDetail(RunSummary):
    """One run, with all that is known of it.

    Attributes:
        parameters: the flow's parameters by name, as JSON text.
        max_workers: how many tasks could run at once.
        fail_fast: whether the first failure stopped it.
        dagy_version: the version of Dagy that ran it.
        resumed_from: the run whose results it began with, if there is one.
        message: what a person should know, if anything.
        output: the flow's return value as JSON text, if it succeeded.
        error: why it failed.
        task_runs: in the order in which they first changed state.
    """

    parameters: str
    max_workers: int
    fail_fast: bool
    dagy_version: str
    resumed_from: str | None
    message: str | None
    output: str | None
    error: Failure | None
    task_runs: tuple[TaskRunDetail, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the run as JSON: as a summary's, with values parsed, and every task run."""
        return {
            **super().to_dict(),
            "parameters": _value(self.parameters),
            "max_workers": self.max_workers,
            "fail_fast": self.fail_fast,
            "dagy_version": self.dagy_version,
            "resumed_from": self.resumed_from,
            "message": self.message,
            "output": _value(self.output),
            "error": _failure(self.error),
            "task_runs": [task_run.to_dict() for task_run in self.task_runs],
        }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="microseconds")


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else (end - start).total_seconds()


def _value(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def _failure(error: Failure | None) -> dict[str, str] | None:
    if error is None:
        return None
    return {"type": error.type, "message": error.message, "traceback": error.traceback}
