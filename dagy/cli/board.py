"""The state of a run as the live view shows it, kept up to date from transitions and log lines."""

from __future__ import annotations

from collections import Counter

from dagy.interpreter import SystemClock, Transition
from dagy.logs import LogLine
from dagy.spec import FlowSpec
from dagy.state import TERMINAL, StateType

_LONGEST_NOTE = 500
"""Characters kept of an error or of a log line; no terminal is wider."""


class Row:
    """One task run.

    Attributes:
        task_run_id: its id.
        task: its task's name.
        attempts_allowed: how many attempts there can be.
        is_map: whether it is a map as a whole, of which the items are shown and not itself.
        state: the state it is in.
        attempt: the attempt under way, or the last one made.
        started_at: seconds since the epoch of its first attempt.
        ended_at: seconds since the epoch of its end.
        note: its error, or what else a person should know; empty if nothing.
        last_line: the last it said; empty if nothing.
    """

    __slots__ = (
        "attempt", "attempts_allowed", "ended_at", "is_map", "last_line", "note", "started_at",
        "state", "task", "task_run_id",
    )  # fmt: skip

    def __init__(
        self, task_run_id: str, task: str, attempts_allowed: int, *, is_map: bool = False
    ) -> None:
        self.task_run_id = task_run_id
        self.task = task
        self.attempts_allowed = attempts_allowed
        self.is_map = is_map
        self.state = StateType.PENDING
        self.attempt = 0
        self.started_at: float | None = None
        self.ended_at: float | None = None
        self.note = ""
        self.last_line = ""

    @property
    def retrying(self) -> bool:
        """Whether it waits for another attempt."""
        return self.state is StateType.PENDING and self.attempt > 0

    def elapsed(self, now: float) -> float | None:
        """Return the seconds since its first attempt began, until now or its end."""
        return None if self.started_at is None else (self.ended_at or now) - self.started_at


class Board:
    """Every task run of a run, and counts of them; a change costs the same however many there are.

    Attributes:
        rows: the task runs by id, in the flow's order.
        counts: how many are in each state.
        groups: the same, by task name.
        active: those to be shown one by one, in the order in which they became so: failed, running
            or about to be retried.
    """

    def __init__(self, spec: FlowSpec) -> None:
        self._spec = spec
        self._clock = SystemClock()
        self._began = self._clock.now()
        self._ended: float | None = None
        self._start_over()

    def now(self) -> float:
        """Return seconds since the epoch."""
        return self._clock.now()

    @property
    def elapsed(self) -> float:
        """Seconds since the run began, until now or its end."""
        return (self._ended or self.now()) - self._began

    def apply(self, transition: Transition) -> None:
        """Take note of a transition."""
        if transition.task_run_id is None:
            if transition.state is StateType.RUNNING and transition.attempt > 1:
                self._start_over()  # the flow as a whole is retried
            elif transition.state is StateType.RUNNING:
                self._began = transition.at
            elif transition.state in TERMINAL:
                self._ended = transition.at
            return
        row = self.rows.get(transition.task_run_id)
        if row is None:  # an item of a map: how many there are is known only now
            whole = self.rows[transition.task_run_id.partition("[")[0]]
            row = self._add(Row(transition.task_run_id, whole.task, whole.attempts_allowed))
        self._count(row, -1)
        row.state, row.attempt = transition.state, transition.attempt
        if row.state is StateType.RUNNING and row.started_at is None:
            row.started_at = transition.at
        if row.state in TERMINAL:
            row.ended_at = transition.at
        row.note = _note(transition)
        self._count(row, 1)
        if not row.is_map and (row.state in _ACTIVE or row.retrying):
            self.active[row.task_run_id] = row
        else:
            self.active.pop(row.task_run_id, None)

    def hear(self, line: LogLine) -> None:
        """Take note of what a task said."""
        row = self.rows.get(line.task_run_id or "")
        if row is not None and line.text.strip():
            row.last_line = line.text.strip()[:_LONGEST_NOTE].splitlines()[-1]

    def _start_over(self) -> None:
        self.rows: dict[str, Row] = {}
        self.counts: Counter[StateType] = Counter()
        self.groups: dict[str, Counter[StateType]] = {}
        self.active: dict[str, Row] = {}
        for run in self._spec.task_runs:
            allowed = self._spec.tasks[run.task_name].retries + 1
            self._add(Row(run.id, run.task_name, allowed, is_map=run.map_over is not None))

    def _add(self, row: Row) -> Row:
        self.rows[row.task_run_id] = row
        self._count(row, 1)
        return row

    def _count(self, row: Row, by: int) -> None:
        if row.is_map:
            return
        self.counts[row.state] += by
        self.groups.setdefault(row.task, Counter())[row.state] += by


_ACTIVE = frozenset({StateType.RUNNING, StateType.FAILED})


def _note(transition: Transition) -> str:
    if transition.error is not None:
        first = transition.error.message.strip().partition("\n")[0]
        return f"{transition.error.type}: {first}"[:_LONGEST_NOTE]
    return (transition.message or "")[:_LONGEST_NOTE]
