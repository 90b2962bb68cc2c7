"""`@flow`: a Python function that is traced into a graph of tasks."""

from __future__ import annotations

import functools
import inspect
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, ParamSpec, TypeVar, overload

from dagy import options
from dagy.code import HOOKS, findable_path
from dagy.coroutines import ready, run_coroutine
from dagy.errors import CodecError, DagyError, NotBuiltError, ParameterError, TraceError
from dagy.hook import HookLike
from dagy.source import Location, caller, is_foreign, location_of
from dagy.spec import FlowSpec, ParameterReference
from dagy.symbols import ParameterValue, Symbol
from dagy.task import RetryDelay, Task
from dagy.tracing import (
    Graph,
    condition_name,
    current_graph,
    delay_data,
    hook_names,
    symbols_in,
    tracing,
)

if TYPE_CHECKING:
    from dagy.deployment import DeployResult
    from dagy.run_context import LocalRunContext
    from dagy.validation import Arguments

P = ParamSpec("P")
R = TypeVar("R")

_RESERVED = (
    *("version", "fail_fast", "max_workers", "cleanup_keep_last", "raise_on_failure"),
    *("resume", "force_resume"),
)


class TracedFlow(NamedTuple):
    """A FlowSpec, and the tasks it was traced from by name."""

    spec: FlowSpec
    tasks: Mapping[str, Task[..., Any]]


