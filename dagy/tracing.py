"""Tracing: a flow's function is run once, its task calls are recorded, and a FlowSpec comes out."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from dagy.code import CALLABLE, HOOKS, name_of
from dagy.context import current_task_run_id
from dagy.errors import CodecError, TraceError
from dagy.mapping import Unmapped, common_length, keyed, label
from dagy.naming import Names, slug
from dagy.source import Location, caller, location_of
from dagy.spec import (
    BranchReference,
    Direct,
    TaskReference,
    TaskRunSpec,
    TaskSpec,
    encode,
    references_in,
)
from dagy.spec.references import escape
from dagy.symbols import BranchOutput, Symbol, TaskOutput, is_shown_in
from dagy.values import as_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dagy.flow import Flow
    from dagy.task import Task

Scope = tuple[tuple[int, bool], ...]
"""The branches around a call, outermost first: the number of each, and the side of it."""

current_graph: ContextVar[Graph | None] = ContextVar("dagy_graph", default=None)

_under_way: list[tuple[Graph, frozenset[int | None]]] = []
"""What is being traced, with the threads that were there when it began."""


@contextmanager
def tracing(graph: Graph) -> Iterator[None]:
    """Record the tasks that are called in a graph, for the body of a `with`."""
    import threading  # a worker never traces

    entry = (graph, frozenset(thread.ident for thread in threading.enumerate()))
    token = current_graph.set(graph)
    _under_way.append(entry)
    try:
        yield
    finally:
        _under_way.remove(entry)
        current_graph.reset(token)


def refuse_stray_call(task: Task[..., Any]) -> None:
    """Refuse a call in a thread that a flow has started while it is traced: it would run the task.

    A context does not reach such a thread, so it is known by its age.
    """
    if not _under_way or current_task_run_id.get() is not None:
        return
    import threading

    for graph, threads in reversed(_under_way):
        if threading.get_ident() not in threads:
            flow = graph.flows[-1]
            stray = TraceError(
                f"task {task.name!r} is called in another thread while flow {flow.name!r} "
                f"({location_of(flow.fn)}) is being traced, where it would run instead of being "
                "recorded\n  Call it in the flow's own thread: tasks that do not depend on each "
                "other run at once anyway. For a call per item there is task.map."
            )
            graph.misuse = graph.misuse or stray
            raise stray


class Graph:
    """The graph of one flow while it is being recorded.

    Attributes:
        flows: the flow, and within it those whose calls are being recorded into the same graph.
        tasks: what has been recorded, as in a FlowSpec.
        task_runs: likewise.
        misuse: the first use of an output or parameter that has no meaning while tracing.
    """

    def __init__(self, flow: Flow[..., Any]) -> None:
        self.flows = [flow]
        self.misuse: TraceError | None = None
        self.tasks: dict[str, TaskSpec] = {}
        self.task_runs: list[TaskRunSpec] = []
        self._ids = Names()
        self._defined: dict[str, Task[..., Any]] = {}
        self._prefix = ""
        # Where the tracing is: the branches around it, by number and side, with what decides them.
        self._scope: Scope = ()
        self._when: list[list[Any]] = []
        self._branches = 0
        self._scopes: dict[str, Scope] = {}  # of task runs, by id

    @property
    def flow_name(self) -> str:
        """The flow whose function is being run, for messages."""
        return self.flows[-1].name

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
        map_over: list[str | int] | None = None,
    ) -> TaskOutput:
        """Record one call of a task; see `Task.__call__`."""
        where = caller()
        executor = self._define(task, where)
        try:
            # Only for the check: the spec keeps the call as it was written.
            task.binding.arguments(args, kwargs)
        except TypeError as error:
            raise self._error(f"task {task.name!r} cannot be called so: {error}", where) from error
        depends_on: dict[str, None] = {}
        _note(self._when, depends_on)
        positional = [
            self._argument(task, index, value, depends_on, where)
            for index, value in enumerate(args)
        ]
        named = {
            name: self._argument(task, name, value, depends_on, where)
            for name, value in kwargs.items()
        }
        depends_on.update(dict.fromkeys(self._awaited(task, wait_for, where)))
        run = TaskRunSpec(
            id=self._ids.claim(self._prefix + slug(task.name, fallback="task")),
            task_name=task.name,
            depends_on=list(depends_on),
            args=positional,
            kwargs=named,
            executor=executor,
            source=where.short,
            map_over=map_over,
            when=list(self._when),
        )
        self.task_runs.append(run)
        self._scopes[run.id] = self._scope
        return TaskOutput(self, run.id)

    def add_map(
        self,
        task: Task[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        wait_for: Sequence[Any],
    ) -> TaskOutput:
        """Record one mapped call of a task; see `Task.map`."""
        given = keyed(args, kwargs)
        mapped = {key: value for key, value in given.items() if not isinstance(value, Unmapped)}
        try:
            # Lists that are there already are checked now; the others when the flow runs.
            known = {key: value for key, value in mapped.items() if not isinstance(value, Symbol)}
            if known or not mapped:
                common_length(known)
        except ValueError as error:
            raise self._error(f"task {task.name!r}: {error}", caller()) from error
        plain = {
            key: value.value if isinstance(value, Unmapped) else value
            for key, value in given.items()
        }
        positional = tuple(plain[position] for position in range(len(args)))
        named = {name: plain[name] for name in kwargs}
        return self.add(task, positional, named, wait_for, list(mapped))

    def branch(self, condition: Any, then: Any, otherwise: Any) -> BranchOutput:
        """Record both sides of a branch; see `dagy.branch`."""
        where = caller()
        reference = condition.reference
        if isinstance(reference, BranchReference):
            raise self._error(
                "what a branch comes to cannot decide another branch by itself; pass it through a "
                "task, and branch on that task's output",
                where,
            )
        self.encode(condition, {})
        self._branches += 1
        number = self._branches
        sides = [
            self._side(number, reference, side, value, where)
            for side, value in ((True, then), (False, otherwise))
        ]
        return BranchOutput(self, BranchReference(reference, *sides), self._scope, number)

    def _side(self, number: int, condition: Direct, side: bool, value: Any, where: Location) -> Any:
        scope, when = self._scope, self._when
        self._scope = (*scope, (number, side))
        self._when = [*when, [encode(condition), side]]
        name = "then" if side else "otherwise"
        try:
            if callable(value) and not isinstance(value, Symbol):
                _check_takes_nothing(value)
                value = value()
            return self.encode(value, {})
        except CodecError as error:
            raise self._error(f"{name} of the branch: {error}", where) from error
        finally:
            self._scope, self._when = scope, when

    @contextmanager
    def nested(self, flow: Flow[..., Any]) -> Iterator[None]:
        """Record what another flow calls, under a prefix of its own, for the body of a `with`."""
        outer = self._prefix
        self._prefix = self._ids.claim(outer + slug(flow.name, fallback="flow")) + "."
        self.flows.append(flow)
        try:
            yield
        finally:
            self.flows.pop()
            self._prefix = outer

    def encode(self, value: Any, depends_on: dict[str, None]) -> Any:
        """Return a value as JSON with references, and note the task runs it refers to.

        Raises:
            CodecError: something in it is neither JSON nor a symbol of this graph.
        """
        if isinstance(value, Symbol):
            if value.graph is not self:
                raise CodecError(f"{value!r} belongs to another build of a flow")
            self._check_scope(value)
            encoded = encode(value.reference)
            if isinstance(value, TaskOutput):
                depends_on[value.task_run_id] = None
            else:
                _note(encoded, depends_on)
            return encoded
        if isinstance(value, dict):
            for key in value:
                if not isinstance(key, str):
                    as_json({key: None})
            return escape({key: self.encode(item, depends_on) for key, item in value.items()})
        if isinstance(value, (list, tuple)):
            return [self.encode(item, depends_on) for item in value]
        if isinstance(value, str) and is_shown_in(value):
            raise CodecError(
                f"the text {value!r} was made of what has no value yet; pass that by itself, and "
                "make the text inside the task"
            )
        return as_json(value)

    def _check_scope(self, value: Symbol) -> None:
        """Refuse an output from a branch that may not have been taken where it would be used."""
        if isinstance(value, TaskOutput):
            scope = self._scopes[value.task_run_id]
        elif isinstance(value, BranchOutput):
            scope = value.scope
        else:
            return
        if self._scope[: len(scope)] != scope:
            raise CodecError(
                f"{value!r} is made on one side of a branch, and is not there when the other side "
                "is taken; use what branch(...) returned instead"
            )

    def _define(self, task: Task[..., Any], where: Location) -> str | None:
        """Record a task with its first call; return the executor of this one, if it has its own."""
        known = self._defined.get(task.name)
        if known is not None:
            differences = known.differences(task)
            if not differences:
                return None
            if differences == ("executor",) and task.executor is not None:
                return task.executor
            which = f"{known.location} and {task.location}"
            if "fn" not in differences:
                which = f"the options of this call are others: {', '.join(differences)}"
            raise self._error(
                f"two different tasks are called {task.name!r}: {which}; give one of them another "
                "name with name=...",
                where,
            )
        self._defined[task.name] = task
        self.tasks[task.name] = _spec_of(task)
        return None

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
            raise self._error(f"{label(name)} of task {task.name!r}: {error}", where) from error

    def _awaited(self, task: Task[..., Any], wait_for: Any, where: Location) -> Iterator[str]:
        """Yield the task runs that what `wait_for` holds stands for."""
        if wait_for is None:
            return
        for value in wait_for if isinstance(wait_for, (list, tuple)) else [wait_for]:
            outputs = [
                symbol
                for symbol in symbols_in(value)
                if isinstance(symbol, (TaskOutput, BranchOutput)) and symbol.graph is self
            ]
            if not outputs:
                raise self._error(
                    f"wait_for of task {task.name!r} must be a list of outputs of tasks of this "
                    f"flow, and holds {value!r}; to wait for a flow within this one, let it return "
                    "the outputs of its last tasks",
                    where,
                )
            try:
                for output in outputs:
                    self._check_scope(output)
                    yield from self._stands_for(output)
            except CodecError as error:
                raise self._error(f"wait_for of task {task.name!r}: {error}", where) from error

    def _stands_for(self, output: TaskOutput | BranchOutput) -> Iterator[str]:
        """Yield the task runs that have all ended once an output is there; of a branch, all of it.

        What others of the branch wait for is left out.
        """
        if isinstance(output, TaskOutput):
            yield output.task_run_id
            return
        found: dict[str, None] = {}
        _note(encode(output.reference), found)
        inside = [
            run
            for run in self.task_runs
            if any(number == output.number for number, _ in self._scopes[run.id])
        ]
        followed = {before for run in inside for before in run.depends_on}
        yield from found
        yield from (run.id for run in inside if run.id not in followed)

    def _error(self, problem: str, where: Location) -> TraceError:
        return TraceError(f"{problem}\n  {where}  {where.text}    in flow {self.flow_name!r}")


def _check_takes_nothing(side: Callable[[], Any]) -> None:
    """Refuse a side of a branch that cannot be called as it is; a task says so itself."""
    import inspect  # a worker never traces

    try:
        inspect.signature(side).bind()
    except TypeError as error:
        shown = getattr(side, "__name__", type(side).__name__)
        raise CodecError(
            f"{shown} is to be a function without arguments, or a value: {error}; give it what it "
            "needs with lambda: ..."
        ) from error
    except ValueError:  # as for some builtins, whose parameters nobody knows
        pass


def symbols_in(value: Any) -> Iterator[Symbol]:
    """Yield what in a value stands for a value to come, also within lists and dicts."""
    if isinstance(value, Symbol):
        yield value
    elif isinstance(value, (list, tuple, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from symbols_in(item)


def _note(encoded: Any, depends_on: dict[str, None]) -> None:
    """Note the task runs that JSON with references refers to."""
    for reference in references_in(encoded):
        if isinstance(reference, TaskReference):
            depends_on[reference.task_run_id] = None


def delay_data(delay: Any) -> Any:
    """Return `retry_delay_seconds` as a spec holds it."""
    if callable(delay):
        return {CALLABLE: name_of(delay)}
    return list(delay) if isinstance(delay, (list, tuple)) else delay


def condition_name(definition: Any) -> str | None:
    """Return the name of a task's or flow's `retry_condition_fn`, as a spec holds it."""
    condition = definition.retry_condition_fn
    return None if condition is None else name_of(condition)


def hook_names(definition: Any) -> dict[str, list[str]]:
    """Return the names of a task's or flow's hooks, as a spec holds them."""
    return {
        event: [name_of(hook) for hook in hooks]
        for event in HOOKS
        if (hooks := getattr(definition, event))
    }


def _spec_of(task: Task[..., Any]) -> TaskSpec:
    location = task.location
    return TaskSpec(
        name=task.name,
        import_path=task.import_path,
        description=task.description,
        default_executor=task.executor,
        retries=task.retries,
        retry_delay_seconds=delay_data(task.retry_delay_seconds),
        timeout_seconds=task.timeout_seconds,
        concurrency_limit=task.concurrency_limit,
        retry_jitter_factor=task.retry_jitter_factor,
        validate_parameters=task.validate_parameters,
        source=location.short if location else None,
        retry_condition=condition_name(task),
        hooks=hook_names(task),
        isolation=task.isolation,
        serializer=task.serializer,
        cache=_cache_data(task.cache),
        code_hash=task.code_hash,
        expected_seconds=task.expected_seconds,
        memory_mb=task.memory_mb,
        vcpu=task.vcpu,
        ephemeral_storage_mb=task.ephemeral_storage_mb,
        environment=task.environment,
        secrets=task.secrets,
        architecture=task.architecture,
        service=None if task.service is None else dict(task.service),
        tolerated_failures=task.tolerated_failures,
    )


def _cache_data(cache: Any) -> dict[str, Any] | None:
    if cache is False:
        return None
    if cache is True:
        return {}
    if callable(cache):
        return {CALLABLE: name_of(cache)}
    return {"seconds": cache.total_seconds()}
