"""The scheduler: an event-driven thread pool over the graph of a FlowSpec.

Worker threads take jobs from a queue; the calling thread waits for the end of the run and for
timers that come due. Nobody polls and nobody sleeps: a retry that waits holds no worker. A worker
that finishes a task run goes on with the next one under the same lock, so a chain of tasks stays on
one thread and pays no hand-off.

The user's code (tasks, hooks, conditions, delays) runs in workers and never under the lock.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from dagy.code import Code
from dagy.context import current_task_run_id
from dagy.errors import DagyError
from dagy.interpreter.body import Body, Outcome, describe_failure
from dagy.interpreter.caching import Cache, Cached
from dagy.interpreter.clock import Clock
from dagy.interpreter.events import Failure, Sink, Transition
from dagy.interpreter.frontier import Frontier
from dagy.interpreter.hooks import call_hooks
from dagy.interpreter.maps import expand
from dagy.interpreter.run import Assignment, Attempt, TaskRun
from dagy.interpreter.slots import Slots
from dagy.interpreter.timers import Timers
from dagy.masking import NO_SECRETS, Mask
from dagy.policy import RetryPolicy
from dagy.spec import FlowSpec, TaskSpec
from dagy.state import State, StateType

if TYPE_CHECKING:
    from dagy.values.artifacts import Store


class Job(Protocol):
    """Something for a worker to do outside the lock; what it gives back is handed in under it."""

    def perform(self) -> Any:
        """Do it, in this thread."""
        ...


class Expiry(NamedTuple):
    """Decide what follows from an attempt that has run into its timeout."""

    attempt: Attempt

    def perform(self) -> Outcome:
        """Ask the policy, whose code is the user's."""
        run = self.attempt.run
        return run.body.timed_out(self.attempt, run.policy)


class Hooks(NamedTuple):
    """Call the hooks of a task run that has ended."""

    attempt: Attempt
    event: str
    state: State

    def perform(self) -> None:
        """Call them, in order."""
        run, context = self.attempt.run, self.attempt.context
        assert context is not None
        token = current_task_run_id.set(run.id)
        try:
            call_hooks(run.body.hooks[self.event], context, self.state)
        finally:
            current_task_run_id.reset(token)


class Expansion(NamedTuple):
    """Find out what the items of a mapped task run are."""

    run: TaskRun
    store: Store | None

    def perform(self) -> list[TaskRun] | Exception:
        """Return a task run for each item, or why there are none."""
        try:
            return expand(self.run, self.store)
        except (LookupError, ValueError, DagyError) as error:
            return error