class Flow(Generic[P, R]):
    """A function that describes a graph of task calls; made by `@flow`.

    Called as a function it runs as plain Python, its tasks too, with no graph and no history.

    Attributes:
        fn: the function itself.
        name: its name; the function's name unless given.
        description: for people; the docstring unless given.
    """

    def __init__(
        self,
        fn: Callable[P, R],
        *,
        name: str | None = None,
        description: str | None = None,
        retries: int = 0,
        retry_delay_seconds: RetryDelay = None,
        retry_jitter_factor: float | None = None,
        validate_parameters: bool = True,
        on_running: Sequence[HookLike] | None = None,
        on_completion: Sequence[HookLike] | None = None,
        on_failure: Sequence[HookLike] | None = None,
        on_retry: Sequence[HookLike] | None = None,
        retry_condition_fn: Callable[[Exception], bool] | None = None,
    ) -> None:
        shown = getattr(fn, "__name__", type(fn).__name__)
        definition = options.Definition("flow", fn, name if isinstance(name, str) else shown)
        options.check_function(definition, fn)
        options.check_name(definition, shown if name is None else name)
        options.check_text(definition, "description", description)
        options.check_retries(
            definition, retries, retry_delay_seconds, retry_jitter_factor, retry_condition_fn
        )
        options.check_bool(definition, "validate_parameters", validate_parameters)
        hooks = dict(zip(HOOKS, (on_running, on_completion, on_failure, on_retry), strict=True))
        options.check_hooks(definition, hooks)
        functools.update_wrapper(self, fn)
        self.signature = inspect.signature(fn)
        options.check_signature(definition, self.signature, _RESERVED)
        self.fn = fn
        self.name: str = name if name is not None else shown
        self.description = description if description is not None else inspect.getdoc(fn)
        self.retries = retries
        self.retry_delay_seconds = retry_delay_seconds
        self.retry_jitter_factor = retry_jitter_factor
        self.validate_parameters = validate_parameters
        self.on_running = list(on_running or ())
        self.on_completion = list(on_completion or ())
        self.on_failure = list(on_failure or ())
        self.on_retry = list(on_retry or ())
        self.retry_condition_fn = retry_condition_fn

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function as plain Python, its tasks included.

        Inside another flow, its tasks become part of that flow's graph, with ids that begin with
        this flow's name.

        Raises:
            TraceError: inside another flow, when the arguments do not fit, when it calls itself, or
                when it has retries or hooks, which belong to a run of its own.
            ParameterError: inside another flow, when a value does not fit its parameter.
        """
        graph = current_graph.get()
        if graph is None:
            return self.fn(*args, **kwargs)
        nested: Any = self._within(graph, args, kwargs)
        return nested  # type: ignore[no-any-return] # outputs stand for the function's results

    def _within(self, graph: Graph, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        from dagy import parameters  # `import dagy` stays light

        where = caller()

        def refuse(problem: str) -> TraceError:
            at = f"{where}  {where.text}    in flow {graph.flow_name!r}"
            return TraceError(f"flow {self.name!r} {problem}\n  {at}")

        if self in graph.flows:
            raise refuse("calls itself, so that its graph would never end")
        if self.retries or any(getattr(self, event) for event in HOOKS):
            raise refuse(
                "has retries or hooks, which belong to a run of its own; inside another flow, put "
                "them on its tasks"
            )
        try:
            call = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise refuse(f"cannot be called so: {error}") from error
        call.apply_defaults()
        plain = {
            name: value
            for name, value in call.arguments.items()
            if next(symbols_in(value), None) is None
        }
        entries = parameters.definitions(
            self.fn, self.signature, {}, validate=self.validate_parameters
        )
        parameters.bind(self.name, entries, plain, partial=True, annotated=self.annotated)
        awaited = all(inspect.iscoroutinefunction(flow.fn) for flow in (graph.flows[-1], self))
        self._refuse_identity(call.arguments)
        with graph.nested(self):
            returned = self._call(call)
        return ready(returned) if awaited else returned

    def build(self, *args: Any, version: str = "1", **kwargs: Any) -> FlowSpec:
        """Trace the flow into a FlowSpec, without running any task.

        Args:
            args: parameters to bind, by position.
            version: label of the version, of any form.
            kwargs: parameters to bind, by name. A bound parameter has its value while the graph is
                traced, and may shape it; one that is not bound stays symbolic, so that the same
                graph serves every value.

        Raises:
            TraceError: the function does something that has no meaning while it is traced.
            ParameterError: a bound value fits no parameter.
            NotBuiltError: it uses what this version of Dagy does not run yet.

        Examples:
            >>> from dagy import flow, task
            >>> @task
            ... def double(n: int) -> int:
            ...     return 2 * n
            >>> @flow
            ... def twice(n: int) -> int:
            ...     return double(double(n))
            >>> [run.id for run in twice.build().task_runs]
            ['double', 'double-2']
        """
        return self.trace(self.named(args, kwargs), version=version).spec

    def run_local(
        self,
        *args: Any,
        fail_fast: bool = True,
        max_workers: int = 1,
        cleanup_keep_last: int = 20,
        raise_on_failure: bool = False,
        resume: str | None = None,
        force_resume: bool = False,
        **kwargs: Any,
    ) -> LocalRunContext:
        """Run the flow here, on a thread pool, and record the run.

        Args:
            args: the flow's parameters, by position.
            fail_fast: stop at the first task that fails for good; False runs all that does not
                depend on it.
            max_workers: how many tasks may run at once.
            cleanup_keep_last: how many ended runs of this flow the history keeps.
            raise_on_failure: raise RunFailedError when the run does not succeed.
            resume: a recorded run to go on from, by its id, the beginning of one, or `latest`: what
                succeeded there is used again, and its parameters are used where none are given.
            force_resume: go on from it although code or graph have changed; what that touches
                runs again.
            kwargs: the flow's parameters, by name.

        Returns:
            What happened: `.run_id`, `.status`, `.result`, `.task_runs`.

        Raises:
            TraceError, ParameterError, NotBuiltError: as `build`.
            HistoryError: there is no run to resume.
            ResumeError: the flow has changed since that run; the message lists the differences.
            RunFailedError: only where asked for.
        """
        from dagy.local import run_local  # `import dagy` stays light

        return run_local(
            self,
            self.named(args, kwargs),
            fail_fast=fail_fast,
            max_workers=max_workers,
            cleanup_keep_last=cleanup_keep_last,
            raise_on_failure=raise_on_failure,
            resume=resume,
            force_resume=force_resume,
        )

    def run(self, *args: Any, **kwargs: Any) -> LocalRunContext:
        """Run the flow through the Dagy API if one is configured, otherwise here.

        Raises:
            NotBuiltError: `DAGY_API_URL` is set; this version has no API client yet.
        """
        if os.environ.get("DAGY_API_URL"):
            raise NotBuiltError(
                "DAGY_API_URL is set, and this version of Dagy cannot run a flow through the API "
                "yet; unset it, or call run_local()"
            )
        return self.run_local(*args, **kwargs)

    def deploy(
        self,
        name: str | None = None,
        *,
        bucket: str | None = None,
        api_url: str | None = None,
        schedule: str | None = None,
        default_executor: str | None = None,
        execution_mode: str = "nano",
        tags: Mapping[str, str] | Sequence[str] | None = None,
        flow_kwargs: Mapping[str, Any] | None = None,
        force: bool = False,
    ) -> DeployResult | LocalRunContext:
        """Build the flow and put it on AWS; run it here if no AWS target is named.

        Only what has changed is deployed; executions under way finish on what they began with.

        Args:
            name: what to call it there; its own name by default.
            bucket: of S3, for what is uploaded; by default one is made.
            api_url: of a Dagy API to register with; this version has none.
            schedule: when to run it: five fields as of cron, or `rate(...)`.
            default_executor: of tasks that name none: "lambda" or "ecs".
            execution_mode: "nano", "micro", "small", "medium", "large" or "xlarge".
            tags: of everything that is made: by key, or texts `key=value`.
            flow_kwargs: parameters to bind, by name.
            force: deploy although nothing seems to have changed.

        Returns:
            What was deployed, or the run where there was nowhere to deploy to.

        Raises:
            DagyError: it cannot be built, AWS refuses, or the deployment fails; says why.
        """
        from dagy.deployment import deploy_flow  # `import dagy` stays light

        return deploy_flow(
            self,
            name=name,
            bucket=bucket,
            api_url=api_url,
            schedule=schedule,
            default_executor=default_executor,
            execution_mode=execution_mode,
            tags=tags,
            flow_kwargs=flow_kwargs,
            force=force,
        )

    def trace(self, bound: Mapping[str, Any], *, version: str = "1") -> TracedFlow:
        """Trace the flow; `build` says how.

        Args:
            bound: parameters to bind, by name.
            version: label of the version.
        """
        from dagy import parameters  # `import dagy` stays light

        if not isinstance(version, str):
            raise ParameterError(f"flow {self.name!r}: version must be text, not {version!r}")
        entries = parameters.definitions(
            self.fn, self.signature, bound, validate=self.validate_parameters
        )
        values = parameters.bind(self.name, entries, bound, partial=True, annotated=self.annotated)
        graph = Graph(self)
        given = {
            name: self.annotated.convert_one(name, values[name])
            if name in bound
            else ParameterValue(graph, name)
            for name in self.signature.parameters
        }
        self._refuse_identity(given)
        returned = self._trace_function(graph, given)
        location = f"{location_of(self.fn)}"
        try:
            outputs = graph.encode(returned, {})
        except CodecError as error:
            raise TraceError(
                f"the return value of flow {self.name!r} ({location}): {error}"
            ) from error
        return TracedFlow(self._spec(graph, entries, outputs, version), graph.functions)

    def _spec(
        self, graph: Graph, entries: list[dict[str, Any]], outputs: Any, version: str
    ) -> FlowSpec:
        return FlowSpec(
            name=self.name,
            version=version,
            created_at=time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime()),
            tasks=graph.tasks,
            task_runs=graph.task_runs,
            edges=graph.edges,
            outputs=outputs,
            parameters=entries,
            description=self.description,
            import_path=self.import_path,
            retries=self.retries,
            retry_delay_seconds=delay_data(self.retry_delay_seconds),
            retry_jitter_factor=self.retry_jitter_factor,
            retry_condition=condition_name(self),
            hooks=hook_names(self),
        )

    @functools.cached_property
    def annotated(self) -> Arguments:
        """What the parameters have to be."""
        # Not made before it is used: annotations may name what is defined further down.
        from dagy.validation import Arguments

        label = f"flow {self.name!r}"
        return Arguments(self.fn, label, validate=self.validate_parameters, noun="parameter")

    def _refuse_identity(self, given: Mapping[str, Any]) -> None:
        """Refuse `parameter is None` of a parameter that has no value yet; see `dagy.identity`."""
        for name, line in self._compared_with_none.items():
            value = given.get(name)
            if isinstance(value, Symbol):
                reference = value.reference
                location = location_of(self.fn)
                where = Location(location.file if location else "", line)
                raise TraceError(
                    f"the parameter {name!r} cannot be compared with None while flow "
                    f"{self.name!r} is being traced\n  {where}  {where.text}\n"
                    "  It has its value when the flow runs. Do this inside a task, use branch, or "
                    f"bind it: build({name}=...), or --param {name}=... of the CLI.",
                    parameter=reference.name if isinstance(reference, ParameterReference) else None,
                )

    @functools.cached_property
    def _compared_with_none(self) -> dict[str, int]:
        from dagy.identity import compared_with_none  # a worker never traces

        return compared_with_none(self.fn)

    def _trace_function(self, graph: Graph, given: Mapping[str, Any]) -> Any:
        if current_graph.get() is not None:
            raise NotBuiltError(f"flow {self.name!r} is built while another flow is being traced")
        call = self.signature.bind_partial()
        call.arguments.update(given)
        try:
            with tracing(graph):
                returned = self._call(call)
        except DagyError:
            raise
        # The body is the user's code: it may raise anything, SystemExit included.
        except (Exception, SystemExit) as error:
            raise TraceError(self._told(error)) from error
        if graph.misuse is not None:  # somebody caught it, and went on with half a graph
            raise graph.misuse
        return returned

    def _told(self, error: BaseException) -> str:
        trace, where = error.__traceback__, location_of(self.fn)
        is_own = False
        while trace is not None:
            code = trace.tb_frame.f_code
            is_own = not is_foreign(code.co_filename)
            if is_own:
                where = Location(code.co_filename, trace.tb_lineno)
            trace = trace.tb_next
        at = f"\n  {where}  {where.text}" if where else ""
        # Of a call that never reached the function, the last line is the caller's.
        is_misfit = is_own and isinstance(error, TypeError) and "argument" in str(error)
        way_out = (
            "Give the call the arguments that the function takes."
            if is_misfit
            else "A flow only describes its graph: what needs the value of an output or of a "
            "parameter belongs into a task."
        )
        return (
            f"flow {self.name!r} raised {type(error).__name__} while it was being traced: {error}"
            f"{at}\n  {way_out}"
        )

    def _call(self, call: inspect.BoundArguments) -> Any:
        returned: Any = self.fn(*call.args, **call.kwargs)
        return run_coroutine(returned) if inspect.iscoroutine(returned) else returned

    def named(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return given parameters by name.

        Raises:
            ParameterError: there are too many, or one is given twice.
        """
        names = list(self.signature.parameters)
        if len(args) > len(names):
            raise ParameterError(
                f"flow {self.name!r} takes {len(names)} parameters, and {len(args)} were given"
            )
        by_position = dict(zip(names, args, strict=False))
        twice = sorted(by_position.keys() & kwargs.keys())
        if twice:
            raise ParameterError(f"flow {self.name!r}: parameter {twice[0]!r} is given twice")
        return {**by_position, **kwargs}

    @property
    def import_path(self) -> str:
        """Where a worker finds this flow, as `module:name`."""
        return findable_path(self)

    def __repr__(self) -> str:
        return f"<Flow {self.name}{self.signature}>"


