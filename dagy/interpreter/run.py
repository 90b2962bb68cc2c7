"""What the scheduler is given, what it keeps of each task run, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from dagy.context import RunContext
from dagy.interpreter.body import Body, Outcome
from dagy.interpreter.events import Failure
from dagy.interpreter.timers import Timer
from dagy.policy import RetryPolicy
from dagy.spec import TaskRunSpec
from dagy.state import TRANSITIONS, StateType

Arguments = Callable[[], tuple[list[Any], dict[str, Any]]]
"""Gives the positional and keyword arguments of an attempt; may raise LookupError."""


class Assignment(NamedTuple):
    """Which part of a flow to run. By default all of it, from the start.

    Attributes:
        task_run_ids: the task runs to run, or None for all.
        results: outputs that are there already, as JSON text by task run id. Where they are of task
            runs to run, those succeed at once.
        attempt: make just this attempt of each and leave retries to whoever asks; None makes all
            the attempts that the policy allows.
        flow_attempt: likewise of the flow as a whole.
        reason: the message of task runs that succeed by a result that is there already.
    """

    task_run_ids: frozenset[str] | None = None
    results: Mapping[str, str] = MappingProxyType({})
    attempt: int | None = None
    flow_attempt: int | None = None
    reason: str | None = None


class TaskRun:
    """The state of one task run while the run goes on; changed only under the scheduler's lock.

    Attributes:
        id: its id in the flow.
        spec: what to run.
        body: how to run it.
        policy: its retries.
        arguments: gives what an attempt is called with.
        waits_for: how many dependencies have not ended well yet.
        dependents: the task runs that wait for this one.
        parent: the mapped task run that this is one item of.
        items: of a mapped task run, one for each item, once they are known.
        unfinished_items: how many of these have not ended.
        failed_items: how many have failed for good.
        failed_by: the item that was one too many of these.
        state: where it is in the table of transitions.
        attempt: number of the attempt under way, or of the last one made.
        under_way: that attempt, while it counts.
        started_at: seconds since the epoch of its first attempt.
        ended_at: seconds since the epoch of its end.
        output: JSON text, once it has succeeded.
        error: of the last attempt that failed.
        exception: likewise.
        message: what a person should know.
        is_asleep: whether all it does is to wait for a time, so that it can be left at once.
        not_taken: whether it is, or is to be, skipped because a branch was not taken, and not by a
            failure.
        retry_in: seconds after which somebody else is to make the next attempt; None if nobody is.
    """

    def __init__(
        self, spec: TaskRunSpec, body: Body, policy: RetryPolicy, arguments: Arguments
    ) -> None:
        self.id = spec.id
        self.spec = spec
        self.body = body
        self.policy = policy
        self.arguments = arguments
        self.waits_for = 0
        self.dependents: list[TaskRun] = []
        self.parent: TaskRun | None = None
        self.items: list[TaskRun] = []
        self.unfinished_items = 0
        self.failed_items = 0
        self.failed_by: TaskRun | None = None
        self.state = StateType.PENDING
        self.attempt = 0
        self.under_way: Attempt | None = None
        self.started_at: float | None = None
        self.ended_at: float | None = None
        self.output: str | None = None
        self.error: Failure | None = None
        self.exception: BaseException | None = None
        self.message: str | None = None
        self.not_taken = False
        self.is_asleep = False
        self.retry_in: float | None = None

    @property
    def is_mapped(self) -> bool:
        """Whether this is a map as a whole, which has no attempts of its own."""
        return self.spec.map_over is not None and self.parent is None

    def enter(self, state: StateType) -> None:
        """Change state, if the table of transitions allows it."""
        if state not in TRANSITIONS[self.state]:
            raise AssertionError(f"{self.id}: {self.state} -> {state} is not a transition")
        self.state = state


class Attempt:
    """One attempt under way: what the scheduler and the thread that makes it share of it.

    Attributes:
        run: the task run.
        number: of the attempt, from 1.
        started: when it began, in seconds since the epoch.
        context: what the task can learn of it, once its arguments are known.
        deadline: seconds since the epoch when it has failed by its timeout, or None.
        timer: of the deadline.
    """

    __slots__ = (
        *("_cancelled", "_stop", "context", "deadline"),
        *("number", "run", "started", "timer"),
    )

    def __init__(self, run: TaskRun, number: int, started: float) -> None:
        self.run = run
        self.number = number
        self.started = started
        self.context: RunContext | None = None
        self.deadline: float | None = None
        self.timer: Timer | None = None
        self._stop: Callable[[], None] | None = None
        self._cancelled = False

    def perform(self) -> Outcome:
        """Make the attempt, in this thread."""
        return self.run.body.attempt(self, self.run.arguments, self.run.policy)

    # Each of these two writes first and reads then, so that whichever comes last sees the other.

    def stoppable(self, stop: Callable[[], None]) -> None:
        """Say how this attempt can be stopped, from any thread."""
        self._stop = stop
        if self._cancelled:
            stop()

    def cancel(self) -> None:
        """Stop this attempt if it can be stopped. Its result no longer counts in any case."""
        self._cancelled = True
        if self._stop is not None:
            self._stop()


class RunResult(NamedTuple):
    """How a run ended.

    Attributes:
        status: SUCCEEDED, FAILED or CANCELLED.
        task_runs: by id, in the flow's order, the items of a map after it.
        output: the flow's return value; None unless it succeeded.
        error: of the first task run that failed for good, or of the return value.
        exception: likewise.
        failed_task: id of that task run.
        retry_in: seconds after which the flow's policy wants another attempt, where only one was
            asked for.
    """

    status: StateType
    task_runs: Mapping[str, TaskRun]
    output: Any = None
    error: Failure | None = None
    exception: BaseException | None = None
    failed_task: str | None = None
    retry_in: float | None = None
