"""One attempt of one task: arguments in, JSON text out, and every way to fail caught."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from dagy.annotations import accepted_kinds, annotations_of, describe, fits, spell
from dagy.context import RunContext, current_context, current_task_run_id
from dagy.errors import CodecError, ParameterError
from dagy.interpreter.events import Failure
from dagy.spec import TaskSpec
from dagy.values import to_text


class Outcome(NamedTuple):
    """What an attempt came to: an output as JSON text, or an exception.

    Attributes:
        output: with success only.
        error: with failure only.
        exception: what was raised, to be raised again where the run must fail with it.
    """

    output: str | None = None
    error: Failure | None = None
    exception: BaseException | None = None


class Body:
    """The function of a task, with what is needed to call it well.

    Args:
        task: the task's spec.
        fn: its function.
    """

    def __init__(self, task: TaskSpec, fn: Callable[..., Any]) -> None:
        self.task = task
        self._fn = fn
        self._signature = inspect.signature(fn)
        self._checks: dict[str, tuple[tuple[str, ...], str]] = {}
        if task.validate_parameters:
            for name, annotation in annotations_of(fn).items():
                accepts = accepted_kinds(annotation)
                if accepts is not None and name in self._signature.parameters:
                    self._checks[name] = (accepts, spell(annotation))

    def attempt(
        self,
        task_run_id: str,
        number: int,
        arguments: Callable[[], tuple[list[Any], dict[str, Any]]],
    ) -> Outcome:
        """Make one attempt, in this thread.

        Args:
            task_run_id: whose attempt it is.
            number: of the attempt, from 1.
            arguments: gives positional and keyword arguments; may raise LookupError.
        """
        try:
            args, kwargs = arguments()
            named = self._named(args, kwargs)
            self._check(named)
            context = RunContext("task", self.task.name, number, self.task.retries, named)
            token = current_context.set(context)
            id_token = current_task_run_id.set(task_run_id)
            try:
                value = self._fn(*args, **kwargs)
            finally:
                current_task_run_id.reset(id_token)
                current_context.reset(token)
            return Outcome(output=self._encode(value))
        # A task may raise anything, SystemExit included; none of it may end a worker thread.
        except BaseException as error:
            return Outcome(error=describe_failure(error), exception=error)

    def _named(self, args: list[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        if not args:
            return dict(kwargs)
        return dict(self._signature.bind(*args, **kwargs).arguments)

    def _check(self, named: Mapping[str, Any]) -> None:
        for name, (accepts, annotation) in self._checks.items():
            if name in named and self._signature.parameters[name].kind in _ONE_VALUE:
                value = named[name]
                if not fits(value, accepts):
                    raise ParameterError(
                        f"task {self.task.name!r}: argument {name!r} must be {annotation}, "
                        f"not {describe(value)}"
                    )

    def _encode(self, value: Any) -> str:
        try:
            return to_text(value)
        except CodecError as error:
            message = str(error).replace("value", "result", 1)
            raise CodecError(
                f"task {self.task.name!r} returned what cannot cross to another task: {message}",
                path=error.path,
            ) from error


_ONE_VALUE = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.KEYWORD_ONLY,
)


def describe_failure(error: BaseException) -> Failure:
    """Return an exception as a record, its traceback beginning at the user's own frame."""
    try:
        message = str(error)
    except Exception:
        message = f"<{type(error).__name__} whose text could not be had>"
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    import traceback  # a run that goes well need not pay for it

    lines = traceback.format_exception(type(error), error, trace)
    return Failure(type(error).__name__, message, "".join(lines))