class Scheduler:
    """One execution of a flow, or of a part of it.

    Args:
        spec: the flow.
        codes: gives the code of a task by the task's name.
        parameters: a value for every parameter.
        sink: told of every transition of a task run.
        clock: tells the time.
        draw: gives a number from U(0, 1), for jitter.
        max_workers: how many attempts may be under way at once.
        fail_fast: start nothing more once a task run has failed for good.
        assignment: which part to run.
        cache: keeps outputs from one run to the next, for tasks that ask for it.
        store: keeps artifacts; None refuses values that would have to be one.
        mask: hides the secrets of the run.
    """

    def __init__(
        self,
        spec: FlowSpec,
        codes: Callable[[str], Code],
        parameters: Mapping[str, Any],
        *,
        sink: Sink,
        clock: Clock,
        draw: Callable[[], float],
        max_workers: int,
        fail_fast: bool,
        assignment: Assignment,
        cache: Cache | None = None,
        store: Store | None = None,
        mask: Mask = NO_SECRETS,
    ) -> None:
        self._sink = sink
        self._clock = clock
        self._max_workers = max_workers
        self._single = assignment.attempt
        self._cache = cache
        self._store = store
        # Everything below is guarded by one lock, held for microseconds: workers wait for work on
        # one condition, the caller for progress on the other.
        lock = threading.Lock()
        self._work = threading.Condition(lock)
        self._progress = threading.Condition(lock)
        self._ready: deque[TaskRun] = deque()
        self._errands: deque[Job] = deque()
        self._timers = Timers()
        self._slots = Slots()
        self._threads = 0
        self._idle = 0
        self._busy = 0
        self._coming = False  # whether a worker was called that has not looked for a job yet
        self._hooks_open = 0
        self._closed = False
        self._defect: BaseException | None = None
        self.frontier = Frontier(
            parameters,
            assignment.results,
            assignment.reason,
            emit=self._emit,
            ready=self._ready.append,
            fail_fast=fail_fast,
            store=store,
        )
        self._prepare(spec, codes, draw, assignment.task_run_ids, mask)

    def _prepare(
        self,
        spec: FlowSpec,
        codes: Callable[[str], Code],
        draw: Callable[[], float],
        wanted: frozenset[str] | None,
        mask: Mask,
    ) -> None:
        kinds: dict[str, tuple[Body, RetryPolicy]] = {}
        for run_spec in spec.task_runs:
            if wanted is not None and run_spec.id not in wanted:
                continue
            name = run_spec.task_name
            if name not in kinds:
                task, code = spec.tasks[name], codes(name)
                body = Body(task, code, draw, self._cached(task, code), self._store, mask)
                kinds[name] = body, code.policy(task)
            body, policy = kinds[name]
            run = TaskRun(run_spec, body, policy, self.frontier.arguments_of(run_spec))
            if self._single is not None:
                run.attempt = self._single - 1
            self.frontier.add(run)

    def _cached(self, task: TaskSpec, code: Code) -> Cached | None:
        if task.cache is None or self._cache is None:
            return None
        return Cached(task, code, self._cache, self._clock.now)

    # The calling thread.

    def run(self) -> None:
        """Run to the end; a task that fails does not raise here.

        Raises:
            KeyboardInterrupt: as it comes, after everything unfinished was recorded as CANCELLED.
        """
        with self._progress:
            try:
                self.frontier.start()
                self._call_worker()
                while (self.frontier.unfinished or self._hooks_open) and self._defect is None:
                    busy = self._busy > 0 or self._coming
                    self._clock.wait(self._progress, self._until_next_timer(), busy=busy)
                    self._timers.fire(self._clock.now())
                    self._call_worker()
            except KeyboardInterrupt:
                self._stop_attempts()
                self.frontier.cancel("interrupted")
                raise
            finally:
                self._closed = True
                self._work.notify_all()
            if self._defect is not None:
                self._stop_attempts()
                raise self._defect

    def _until_next_timer(self) -> float | None:
        due = self._timers.next_due()
        return None if due is None else max(0.0, due - self._clock.now())

    def _call_worker(self) -> None:
        """Call one more worker if there is a job for it, and if none is on its way already.

        The one that comes takes a job and calls the next. So a worker that is done with many short
        jobs before anyone comes is not disturbed, and the first of many long jobs begin while there
        are not yet workers for the last.
        """
        if self._coming or not (self._ready or self._errands):
            return
        if self._idle:
            self._coming = True
            self._work.notify()
        elif self._threads < self._max_workers:
            self._coming = True
            self._threads += 1
            # Daemons: an attempt that never returns must not keep the process from ending. A worker
            # inherits the context, by which the run's log knows what is said in it.
            threading.Thread(
                target=copy_context().run,
                args=(self._worker,),
                name=f"dagy-{self._threads}",
                daemon=True,
            ).start()

    def _stop_attempts(self) -> None:
        for run in self.frontier.runs.values():
            if run.under_way is not None:
                run.under_way.cancel()

    def _expire(self, attempt: Attempt, *, abandoned: bool) -> None:
        """End an attempt at its timeout, whatever its thread still does.

        Args:
            attempt: the attempt.
            abandoned: its thread is still in the user's code. It is left to itself and no longer
                counts; its place is free for another, which first of all finds out what follows.
        """
        # From here on the attempt is another object: the thread that comes back with the old one
        # sees that its result is too late.
        late = Attempt(attempt.run, attempt.number, attempt.started)
        late.context = attempt.context
        attempt.run.under_way = late
        if abandoned:
            self._threads -= 1
            self._busy -= 1
            attempt.cancel()
        self._errands.appendleft(Expiry(late))

    # A worker thread.

    def _worker(self) -> None:
        try:
            job = self._take(None, None)
            while job is not None:
                job = self._take(job, job.perform())
        except BaseException as error:
            with self._progress:
                self._defect = error
                self._progress.notify()

    def _take(self, done: Job | None, result: Any) -> Job | None:
        """Hand in a finished job and take the next one, under one hold of the lock.

        This worker goes on with what there is; only what there is beyond that calls another.
        """
        with self._work:
            if done is None:
                self._coming = False
            else:
                if self._is_late(done):
                    return None  # this thread's place has been given to another
                self._busy -= 1
                self._settle(done, result)
            job = self._next()
            while job is None and not self._closed:
                if not self._busy:
                    self._progress.notify()  # only timers can go on now, or this was the last job
                self._idle += 1
                self._work.wait()
                self._idle -= 1
                self._coming = False
                job = self._next()
            if job is not None:
                self._busy += 1
                self._call_worker()
            return job

    def _is_late(self, job: Job) -> bool:
        return isinstance(job, Attempt) and job.run.under_way is not job and not self._closed

    def _next(self) -> Job | None:
        if self._closed:
            return None
        if self._errands:
            return self._errands.popleft()
        while self._ready:
            run = self._ready.popleft()
            if run.state is StateType.PENDING and self._slots.take(run):
                return self._begin(run)
        return None

    def _begin(self, run: TaskRun) -> Job:
        run.enter(StateType.RUNNING)
        run.attempt += 1
        now = self._emit(run, StateType.RUNNING, attempt=run.attempt)
        if run.started_at is None:
            run.started_at = now
        if run.is_mapped:
            return Expansion(run, self._store)
        attempt = run.under_way = Attempt(run, run.attempt, now)
        timeout = run.body.task.timeout_seconds
        if timeout is not None:
            attempt.deadline = now + timeout
            attempt.timer = self._timers.add(
                attempt.deadline, lambda: self._expire(attempt, abandoned=True)
            )
            self._progress.notify()
        return attempt

    def _settle(self, job: Job, result: Any) -> None:
        if self._closed:
            return  # the run was cancelled meanwhile: this comes too late to count
        match job:
            case Attempt():
                self._end_attempt(job, result)
            case Expiry():
                self._slots.release(job.attempt.run, self._ready)
                self._follow(job.attempt, result)
            case Hooks():
                self._hooks_open -= 1
                if not self._hooks_open:
                    self._progress.notify()
            case Expansion():
                self._expanded(job.run, result)
        if not self.frontier.unfinished and not self._hooks_open:
            self._progress.notify()

    def _end_attempt(self, attempt: Attempt, outcome: Outcome) -> None:
        if attempt.timer is not None:
            attempt.timer.cancelled = True
            if attempt.deadline is not None and self._clock.now() >= attempt.deadline:
                # The thread was back before the timer was seen: late is late.
                self._expire(attempt, abandoned=False)
                return
        self._slots.release(attempt.run, self._ready)
        self._follow(attempt, outcome)

    def _follow(self, attempt: Attempt, outcome: Outcome) -> None:
        """Record how an attempt ended, and do what follows."""
        run = attempt.run
        if outcome.due is not None:
            self._sleep(attempt, outcome)
            return
        if outcome.output is not None:
            self.frontier.succeed(run, outcome.output, message=outcome.message)
            self._call_hooks(attempt, "on_completion", State("SUCCEEDED"))
            return
        run.error, run.exception = outcome.error, outcome.exception
        if not outcome.decision.retry or self.frontier.is_stopping:
            self.frontier.fail(run, message=outcome.decision.message)
            assert run.error is not None
            message = f"{run.error.type}: {run.error.message}"
            self._call_hooks(attempt, "on_failure", State("FAILED", message))
        elif self._single is not None:
            run.retry_in = outcome.decision.delay
            self.frontier.fail(run)  # somebody else makes the next attempt
        else:
            self._retry(run, outcome.decision.delay)

    def _sleep(self, attempt: Attempt, outcome: Outcome) -> None:
        """Let a task run succeed when its time has come; it holds no worker until then."""
        run, due = attempt.run, outcome.due
        assert due is not None
        if self.frontier.is_stopping:
            self.frontier.leave(run)
            return
        run.is_asleep = True

        def wake() -> None:
            if run.is_asleep:
                run.is_asleep = False
                self._follow(attempt, outcome._replace(due=None))

        self._timers.add(due, wake)
        self._progress.notify()

    def _retry(self, run: TaskRun, delay: float) -> None:
        run.enter(StateType.PENDING)
        run.under_way = None
        message = f"attempt {run.attempt} of {run.policy.retries + 1} failed; retry in {delay:g} s"
        now = self._emit(
            run, StateType.PENDING, attempt=run.attempt, message=message, error=run.error
        )
        if delay <= 0:
            self._ready.append(run)
            return
        self._timers.add(now + delay, lambda: self._ready.append(run))
        self._progress.notify()

    def _call_hooks(self, attempt: Attempt, event: str, state: State) -> None:
        if event in attempt.run.body.hooks:
            self._hooks_open += 1
            self._errands.append(Hooks(attempt, event, state))

    def _expanded(self, run: TaskRun, result: list[TaskRun] | Exception) -> None:
        self._slots.release(run, self._ready)
        if isinstance(result, Exception):
            run.error, run.exception = describe_failure(result), result
            self.frontier.fail(run)
        else:
            self.frontier.expand(run, result)

    # Shared.

    def _emit(
        self,
        run: TaskRun,
        state: StateType,
        *,
        attempt: int = 0,
        message: str | None = None,
        output: str | None = None,
        error: Failure | None = None,
    ) -> float:
        now = self._clock.now()
        self._sink.emit(Transition(now, run.id, state, attempt, message, output, error))
        return now
