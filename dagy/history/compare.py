"""Two runs side by side: what got slower, what changed its state, what is new or gone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dagy.history.records import RunSummary

if TYPE_CHECKING:
    from dagy.history.records import RunDetail, TaskRunDetail


@dataclass(frozen=True)
class TaskRunChange:
    """One task run in two runs.

    Attributes:
        task_run_id: its id in the flow.
        before: in the first run; None if it was not there.
        after: in the second run, likewise.
    """

    task_run_id: str
    before: TaskRunDetail | None
    after: TaskRunDetail | None

    @property
    def seconds(self) -> float | None:
        """How much longer it took the second time; None unless both times are known."""
        if self.before is None or self.after is None:
            return None
        return difference(self.before.duration, self.after.duration)

    @property
    def kind(self) -> str:
        """`new`, `gone`, `state` if that changed, else `same`."""
        if self.before is None:
            return "new"
        if self.after is None:
            return "gone"
        return "same" if self.before.state == self.after.state else "state"

    def to_dict(self) -> dict[str, Any]:
        """Return the change as JSON; times in seconds."""
        return {
            "task_run_id": self.task_run_id,
            "change": self.kind,
            "before": _to_dict(self.before),
            "after": _to_dict(self.after),
            "seconds": self.seconds,
        }


@dataclass(frozen=True)
class Comparison:
    """Two runs and what differs.

    Attributes:
        before: the first run.
        after: the second run.
        changes: one a task run of either; what changed most comes first.
    """

    before: RunDetail
    after: RunDetail
    changes: tuple[TaskRunChange, ...]

    @property
    def seconds(self) -> float | None:
        """How much longer the second run took in all; None unless both have ended."""
        return difference(self.before.duration, self.after.duration)

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON; times in seconds."""
        return {
            "before": RunSummary.to_dict(self.before),
            "after": RunSummary.to_dict(self.after),
            "seconds": self.seconds,
            "task_runs": [change.to_dict() for change in self.changes],
        }


def compare(before: RunDetail, after: RunDetail) -> Comparison:
    """Compare two runs; task runs are matched by their ids."""
    first = {task_run.task_run_id: task_run for task_run in before.task_runs}
    second = {task_run.task_run_id: task_run for task_run in after.task_runs}
    names = dict.fromkeys([*second, *first])
    changes = [TaskRunChange(name, first.get(name), second.get(name)) for name in names]
    changes.sort(key=lambda change: (change.kind == "same", -abs(change.seconds or 0.0)))
    return Comparison(before, after, tuple(changes))


def difference(before: float | None, after: float | None) -> float | None:
    """Return `after - before`, or None if either is not known."""
    return None if before is None or after is None else after - before


def _to_dict(task_run: TaskRunDetail | None) -> dict[str, Any] | None:
    if task_run is None:
        return None
    return {
        "state": task_run.state,
        "attempts": task_run.attempts,
        "duration": task_run.duration,
    }
