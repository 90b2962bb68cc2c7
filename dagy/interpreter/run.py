"""What the scheduler is given, what it keeps of each task run, and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from dagy.interpreter.body import Body
from dagy.interpreter.events import Failure
from dagy.policy import RetryPolicy
from dagy.spec import TaskRunSpec
from dagy.state import TRANSITIONS, StateType


class Assignment(NamedTuple):
    """Which part of a flow to run. By default all of it, from the start.

    Attributes:
        task_run_ids: the task runs to run, or None for all.
        results: outputs that are there already, as JSON text by task run id.
        attempt: make just this attempt of each and leave retries to whoever asks; None makes all
            the attempts that the policy allows.
    """

    task_run_ids: frozenset[str] | None = None
    results: Mapping[str, str] = MappingProxyType({})
    attempt: int | None = None


class TaskRun:
    """The state of one task run while the run goes on; changed only by the scheduler.

    Attributes:
        spec: what to run.
        body: how to run it.
        policy: its retries.
        waits_for: how many dependencies have not succeeded yet.
        dependents: the task runs that wait for this one.
        state: where it is in the table of transitions.
        attempt: the attempt under way, or the last one made.
        started_at: seconds since the epoch of its first attempt.
        ended_at: seconds since the epoch of its end.
        output: JSON text, once it has succeeded.
        error: of the last attempt that failed.
        exception: likewise.
        message: what a person should know.
    """

    def __init__(self, spec: TaskRunSpec, body: Body, policy: RetryPolicy) -> None:
        self.spec = spec
        self.body = body
        self.policy = policy
        self.waits_for = 0
        self.dependents: list[TaskRun] = []
        self.state = StateType.PENDING
        self.attempt = 0
        self.started_at: float | None = None
        self.ended_at: float | None = None
        self.output: str | None = None
        self.error: Failure | None = None
        self.exception: BaseException | None = None
        self.message: str | None = None

    def enter(self, state: StateType) -> None:
        """Change state, if the table of transitions allows it."""
        if state not in TRANSITIONS[self.state]:
            raise AssertionError(f"{self.spec.id}: {self.state} -> {state} is not a transition")
        self.state = state


class RunResult(NamedTuple):
    """How a run ended.

    Attributes:
        status: SUCCEEDED, FAILED or CANCELLED.
        task_runs: by id, in the flow's order.
        output: the flow's return value; None unless it succeeded.
        error: of the first task run that failed for good, or of the return value.
        exception: likewise.
        failed_task: id of that task run.
    """

    status: StateType
    task_runs: Mapping[str, TaskRun]
    output: Any = None
    error: Failure | None = None
    exception: BaseException | None = None
    failed_task: str | None = None