@overload
def flow(fn: Callable[P, R], /) -> Flow[P, R]: ...


@overload
def flow(
    *,
    name: str | None = None,
    description: str | None = None,
    retries: int = 0,
    retry_delay_seconds: RetryDelay = None,
    retry_jitter_factor: float | None = None,
    validate_parameters: bool = True,
    on_running: Sequence[HookLike] | None = None,
    on_completion: Sequence[HookLike] | None = None,
    on_failure: Sequence[HookLike] | None = None,
    on_retry: Sequence[HookLike] | None = None,
    retry_condition_fn: Callable[[Exception], bool] | None = None,
) -> Callable[[Callable[P, R]], Flow[P, R]]: ...


def flow(
    fn: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    retries: int = 0,
    retry_delay_seconds: RetryDelay = None,
    retry_jitter_factor: float | None = None,
    validate_parameters: bool = True,
    on_running: Sequence[HookLike] | None = None,
    on_completion: Sequence[HookLike] | None = None,
    on_failure: Sequence[HookLike] | None = None,
    on_retry: Sequence[HookLike] | None = None,
    retry_condition_fn: Callable[[Exception], bool] | None = None,
) -> Any:
    """Make a function a flow; bare, or with options.

    Args:
        fn: the function, when used bare.
        name: the flow's name; the function's name by default.
        description: for people; the docstring by default.
        retries: how often the whole flow is run again after it failed.
        retry_delay_seconds: seconds before each of these, as for a task.
        retry_jitter_factor: from 0 to 1, as for a task.
        validate_parameters: check parameters against the annotations before anything runs.
        on_running: hooks called when the flow starts.
        on_completion: hooks called on success.
        on_failure: hooks called on failure.
        on_retry: hooks called before the flow is run again.
        retry_condition_fn: given the exception, tells whether to run it again.

    Returns:
        A `Flow`, or a decorator that makes one.

    Raises:
        DefinitionError: an argument is not what is allowed, or the function cannot be a flow.

    Examples:
        >>> @flow(name="daily_etl", description="Daily data pipeline")
        ... def daily_etl(date: str, source: str) -> None: ...
    """
    make = functools.partial(
        Flow,
        name=name,
        description=description,
        retries=retries,
        retry_delay_seconds=retry_delay_seconds,
        retry_jitter_factor=retry_jitter_factor,
        validate_parameters=validate_parameters,
        on_running=on_running,
        on_completion=on_completion,
        on_failure=on_failure,
        on_retry=on_retry,
        retry_condition_fn=retry_condition_fn,
    )
    return make if fn is None else make(fn)
