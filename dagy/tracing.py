"""Tracing: a flow's function is run once, its task calls are recorded, and a FlowSpec comes out."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from dagy.errors import CodecError, NotBuiltError, TraceError
from dagy.naming import Names, slug
from dagy.options import not_built
from dagy.source import Location, caller, location_of
from dagy.spec import TaskReference, TaskRunSpec, TaskSpec, encode
from dagy.spec.references import escape
from dagy.symbols import Symbol, TaskOutput
from dagy.values import check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagy.task import Task

current_graph: ContextVar[Graph | None] = ContextVar("dagy_graph", default=None)


class Graph:
    """The graph of one flow while it is being recorded.

    Args:
        flow_name: for messages.
    """

    def __init__(self, flow_name: str) -> None:
        self.flow_name = flow_name
        self.tasks: dict[str, TaskSpec] = {}
        self.task_runs: list[TaskRunSpec] = []
        self._ids = Names()
        self._defined: dict[str, Task[..., Any]] = {}

    @property
    def edges(self) -> list[list[str]]:
        """`[source, target]` for every dependency, in the order of the task runs."""
        return [[source, run.id] for run in self.task_runs for source in run.depends_on]

    @property
    def functions(self) -> dict[str, Task[..., Any]]:
        """The tasks that were called, by name."""
        return self._defined

    def add(
        self,
        task: Task[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        wait_for: Sequence[Any],
    ) -> TaskOutput:
        """Record one call of a task; see `Task.__call__`."""
        where = caller()
        self._define(task, where)
        try:
            bound = task.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise self._error(f"task {task.name!r} cannot be called so: {error}", where) from error
        del bound  # only the check was wanted: the spec keeps the call as it was written
        depends_on: dict[str, None] = {}
        positional = [
            self._argument(task, index, value, depends_on, where)
            for index, value in enumerate(args)
        ]
        named = {
            name: self._argument(task, name, value, depends_on, where)
            for name, value in kwargs.items()
        }
        for output in self._awaited(task, wait_for, where):
            depends_on[output.task_run_id] = None
        run = TaskRunSpec(
            id=self._ids.claim(slug(task.name, fallback="task")),
            task_name=task.name,
            depends_on=list(depends_on),
            args=positional,
            kwargs=named,
            executor=None,
            source=where.short,
        )
        self.task_runs.append(run)
        return TaskOutput(self, run.id)

    def encode(self, value: Any, depends_on: dict[str, None]) -> Any:
        """Return a value as JSON with references, and note the task runs it refers to.

        Raises:
            CodecError: something in it is neither JSON nor a symbol of this graph.
        """
        if isinstance(value, Symbol):
            if value.graph is not self:
                raise CodecError(f"{value!r} belongs to another build of a flow")
            reference = value.reference
            if isinstance(reference, TaskReference):
                depends_on[reference.task_run_id] = None
            return encode(reference)
        if isinstance(value, dict):
            for key in value:
                if not isinstance(key, str):
                    check({key: None})
            return escape({key: self.encode(item, depends_on) for key, item in value.items()})
        if isinstance(value, (list, tuple)):
            return [self.encode(item, depends_on) for item in value]
        check(value)
        return value

    def _define(self, task: Task[..., Any], where: Location) -> None:
        known = self._defined.get(task.name)
        if known is task:
            return
        if known is not None:
            raise self._error(
                f"two different tasks are called {task.name!r}: {location_of(known.fn)} and "
                f"{location_of(task.fn)}; give one of them another name with @task(name=...)",
                where,
            )
        unmet = not_built(task)
        if unmet:
            raise NotBuiltError(
                f"task {task.name!r} ({location_of(task.fn)}) uses {', '.join(unmet)}, which this "
                f"version of Dagy does not run yet; flow {self.flow_name!r} cannot be built with it"
            )
        self._defined[task.name] = task
        location = location_of(task.fn)
        self.tasks[task.name] = TaskSpec(
            name=task.name,
            import_path=import_path(task.fn),
            description=task.description,
            default_executor=task.executor,
            retries=task.retries,
            retry_delay_seconds=_plain_delay(task.retry_delay_seconds),
            timeout_seconds=task.timeout_seconds,
            concurrency_limit=task.concurrency_limit,
            retry_jitter_factor=task.retry_jitter_factor,
            validate_parameters=task.validate_parameters,
            source=location.short if location else None,
        )

    def _argument(
        self,
        task: Task[..., Any],
        name: str | int,
        value: Any,
        depends_on: dict[str, None],
        where: Location,
    ) -> Any:
        try:
            return self.encode(value, depends_on)
        except (CodecError, RecursionError) as error:
            label = f"argument {name + 1}" if isinstance(name, int) else f"argument {name!r}"
            raise self._error(f"{label} of task {task.name!r}: {error}", where) from error

    def _awaited(self, task: Task[..., Any], wait_for: Any, where: Location) -> list[TaskOutput]:
        outputs = list(wait_for) if isinstance(wait_for, (list, tuple)) else [wait_for]
        for output in outputs:
            if not isinstance(output, TaskOutput) or output.graph is not self:
                raise self._error(
                    f"wait_for of task {task.name!r} must be a list of outputs of tasks of this "
                    f"flow, and holds {output!r}",
                    where,
                )
        return outputs

    def _error(self, problem: str, where: Location) -> TraceError:
        return TraceError(f"{problem}\n  {where}  {where.text}    in flow {self.flow_name!r}")


def _plain_delay(delay: Any) -> Any:
    return list(delay) if isinstance(delay, (list, tuple)) else delay


def import_path(fn: Any) -> str:
    """Return where a function can be imported from, as `module:qualified.name`."""
    return f"{fn.__module__}:{getattr(fn, '__qualname__', type(fn).__qualname__)}"
