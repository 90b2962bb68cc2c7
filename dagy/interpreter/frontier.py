"""The frontier of an execution: what waits for what, and what follows when a task run ends.

Bookkeeping only: no threads, no lock, no clock. Whoever owns it hands in what happened; it hands
out what may run next, and every change of state on the way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from dagy.interpreter.events import Failure
from dagy.interpreter.run import Arguments, TaskRun
from dagy.mapping import tolerable
from dagy.spec import (
    Direct,
    ParameterReference,
    TaskReference,
    TaskRunSpec,
    follow,
    references_in,
    resolve,
)
from dagy.state import TERMINAL, StateType
from dagy.values import from_text, to_text

if TYPE_CHECKING:
    from dagy.values.artifacts import Store

NOT_TAKEN = "its branch was not taken"


class Emit(Protocol):
    """Tells the world of a change of state; returns when it was, in seconds since the epoch."""

    def __call__(
        self,
        run: TaskRun,
        state: StateType,
        *,
        attempt: int = 0,
        message: str | None = None,
        output: str | None = None,
        error: Failure | None = None,
    ) -> float:
        """Tell of one change."""
        ...


class Frontier:
    """The task runs of one execution.

    Args:
        parameters: a value for every parameter of the flow.
        results: outputs that are there already, as JSON text by task run id.
        reason: the message of task runs that succeed by such an output.
        emit: told of every change of state.
        ready: given each task run that may run now.
        fail_fast: whether nothing more is started once a task run has failed for good.
        store: has the artifacts that results refer to.

    Attributes:
        runs: the task runs by id; items of maps join as they become known.
        unfinished: how many have not ended.
        first_failure: the task run that failed for good first.
    """

    def __init__(
        self,
        parameters: Mapping[str, Any],
        results: Mapping[str, str],
        reason: str | None,
        *,
        emit: Emit,
        ready: Callable[[TaskRun], None],
        fail_fast: bool,
        store: Store | None = None,
    ) -> None:
        self._store = store
        self.runs: dict[str, TaskRun] = {}
        self.unfinished = 0
        self.first_failure: TaskRun | None = None
        self._parameters = parameters
        self._results = dict(results)
        self._given = results
        self._reason = reason
        self._emit = emit
        self._ready = ready
        self._fail_fast = fail_fast

    @property
    def is_stopping(self) -> bool:
        """Whether nothing more is to be started."""
        return self._fail_fast and self.first_failure is not None

    def add(self, run: TaskRun) -> None:
        """Take in a task run, after all those that it depends on."""
        for dependency in run.spec.depends_on:
            upstream = self.runs.get(dependency)
            if upstream is not None:
                upstream.dependents.append(run)
                run.waits_for += 1
        self.runs[run.id] = run
        self.unfinished += 1

    def start(self) -> None:
        """Hand out what depends on nothing, and let succeed what has an output already."""
        first = [run for run in self.runs.values() if not run.waits_for]
        for run in [run for run in self.runs.values() if run.id in self._given]:
            self.succeed(run, self._given[run.id], message=self._reason)
        for run in first:
            if run.state is StateType.PENDING:
                self._release(run)

    def arguments_of(self, spec: TaskRunSpec) -> Arguments:
        """Return what gives the arguments of a task run, made anew at each call."""

        def arguments() -> tuple[list[Any], dict[str, Any]]:
            for condition, _ in spec.when:
                bool(resolve(condition, self.lookup))
            named = {name: resolve(value, self.lookup) for name, value in spec.kwargs.items()}
            return resolve(spec.args, self.lookup), named

        return arguments

    def lookup(self, reference: Direct) -> Any:
        """Return the value of a reference, as a copy of the caller's own.

        No lock is needed: what a task run depends on has ended, and its output does not change.
        """
        if isinstance(reference, ParameterReference):
            value = from_text(to_text(self._parameters[reference.name]))
        else:
            value = from_text(self._results[reference.task_run_id], self._store)
        return follow(value, reference.path)

    def succeed(self, run: TaskRun, output: str, *, message: str | None = None) -> None:
        """Note that a task run succeeded, with an output as JSON text."""
        run.output = self._results[run.id] = output
        run.error = run.exception = None
        self._end(run, StateType.SUCCEEDED, output=output, message=message)
        for dependent in run.dependents:
            self._satisfy(dependent)

    def fail(self, run: TaskRun, *, message: str | None = None) -> None:
        """Note that a task run failed for good; its `error` is set."""
        if self._is_tolerated(run):
            self._end(run, StateType.FAILED, message=message, error=run.error)
            return
        self.first_failure = self.first_failure or run
        self._end(run, StateType.FAILED, message=message, error=run.error)
        self._pass_over(run, f"{run.id} failed")
        if self._fail_fast:
            for other in list(self.runs.values()):
                if other.state is StateType.PENDING or other.is_asleep:
                    self._end(other, StateType.CANCELLED, message=f"{run.id} failed")

    def _is_tolerated(self, run: TaskRun) -> bool:
        """Tell whether the map that a failed task run is an item of goes on without it.

        It does not while the run stops: the item might have had attempts left.
        """
        whole = run.parent
        if whole is None:
            return False
        whole.failed_items += 1
        allowed = tolerable(whole.body.task.tolerated_failures, len(whole.items))
        if whole.failed_items <= allowed and not self.is_stopping:
            return True
        whole.failed_by = whole.failed_by or run
        return False

    def leave(self, run: TaskRun) -> None:
        """Note that a task run is given up because another failed."""
        assert self.first_failure is not None
        self._end(run, StateType.CANCELLED, message=f"{self.first_failure.id} failed")

    def expand(self, run: TaskRun, items: list[TaskRun]) -> None:
        """Take in the items of a mapped task run, which has none that waits for another."""
        run.items, run.unfinished_items = items, len(items)
        self.unfinished += len(items)
        self.runs.update((item.id, item) for item in items)
        if not items:
            self.succeed(run, "[]")
        for item in items:
            if item.id in self._given:
                self.succeed(item, self._given[item.id], message=self._reason)
            elif self.is_stopping:
                self._end(item, StateType.CANCELLED)
            else:
                self._ready(item)

    def cancel(self, message: str) -> None:
        """Note that everything which has not ended never will."""
        for run in list(self.runs.values()):
            if run.state not in TERMINAL:
                self._end(run, StateType.CANCELLED, message=message)

    def _satisfy(self, run: TaskRun) -> None:
        run.waits_for -= 1
        if not run.waits_for and run.state is StateType.PENDING:
            self._release(run)

    def _release(self, run: TaskRun) -> None:
        if self._is_left_out(run):
            self._end(run, StateType.SKIPPED, message=NOT_TAKEN)
            self._pass_over(run, NOT_TAKEN)
        else:
            self._ready(run)

    def _is_left_out(self, run: TaskRun) -> bool:
        """Tell whether branches leave out a task run all of whose dependencies have ended."""
        if run.spec.when and not self._is_taken(run.spec):
            run.not_taken = True
        return run.not_taken

    def _is_taken(self, spec: TaskRunSpec) -> bool:
        try:
            return all(
                bool(resolve(condition, self.lookup)) is side for condition, side in spec.when
            )
        # What is not there, cannot be read, or has no truth value, as a frame has none.
        except Exception:
            return True  # the attempt will fail with this error, as a wrong argument does

    def _pass_over(self, ended: TaskRun, message: str) -> None:
        """Skip whatever cannot run because a task run ended without an output.

        What depends on a failure is skipped at once. What depends on a side that was not taken is
        skipped when all that it waits for has ended: a failure among that counts for more,
        whichever came first. A join after a branch tolerates that such a side has no output.
        """
        pending = deque([ended])
        while pending:
            ended = pending.popleft()
            for dependent in ended.dependents:
                if dependent.state is not StateType.PENDING:
                    continue
                if ended.not_taken:
                    dependent.waits_for -= 1
                    dependent.not_taken |= ended.id in needed(dependent.spec)
                    if dependent.waits_for:
                        continue
                    if not self._is_left_out(dependent):
                        self._ready(dependent)
                        continue
                else:
                    dependent.not_taken = False
                self._end(dependent, StateType.SKIPPED, message=message)
                pending.append(dependent)

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
        run.under_way = None
        run.is_asleep = False
        run.message = message
        run.ended_at = self._emit(
            run, state, attempt=run.attempt, message=message, output=output, error=error
        )
        self.unfinished -= 1
        if run.parent is not None:
            run.parent.unfinished_items -= 1
            if not run.parent.unfinished_items and run.parent.state is StateType.RUNNING:
                self._close(run.parent)

    def _close(self, run: TaskRun) -> None:
        """End a mapped task run whose items have all ended."""
        failed = run.failed_by
        if failed is not None:
            run.error, run.exception = failed.error, failed.exception
            self._end(run, StateType.FAILED, message=f"{failed.id} failed", error=failed.error)
            self._pass_over(run, f"{failed.id} failed")
        elif any(item.state is StateType.CANCELLED for item in run.items):
            self._end(run, StateType.CANCELLED, message="not all of its items ran")
        else:
            outputs = ["null" if item.output is None else item.output for item in run.items]
            message = tolerated_text(run.failed_items, len(outputs)) if run.failed_items else None
            self.succeed(run, f"[{','.join(outputs)}]", message=message)


def tolerated_text(failed: int, items: int) -> str:
    """Return the message of a map that has succeeded although some of its items failed."""
    return f"{failed:,} of {items:,} items failed, which is tolerated"


def needed(spec: TaskRunSpec) -> frozenset[str]:
    """Return the dependencies whose outputs a task run uses whichever sides of branches are taken.

    Not among them are those whose outputs it uses on one side only, and those that it waits for
    without using them: within the same branch its own `when` decides, and from without it waits for
    the whole branch.
    """
    return frozenset(
        reference.task_run_id
        for reference in references_in(spec.arguments, sides=False)
        if isinstance(reference, TaskReference)
    )
