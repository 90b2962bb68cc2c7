"""One attempt of one task: arguments in, JSON text out, and every way to fail caught."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from dagy.annotations import returns_keys
from dagy.binding import Binding
from dagy.code import Code
from dagy.context import RunContext, current_context, current_task_run_id
from dagy.errors import CodecError, DagyError, service_error
from dagy.interpreter.caching import CACHED, Cached
from dagy.interpreter.calls import call_of
from dagy.interpreter.events import Failure
from dagy.interpreter.hooks import call_hooks
from dagy.masking import NO_SECRETS, Mask
from dagy.policy import Decision, RetryPolicy
from dagy.source import is_foreign
from dagy.spec import TaskSpec
from dagy.state import State
from dagy.validation import Arguments as Annotated
from dagy.values import to_text

if TYPE_CHECKING:
    from dagy.interpreter.run import Arguments, Attempt
    from dagy.values.artifacts import Store


_Call = tuple[list[Any], dict[str, Any]]
"""Positional and named arguments."""


class Outcome(NamedTuple):
    """What an attempt came to: an output as JSON text, or an exception and what follows from it.

    Attributes:
        output: with success only.
        error: with failure only.
        exception: what was raised, to be raised again where the run must fail with it.
        decision: whether there is to be another attempt, with failure only.
        message: what a person should know of a success.
        due: when the success takes effect, in seconds since the epoch, if not at once.
    """

    output: str | None = None
    error: Failure | None = None
    exception: BaseException | None = None
    decision: Decision = Decision(retry=False)
    message: str | None = None
    due: float | None = None


class Body:
    """A task, with what is needed to call it well.

    Args:
        task: the task's spec.
        code: its function, and what else of it is Python.
        draw: gives a number from U(0, 1), for jitter.
        cached: outputs recorded earlier, if the task uses them and there are any.
        store: keeps artifacts, if they may be.
        mask: hides the secrets of the run in what is told of a failure.
    """

    def __init__(
        self,
        task: TaskSpec,
        code: Code,
        draw: Callable[[], float],
        cached: Cached | None = None,
        store: Store | None = None,
        mask: Mask = NO_SECRETS,
    ) -> None:
        self._mask = mask
        self.task = task
        self.hooks = code.hooks
        self._draw = draw
        self._cached = cached
        self._due = code.due
        annotated = code.annotated or code.fn
        encode = partial(
            encode_output,
            task.name,
            store=store,
            any_keys=returns_keys(annotated),
            serializer=task.serializer,
        )
        self._call = call_of(task, code.fn, encode, store)
        self._binding = Binding(inspect.signature(code.fn))
        self._annotated = arguments_of(task, annotated)

    def attempt(self, attempt: Attempt, arguments: Arguments, policy: RetryPolicy) -> Outcome:
        """Make one attempt, in this thread.

        Args:
            attempt: which one; gets its context, and the way to stop it if there is one.
            arguments: gives positional and keyword arguments; may raise LookupError.
            policy: decides what follows a failure.
        """
        try:
            given = arguments()
            args, kwargs = self._annotated.convert(*given)
            attempt.context = self._context(attempt.number, self._named(args, kwargs))
            if self._due is not None:
                return Outcome(output="null", due=self._due(attempt.started, *args, **kwargs))
            if self.task.isolation == "process":
                args, kwargs = given  # that process gets JSON, and converts for itself
            if self._cached is not None:
                return self._by_cache(self._cached, given, (args, kwargs), attempt)
            return Outcome(output=self._run(args, kwargs, attempt))
        # A task may raise anything, SystemExit included; none of it may end a worker thread.
        except BaseException as error:
            return self.failed(attempt, error, policy)

    def _run(self, args: list[Any], kwargs: dict[str, Any], attempt: Attempt) -> str:
        context = attempt.context
        assert context is not None
        token = current_context.set(context)
        id_token = current_task_run_id.set(attempt.run.id)
        try:
            if self.hooks:
                self._call_first_hooks(context)
            return self._call(args, kwargs, attempt)
        finally:
            current_task_run_id.reset(id_token)
            current_context.reset(token)

    def _by_cache(
        self, cached: Cached, given: _Call, converted: _Call, attempt: Attempt
    ) -> Outcome:
        # Objects have no canonical form; the JSON that they were made from has.
        key = cached.key(*given, self._named(*given))
        output = cached.find(key)
        if output is not None:
            return Outcome(output=output, message=CACHED)
        output = self._run(*converted, attempt)
        if self._mask.output(output) == output:  # a secret is kept nowhere
            cached.keep(key, output, attempt.deadline)
        return Outcome(output=output)

    def failed(self, attempt: Attempt, error: BaseException, policy: RetryPolicy) -> Outcome:
        """Return what a failed attempt comes to; asks the user's own code whether to retry."""
        if attempt.context is None:
            attempt.context = self._context(attempt.number, {})
        decision = policy.decide(attempt.number, error, self._draw)
        failure = self._mask.failure(describe_failure(error))
        if decision.message is not None:
            decision = decision._replace(message=self._mask(decision.message))
        return Outcome(error=failure, exception=error, decision=decision)

    def timed_out(self, attempt: Attempt, policy: RetryPolicy) -> Outcome:
        """Return what an attempt comes to that took longer than its timeout."""
        if attempt.context is None:  # its thread has not even come to its arguments
            with suppress(Exception):
                named = self._named(*self._annotated.convert(*attempt.run.arguments()))
                attempt.context = self._context(attempt.number, named)
        late = (
            f"task {self.task.name!r} took longer than its timeout_seconds of "
            f"{self.task.timeout_seconds:g}"
        )
        service = self.task.service is not None
        error = service_error("States.Timeout", late) if service else TimeoutError(late)
        return self.failed(attempt, error, policy)

    def _context(self, number: int, named: dict[str, Any]) -> RunContext:
        return RunContext("task", self.task.name, number, self.task.retries, named)

    def _call_first_hooks(self, context: RunContext) -> None:
        if context.attempt > 1:
            message = f"attempt {context.attempt - 1} of {self.task.retries + 1} failed"
            call_hooks(self.hooks.get("on_retry", ()), context, State("PENDING", message))
        call_hooks(self.hooks.get("on_running", ()), context, State("RUNNING"))

    def _named(self, args: list[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        if not args:
            return dict(kwargs)
        return self._binding.arguments(args, kwargs)


def arguments_of(task: TaskSpec, fn: Callable[..., Any]) -> Annotated:
    """Return what the arguments of a task have to be."""
    return Annotated(fn, f"task {task.name!r}", validate=task.validate_parameters)


def encode_output(
    task_name: str,
    value: Any,
    *,
    store: Store | None = None,
    any_keys: bool = False,
    serializer: str | None = None,
) -> str:
    """Return what a task returned as JSON text.

    Args:
        task_name: the task's name.
        value: what it returned.
        store: as for `to_text`.
        any_keys: as for `to_text`.
        serializer: as in its spec.

    Raises:
        CodecError: it cannot cross; the message names the task and the path inside the value.
    """
    try:
        if serializer == "pickle":
            from dagy.values.artifacts import Pickled

            value = Pickled(value)
        return to_text(value, store, any_keys=any_keys)
    except CodecError as error:
        message = str(error).replace("value", "result", 1)
        raise CodecError(
            f"task {task_name!r} returned what cannot cross to another task: {message}",
            path=error.path,
        ) from error


def describe_failure(error: BaseException) -> Failure:
    """Return an exception as a record, its traceback beginning at the user's own frame."""
    try:
        message = str(error)
    except Exception:
        message = f"<{type(error).__name__} whose text could not be had>"
    trace = error.__traceback__
    while trace is not None and is_foreign(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    import traceback  # a run that goes well need not pay for it

    if trace is None and isinstance(error, DagyError):
        return Failure(type(error).__name__, message)  # it is told by its message alone
    lines = traceback.format_exception(type(error), error, trace)
    return Failure(type(error).__name__, message, "".join(lines))
