"""Executing a flow: the scheduler, once for each attempt of the flow as a whole."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from dagy.code import Code
from dagy.context import RunContext
from dagy.errors import CodecError
from dagy.interpreter.body import describe_failure
from dagy.interpreter.caching import Cache
from dagy.interpreter.clock import Clock, SystemClock
from dagy.interpreter.events import Failure, Sink, Transition
from dagy.interpreter.hooks import call_hooks
from dagy.interpreter.run import Assignment, RunResult
from dagy.interpreter.scheduler import Scheduler
from dagy.masking import MaskingSink, mask_of
from dagy.policy import RetryPolicy
from dagy.spec import FlowSpec, resolve
from dagy.state import State, StateType
from dagy.values import to_text

if TYPE_CHECKING:
    from dagy.values.artifacts import Store

WHOLE_FLOW = Assignment()


def draw_uniform() -> float:
    """Return a number from U(0, 1)."""
    from random import random  # only jitter needs it, and a cold start would pay for it

    return random()


def execute(
    spec: FlowSpec,
    codes: Callable[[str], Code],
    parameters: Mapping[str, Any],
    *,
    sink: Sink,
    flow_code: Code | None = None,
    clock: Clock | None = None,
    draw: Callable[[], float] = draw_uniform,
    max_workers: int = 1,
    fail_fast: bool = True,
    assignment: Assignment = WHOLE_FLOW,
    cache: Cache | None = None,
    store: Store | None = None,
    secrets: Iterable[str] = (),
) -> RunResult:
    """Run a flow, or the part of it that is assigned, to its end.

    Args:
        spec: the flow.
        codes: gives the code of a task by the task's name.
        parameters: a value for every parameter; see `dagy.parameters.bind`.
        sink: told of every transition, in order, one at a time.
        flow_code: the code of the flow, for its hooks and its retries; None for neither.
        clock: tells the time; the machine's own by default.
        draw: gives a number from U(0, 1), for jitter.
        max_workers: how many attempts may be under way at once, at least 1.
        fail_fast: start nothing more once a task run has failed for good.
        assignment: which part to run; all of it by default.
        cache: keeps outputs from one run to the next, for tasks that ask for it; None for none.
        store: keeps artifacts; None refuses values that would have to be one.
        secrets: values that nothing told of the run may show, besides those among the parameters.

    Returns:
        How it ended. A task that fails does not raise here.

    Raises:
        KeyboardInterrupt: as it comes, after everything unfinished was recorded as CANCELLED.
    """
    clock = clock or SystemClock()
    mask = mask_of(spec.parameters, parameters, secrets)
    if mask:
        sink = MaskingSink(sink, mask)

    def scheduler() -> Scheduler:
        return Scheduler(
            spec,
            codes,
            parameters,
            sink=sink,
            clock=clock,
            draw=draw,
            max_workers=max_workers,
            fail_fast=fail_fast,
            assignment=assignment,
            cache=cache,
            store=store,
            mask=mask,
        )

    execution = _Execution(spec, parameters, flow_code, sink, clock, draw, store)
    result = execution.run(scheduler, assignment)
    if result.exception is None or result.error is None:
        return result
    return result._replace(exception=mask.exception(result.exception, result.error.message))


class _Execution:
    """One run of a flow: its attempts, its own transitions, its hooks."""

    def __init__(
        self,
        spec: FlowSpec,
        parameters: Mapping[str, Any],
        code: Code | None,
        sink: Sink,
        clock: Clock,
        draw: Callable[[], float],
        store: Store | None,
    ) -> None:
        self._spec = spec
        self._store = store
        self._output = "null"
        self._parameters = parameters
        self._hooks = {} if code is None else code.hooks
        self._policy = RetryPolicy() if code is None else code.policy(spec)
        self._sink = sink
        self._clock = clock
        self._draw = draw

    def run(self, scheduler: Callable[[], Scheduler], assignment: Assignment) -> RunResult:
        attempt = assignment.flow_attempt or 1
        while True:
            self._emit(StateType.RUNNING, attempt)
            try:
                if attempt > 1:
                    message = f"attempt {attempt - 1} of {self._policy.retries + 1} failed"
                    self._call("on_retry", attempt, State("PENDING", message))
                self._call("on_running", attempt, State("RUNNING"))
                result = self._attempt(scheduler(), whole=assignment.task_run_ids is None)
                if result.status is StateType.SUCCEEDED:
                    self._emit(StateType.SUCCEEDED, attempt, output=self._output)
                    self._call("on_completion", attempt, State("SUCCEEDED"))
                    return result
                due = self._again_at(result, attempt)
                if due is None:
                    return result
                if assignment.flow_attempt is not None:
                    return result._replace(retry_in=max(due - self._clock.now(), 0))
                self._wait_until(due)
            except KeyboardInterrupt:
                self._emit(StateType.CANCELLED, attempt, message="interrupted")
                raise
            attempt += 1

    def _attempt(self, scheduler: Scheduler, *, whole: bool) -> RunResult:
        scheduler.run()
        frontier = scheduler.frontier
        runs = {
            each.id: each
            for run in frontier.runs.values()
            if run.parent is None
            for each in (run, *run.items)
        }
        failed = frontier.first_failure
        if failed is not None:
            return RunResult(
                StateType.FAILED,
                runs,
                error=failed.error,
                exception=failed.exception,
                failed_task=failed.id,
            )
        try:
            output = resolve(self._spec.outputs, frontier.lookup) if whole else None
            self._output = to_text(output, self._store, pickles=True)
        except (LookupError, CodecError) as error:
            return RunResult(StateType.FAILED, runs, error=describe_failure(error), exception=error)
        return RunResult(StateType.SUCCEEDED, runs, output=output)

    def _again_at(self, result: RunResult, attempt: int) -> float | None:
        """Record a failed attempt of the flow; return when another is due, if there is one."""
        assert result.error is not None
        assert result.exception is not None
        cause = (
            f"task {result.failed_task!r} failed"
            if result.failed_task
            else f"the return value cannot be made: {result.error.message}"
        )
        decision = self._policy.decide(attempt, result.exception, self._draw)
        if not decision.retry:
            message = f"{cause}; {decision.message}" if decision.message else cause
            self._emit(StateType.FAILED, attempt, message=message, error=result.error)
            text = f"{result.error.type}: {result.error.message}"
            self._call("on_failure", attempt, State("FAILED", text))
            return None
        message = f"{cause}; the flow runs again in {decision.delay:g} s"
        now = self._emit(StateType.PENDING, attempt, message=message, error=result.error)
        return now + decision.delay

    def _wait_until(self, due: float) -> None:
        nobody_else = threading.Condition()
        with nobody_else:
            while (left := due - self._clock.now()) > 0:
                self._clock.wait(nobody_else, left, busy=False)

    def _call(self, event: str, attempt: int, state: State) -> None:
        if event in self._hooks:
            parameters = dict(self._parameters)
            context = RunContext("flow", self._spec.name, attempt, self._policy.retries, parameters)
            call_hooks(self._hooks[event], context, state)

    def _emit(
        self,
        state: StateType,
        attempt: int,
        *,
        message: str | None = None,
        output: str | None = None,
        error: Failure | None = None,
    ) -> float:
        now = self._clock.now()
        self._sink.emit(Transition(now, None, state, attempt, message, output, error))
        return now
