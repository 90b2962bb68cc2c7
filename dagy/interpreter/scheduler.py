"""The scheduler: an event-driven thread pool over the graph of a FlowSpec.

Worker threads take task runs from a ready queue; the calling thread waits for the end of the run
and for retries that come due. Nobody polls and nobody sleeps: a retry that waits holds no worker.
A worker that finishes a task run goes on with the next one under the same lock, so a chain of tasks
stays on one thread and pays no hand-off.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextvars import copy_context
from typing import Any

from dagy.interpreter.body import Body, Outcome, describe_failure
from dagy.interpreter.clock import Clock, SystemClock
from dagy.interpreter.events import Failure, Sink, Transition
from dagy.interpreter.run import Assignment, RunResult, TaskRun
from dagy.policy import RetryPolicy
from dagy.spec import FlowSpec, ParameterReference, Reference, follow, resolve
from dagy.state import TERMINAL, StateType
from dagy.values import from_text, to_text


def execute(
    spec: FlowSpec,
    functions: Callable[[str], Callable[..., Any]],
    parameters: Mapping[str, Any],
    *,
    sink: Sink,
    clock: Clock | None = None,
    max_workers: int = 1,
    fail_fast: bool = True,
    assignment: Assignment | None = None,
) -> RunResult:
    """Run a flow, or the part of it that is assigned, to its end.

    Args:
        spec: the flow.
        functions: gives the function of a task by the task's name.
        parameters: a value for every parameter; see `dagy.parameters.bind`.
        sink: told of every transition, in order, one at a time.
        clock: tells the time; the machine's own by default.
        max_workers: how many attempts may be under way at once, at least 1.
        fail_fast: start nothing more once a task run has failed for good.
        assignment: which part to run; all of it by default.

    Returns:
        How it ended. A task that fails does not raise here.

    Raises:
        KeyboardInterrupt: as it comes, after everything unfinished was recorded as CANCELLED.
    """
    scheduler = _Scheduler(
        spec, functions, parameters, sink, clock or SystemClock(), max_workers, fail_fast
    )
    return scheduler.run(assignment or Assignment())


class _Scheduler:
    def __init__(
        self,
        spec: FlowSpec,
        functions: Callable[[str], Callable[..., Any]],
        parameters: Mapping[str, Any],
        sink: Sink,
        clock: Clock,
        max_workers: int,
        fail_fast: bool,
    ) -> None:
        self._spec = spec
        self._functions = functions
        self._parameters = parameters
        self._sink = sink
        self._clock = clock
        self._max_workers = max_workers
        self._fail_fast = fail_fast
        # Everything below is guarded by one lock, held for microseconds: workers wait for work on
        # one condition, the caller for progress on the other.
        lock = threading.Lock()
        self._work = threading.Condition(lock)
        self._progress = threading.Condition(lock)
        self._task_runs: dict[str, TaskRun] = {}
        self._results: dict[str, str] = {}
        self._ready: deque[TaskRun] = deque()
        self._timers: list[tuple[float, int, TaskRun]] = []
        self._timer_numbers = itertools.count()  # so that two timers never compare task runs
        self._unfinished = 0
        self._threads = 0
        self._idle = 0
        self._closed = False
        self._first_failure: TaskRun | None = None
        self._defect: BaseException | None = None

    # The calling thread.

    def run(self, assignment: Assignment) -> RunResult:
        self._prepare(assignment)
        with self._progress:
            self._emit(None, StateType.RUNNING)
            try:
                self._start_workers()
                while self._unfinished and self._defect is None:
                    self._clock.wait(self._progress, self._until_next_timer())
                    self._release_due_timers()
            except KeyboardInterrupt:
                self._cancel_unfinished("interrupted")
                self._emit(None, StateType.CANCELLED, message="interrupted")
                raise
            finally:
                self._closed = True
                self._work.notify_all()
            if self._defect is not None:
                raise self._defect
            return self._finish(whole=assignment.task_run_ids is None)

    def _prepare(self, assignment: Assignment) -> None:
        wanted = assignment.task_run_ids
        bodies: dict[str, Body] = {}
        self._results.update(assignment.results)
        for spec in self._spec.task_runs:
            if wanted is not None and spec.id not in wanted:
                continue
            task = self._spec.tasks[spec.task_name]
            if task.name not in bodies:
                bodies[task.name] = Body(task, self._functions(task.name))
            policy = RetryPolicy(task.retries, task.retry_delay_seconds)
            run = TaskRun(spec, bodies[task.name], policy)
            if assignment.attempt is not None:
                run.attempt = assignment.attempt - 1
                run.policy = RetryPolicy(run.attempt)
            for dependency in spec.depends_on:
                upstream = self._task_runs.get(dependency)
                if upstream is not None:
                    upstream.dependents.append(run)
                    run.waits_for += 1
            self._task_runs[spec.id] = run
            if not run.waits_for:
                self._ready.append(run)
        self._unfinished = len(self._task_runs)

    def _until_next_timer(self) -> float | None:
        return max(0.0, self._timers[0][0] - self._clock.now()) if self._timers else None

    def _release_due_timers(self) -> None:
        now = self._clock.now()
        while self._timers and self._timers[0][0] <= now:
            run = heapq.heappop(self._timers)[2]
            if run.state is StateType.PENDING:
                self._ready.append(run)
        self._start_workers()

    def _start_workers(self) -> None:
        """See to it that every ready task run has a worker, as far as there may be workers."""
        wanted = len(self._ready)
        if self._idle:
            self._work.notify(min(self._idle, wanted))
        for _ in range(min(wanted - self._idle, self._max_workers - self._threads)):
            self._threads += 1
            # Daemons: an attempt that never returns must not keep the process from ending. A worker
            # inherits the context, by which the run's log knows what is said in it.
            threading.Thread(
                target=copy_context().run,
                args=(self._worker,),
                name=f"dagy-{self._threads}",
                daemon=True,
            ).start()

    def _finish(self, *, whole: bool) -> RunResult:
        failed = self._first_failure
        if failed is not None:
            message = f"task {failed.spec.id!r} failed"
            self._emit(None, StateType.FAILED, message=message, error=failed.error)
            return RunResult(
                StateType.FAILED,
                self._task_runs,
                error=failed.error,
                exception=failed.exception,
                failed_task=failed.spec.id,
            )
        try:
            output = resolve(self._spec.outputs, self._lookup) if whole else None
        except LookupError as error:
            failure = describe_failure(error)
            message = f"the return value cannot be made: {failure.message}"
            self._emit(None, StateType.FAILED, message=message, error=failure)
            return RunResult(StateType.FAILED, self._task_runs, error=failure, exception=error)
        self._emit(None, StateType.SUCCEEDED, output=to_text(output))
        return RunResult(StateType.SUCCEEDED, self._task_runs, output=output)

    def _cancel_unfinished(self, message: str) -> None:
        for run in self._task_runs.values():
            if run.state not in TERMINAL:
                self._end(run, StateType.CANCELLED, message=message)

    # A worker thread.

    def _worker(self) -> None:
        try:
            run = self._take(None)
            while run is not None:
                outcome = run.body.attempt(run.spec.id, run.attempt, self._arguments(run))
                run = self._take((run, outcome))
        except BaseException as error:
            with self._progress:
                self._defect = error
                self._progress.notify()

    def _take(self, finished: tuple[TaskRun, Outcome] | None) -> TaskRun | None:
        """Hand in a finished attempt and take the next task run, under one hold of the lock.

        This worker goes on with what is ready; only what is ready beyond that wakes or starts
        another worker.
        """
        with self._work:
            if finished is not None:
                self._settle(*finished)
            while not self._ready and not self._closed:
                self._idle += 1
                self._work.wait()
                self._idle -= 1
            if self._closed:
                return None
            run = self._ready.popleft()
            if self._ready:
                self._start_workers()
            self._begin(run)
            return run

    def _begin(self, run: TaskRun) -> None:
        run.enter(StateType.RUNNING)
        run.attempt += 1
        now = self._emit(run, StateType.RUNNING, attempt=run.attempt)
        if run.started_at is None:
            run.started_at = now

    def _settle(self, run: TaskRun, outcome: Outcome) -> None:
        """Record how an attempt ended, and decide what follows."""
        if run.state is not StateType.RUNNING:
            return  # the run was cancelled meanwhile: this result comes too late to count
        if outcome.output is not None:
            self._succeed(run, outcome.output)
            return
        run.error, run.exception = outcome.error, outcome.exception
        stopping = self._fail_fast and self._first_failure is not None
        if run.attempt <= run.policy.retries and not stopping:
            self._retry(run)
        else:
            self._fail(run)

    def _succeed(self, run: TaskRun, output: str) -> None:
        run.output = self._results[run.spec.id] = output
        run.error = run.exception = None
        self._end(run, StateType.SUCCEEDED, output=output)
        for dependent in run.dependents:
            dependent.waits_for -= 1
            if not dependent.waits_for and dependent.state is StateType.PENDING:
                self._ready.append(dependent)

    def _retry(self, run: TaskRun) -> None:
        delay = run.policy.delay_after(run.attempt)
        run.enter(StateType.PENDING)
        message = f"attempt {run.attempt} of {run.policy.retries + 1} failed; retry in {delay:g} s"
        now = self._emit(
            run, StateType.PENDING, attempt=run.attempt, message=message, error=run.error
        )
        if delay <= 0:
            self._ready.append(run)
            return
        heapq.heappush(self._timers, (now + delay, next(self._timer_numbers), run))
        self._progress.notify()

    def _fail(self, run: TaskRun) -> None:
        self._first_failure = self._first_failure or run
        self._end(run, StateType.FAILED, error=run.error)
        below = deque(run.dependents)
        while below:
            dependent = below.popleft()
            if dependent.state is StateType.PENDING:
                self._end(dependent, StateType.SKIPPED, message=f"{run.spec.id} failed")
                below.extend(dependent.dependents)
        if self._fail_fast:
            self._ready.clear()
            for other in self._task_runs.values():
                if other.state is StateType.PENDING:
                    self._end(other, StateType.CANCELLED, message=f"{run.spec.id} failed")

    def _end(
        self,
        run: TaskRun,
        state: StateType,
        *,
        message: str | None = None,
        output: str | None = None,
        error: Failure | None = None,
    ) -> None:
        run.enter(state)
        run.message = message
        run.ended_at = self._emit(
            run, state, attempt=run.attempt, message=message, output=output, error=error
        )
        self._unfinished -= 1
        if not self._unfinished:
            self._progress.notify()

    # Shared.

    def _emit(
        self,
        run: TaskRun | None,
        state: StateType,
        *,
        attempt: int = 0,
        message: str | None = None,
        output: str | None = None,
        error: Failure | None = None,
    ) -> float:
        now = self._clock.now()
        task_run_id = None if run is None else run.spec.id
        self._sink.emit(Transition(now, task_run_id, state, attempt, message, output, error))
        return now

    def _arguments(self, run: TaskRun) -> Callable[[], tuple[list[Any], dict[str, Any]]]:
        def resolved() -> tuple[list[Any], dict[str, Any]]:
            spec = run.spec
            return resolve(spec.args, self._lookup), resolve(spec.kwargs, self._lookup)

        return resolved

    def _lookup(self, reference: Reference) -> Any:
        # No lock: what a task run depends on has ended, and its output does not change any more.
        # Each reader gets a copy of its own, as it would from another machine.
        if isinstance(reference, ParameterReference):
            value = from_text(to_text(self._parameters[reference.name]))
        else:
            value = from_text(self._results[reference.task_run_id])
        return follow(value, reference.path)
