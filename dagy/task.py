"""`@task`: a Python function that a flow can run."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, TypeVar, overload

from dagy import options
from dagy.binding import Binding
from dagy.code import HOOKS, findable_path
from dagy.errors import DefinitionError
from dagy.hook import HookLike
from dagy.mapping import as_list, calls_of
from dagy.resources import Architecture, check_resources
from dagy.source import Location, caller, digest_of, location_of
from dagy.tracing import current_graph, refuse_stray_call

if TYPE_CHECKING:
    from datetime import timedelta

P = ParamSpec("P")
R = TypeVar("R")

RetryDelay = float | Sequence[float] | Callable[[int], float] | None
Isolation = Literal["process"] | None
Serializer = Literal["pickle"] | None


class Task(Generic[P, R]):
    """A function with orchestration options; made by `@task`.

    Called inside a flow it is recorded in the flow's graph, and returns a `TaskOutput`, which type
    checkers see as the function's own result. Called anywhere else it is the plain function.

    Attributes:
        fn: the function itself.
        name: its name in the graph; the function's name unless given.
        description: for people; the docstring unless given.
        executor: where it prefers to run: "lambda", "step-functions" or "ecs".
        retries: how often a failed attempt is repeated.
        retry_delay_seconds: seconds before each retry; a list gives one delay a retry.
        retry_jitter_factor: f in `delay * (1 + U(0, f))`, from 0 to 1.
        timeout_seconds: limit of one attempt, in seconds.
        concurrency_limit: how many runs of this task may be under way at once.
        tolerated_failures: how many items of a map of it may fail, or what share of them.
        validate_parameters: whether arguments are checked against the annotations.
        retry_condition_fn: given the exception, tells whether to retry.
        isolation: "process" where each attempt runs in a process of its own.
        serializer: "pickle" where what it returns is pickled.
        cache: whether recorded outputs of the same code and arguments are used, for how long, or by
            which key.
        expected_seconds: how long a run of it is likely to take.
        memory_mb: memory it needs on AWS, in MB.
        vcpu: processors it needs on AWS.
        ephemeral_storage_mb: disk that it needs on AWS, in MB.
        environment: environment variables it is given, by name.
        secrets: environment variables it is given whose values are kept elsewhere: where, by name.
        architecture: "x86_64" or "arm64"; None for any.
        service: what Step Functions does for it, as a spec holds it; None where a worker runs it.
    """

    service: Mapping[str, Any] | None = None

    def __init__(
        self,
        fn: Callable[P, R],
        *,
        name: str | None = None,
        description: str | None = None,
        executor: str | None = None,
        retries: int = 0,
        retry_delay_seconds: RetryDelay = None,
        retry_jitter_factor: float | None = None,
        timeout_seconds: float | None = None,
        concurrency_limit: int | None = None,
        tolerated_failures: float | None = None,
        validate_parameters: bool = True,
        on_running: Sequence[HookLike] | None = None,
        on_completion: Sequence[HookLike] | None = None,
        on_failure: Sequence[HookLike] | None = None,
        on_retry: Sequence[HookLike] | None = None,
        retry_condition_fn: Callable[[Exception], bool] | None = None,
        isolation: Isolation = None,
        serializer: Serializer = None,
        cache: bool | timedelta | Callable[..., Any] = False,
        expected_seconds: float | None = None,
        memory_mb: int | None = None,
        vcpu: float | None = None,
        ephemeral_storage_mb: int | None = None,
        environment: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        architecture: Architecture | None = None,
    ) -> None:
        shown = getattr(fn, "__name__", type(fn).__name__)
        definition = options.Definition("task", fn, name if isinstance(name, str) else shown)
        options.check_function(definition, fn)
        options.check_name(definition, shown if name is None else name)
        options.check_text(definition, "description", description)
        options.check_executor(definition, executor)
        options.check_retries(
            definition, retries, retry_delay_seconds, retry_jitter_factor, retry_condition_fn
        )
        options.check_limits(definition, timeout_seconds, concurrency_limit)
        options.check_tolerated(definition, tolerated_failures)
        options.check_bool(definition, "validate_parameters", validate_parameters)
        options.check_isolation(definition, isolation, fn)
        options.check_serializer(definition, serializer)
        options.check_cache(definition, cache)
        options.check_expected(definition, expected_seconds)
        check_resources(
            definition,
            memory_mb=memory_mb,
            vcpu=vcpu,
            ephemeral_storage_mb=ephemeral_storage_mb,
            environment=environment,
            secrets=secrets,
            architecture=architecture,
        )
        hooks = dict(zip(HOOKS, (on_running, on_completion, on_failure, on_retry), strict=True))
        options.check_hooks(definition, hooks)
        functools.update_wrapper(self, fn)
        self.signature = inspect.signature(fn)
        self.binding = Binding(self.signature)
        if "wait_for" in self.signature.parameters:
            raise definition.refuse(
                "has a parameter called wait_for, which every task call understands already; "
                "give the parameter another name"
            )
        self.fn = fn
        self.name: str = name if name is not None else shown
        self.description = description if description is not None else inspect.getdoc(fn)
        self.executor = executor
        self.retries = retries
        self.retry_delay_seconds = retry_delay_seconds
        self.retry_jitter_factor = retry_jitter_factor
        self.timeout_seconds = timeout_seconds
        self.concurrency_limit = concurrency_limit
        self.tolerated_failures = tolerated_failures
        self.validate_parameters = validate_parameters
        self.on_running = list(on_running or ())
        self.on_completion = list(on_completion or ())
        self.on_failure = list(on_failure or ())
        self.on_retry = list(on_retry or ())
        self.retry_condition_fn = retry_condition_fn
        self.isolation = isolation
        self.serializer = serializer
        self.cache = cache
        self.expected_seconds = expected_seconds
        self.memory_mb = memory_mb
        self.vcpu = vcpu
        self.ephemeral_storage_mb = ephemeral_storage_mb
        self.environment = dict(environment or {})
        self.secrets = dict(secrets or {})
        self.architecture = architecture

    @overload
    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R: ...

    # A ParamSpec cannot be given one more keyword, so a call with wait_for is typed loosely.
    @overload
    def __call__(self, /, *args: Any, wait_for: Sequence[Any], **kwargs: Any) -> R: ...

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Record a call in the flow that is being traced, or run the function.

        Args:
            args: the function's arguments; inside a flow, outputs of other tasks among them, also
                within lists and dicts.
            kwargs: as args, and `wait_for`: outputs of tasks that must succeed first though no data
                comes from them. It has no meaning outside a flow, where calls run in the order in
                which they are written.

        Raises:
            TraceError: inside a flow, when the arguments do not fit the function or are not JSON.
        """
        wait_for = kwargs.pop("wait_for", ())
        graph = current_graph.get()
        if graph is None:
            refuse_stray_call(self)
            return self.fn(*args, **kwargs)
        return graph.add(self, args, kwargs, wait_for)

    def map(self, *args: Any, wait_for: Sequence[Any] = (), **kwargs: Any) -> list[R]:
        """Call the task once for each item of a list that is known only when the flow runs.

        Args:
            args: lists, or outputs that will be lists, all of one length: call k gets item k of
                each; a range, or another sequence, is the list of its items. What every call is to
                get alike is wrapped in `unmapped(...)`.
            kwargs: likewise.
            wait_for: as for a call.

        Returns:
            Inside a flow an output, which will be the list of results in the order of the items; it
            can be passed on whole, indexed, or mapped over again. Each item is a task run of its
            own, `name[0]`, `name[1]` and so on, with its own retries; in the place of one whose
            failure is tolerated there is None. Outside a flow the list.

        Raises:
            TraceError: inside a flow, when an argument is neither a list nor unmapped, or when none
                is mapped.

        Examples:
            Inside a flow, `sizes = measure.map(list_files(), unmapped(unit))`.
        """
        args = tuple(map(as_list, args))
        kwargs = {name: as_list(value) for name, value in kwargs.items()}
        graph = current_graph.get()
        if graph is not None:
            output: Any = graph.add_map(self, args, kwargs, wait_for)
            return output  # type: ignore[no-any-return] # it stands for the list
        refuse_stray_call(self)
        return [self.fn(*each, **named) for each, named in calls_of(args, kwargs)]

    def with_options(self, **changes: Any) -> Task[P, R]:
        """Return a copy of this task with other options, named as in `@task`.

        A flow that uses the copy beside the original needs another `name` for one of them, unless
        the copy differs in nothing but where this call runs: `with_options(executor="ecs")`.

        Raises:
            DefinitionError: there is no such option, or its value is not allowed.

        Examples:
            >>> @task(retries=3)
            ... def fetch(url: str) -> str:
            ...     return url
            >>> fetch.with_options(name="fetch_once", retries=0).retries
            0
        """
        known = {name: getattr(self, name) for name in OPTIONS}
        try:
            for name in changes:
                if name not in known:
                    raise DefinitionError(
                        f"task {self.name!r}: there is no option {name!r}"
                        f"{options.nearest(name, known)}; the options are {', '.join(known)}"
                    )
            return Task(self.fn, **{**known, **changes})
        except DefinitionError as error:
            where = caller()
            raise DefinitionError(f"{error}\n  {where}  {where.text}") from None

    def differences(self, other: Task[..., Any]) -> tuple[str, ...]:
        """Return the options that another task has otherwise, and `fn` if its function is."""
        if self == other:
            return ()
        names = ("fn", *OPTIONS)
        return tuple(name for name in names if getattr(self, name) != getattr(other, name))

    @functools.cached_property
    def location(self) -> Location | None:
        """Where it is defined, if that is known."""
        return location_of(self.fn)

    @functools.cached_property
    def code_hash(self) -> str:
        """SHA-256, in hex, of the function's source without its decorators."""
        return digest_of(self.fn)

    @functools.cached_property
    def import_path(self) -> str:
        """Where a worker finds this task, as `module:name`."""
        return findable_path(self)

    def __repr__(self) -> str:
        return f"<Task {self.name}{self.signature}>"


OPTIONS = tuple(
    name
    for name, parameter in inspect.signature(Task.__init__).parameters.items()
    if parameter.kind is parameter.KEYWORD_ONLY
)
"""The options of `@task`."""


@overload
def task(fn: Callable[P, R], /) -> Task[P, R]: ...


@overload
def task(
    *,
    name: str | None = None,
    description: str | None = None,
    executor: str | None = None,
    retries: int = 0,
    retry_delay_seconds: RetryDelay = None,
    retry_jitter_factor: float | None = None,
    timeout_seconds: float | None = None,
    concurrency_limit: int | None = None,
    tolerated_failures: float | None = None,
    validate_parameters: bool = True,
    on_running: Sequence[HookLike] | None = None,
    on_completion: Sequence[HookLike] | None = None,
    on_failure: Sequence[HookLike] | None = None,
    on_retry: Sequence[HookLike] | None = None,
    retry_condition_fn: Callable[[Exception], bool] | None = None,
    isolation: Isolation = None,
    serializer: Serializer = None,
    cache: bool | timedelta | Callable[..., Any] = False,
    expected_seconds: float | None = None,
    memory_mb: int | None = None,
    vcpu: float | None = None,
    ephemeral_storage_mb: int | None = None,
    environment: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
    architecture: Architecture | None = None,
) -> Callable[[Callable[P, R]], Task[P, R]]: ...


def task(
    fn: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    executor: str | None = None,
    retries: int = 0,
    retry_delay_seconds: RetryDelay = None,
    retry_jitter_factor: float | None = None,
    timeout_seconds: float | None = None,
    concurrency_limit: int | None = None,
    tolerated_failures: float | None = None,
    validate_parameters: bool = True,
    on_running: Sequence[HookLike] | None = None,
    on_completion: Sequence[HookLike] | None = None,
    on_failure: Sequence[HookLike] | None = None,
    on_retry: Sequence[HookLike] | None = None,
    retry_condition_fn: Callable[[Exception], bool] | None = None,
    isolation: Isolation = None,
    serializer: Serializer = None,
    cache: bool | timedelta | Callable[..., Any] = False,
    expected_seconds: float | None = None,
    memory_mb: int | None = None,
    vcpu: float | None = None,
    ephemeral_storage_mb: int | None = None,
    environment: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
    architecture: Architecture | None = None,
) -> Any:
    """Make a function a task; bare, or with options.

    Args:
        fn: the function, when used bare.
        name: name in the graph; the function's name by default.
        description: for people; the docstring by default.
        executor: "lambda", "step-functions" or "ecs"; None lets the execution mode decide.
        retries: retries after a failed first attempt, at least 0.
        retry_delay_seconds: seconds before each retry. A list gives the delay before retry k as
            item k, and its last item repeats. A callable is given the number of the failed attempt.
        retry_jitter_factor: from 0 to 1; a delay becomes `delay * (1 + U(0, factor))`.
        timeout_seconds: limit of one attempt, in seconds.
        concurrency_limit: how many runs of this task may be under way at once.
        tolerated_failures: when the task is mapped, how many items may fail for good (an integer),
            or what share of them (above 0 and below 1, rounded down), while the map succeeds. The
            place of such an item in the map's output holds None. None by default.
        validate_parameters: check arguments against the annotations before the body runs.
        on_running: hooks called when an attempt starts.
        on_completion: hooks called on success.
        on_failure: hooks called after the last attempt failed.
        on_retry: hooks called before each retry.
        retry_condition_fn: given the exception, tells whether to retry.
        isolation: "process" runs each attempt in a process of its own, which is killed at the
            timeout and takes nothing with it when it crashes.
        serializer: "pickle" pickles what the task returns, so that any Python object crosses and
            comes back as what it was; None takes JSON and artifacts, and refuses the rest.
        cache: True to use the output recorded for the same code and arguments, a timedelta to do so
            while it is that fresh, or a function that is given the arguments and returns the key
            (any JSON). Off by default.
        expected_seconds: how long a run is likely to take, in seconds; `dagy build` arranges the
            state machine by it. It changes nothing else.
        memory_mb: memory it needs on AWS, in MB; by default what the execution mode gives.
        vcpu: processors it needs on AWS, as 0.5; by default what the execution mode gives.
        ephemeral_storage_mb: disk that it needs on AWS, in MB.
        environment: environment variables, by name, here as on AWS.
        secrets: environment variables whose values are kept elsewhere, by name:
            `secretsmanager:NAME`, `secretsmanager:ARN` or `ssm:/NAME`. A worker reads them there; a
            local run takes the variable of that name, or its line in the file `.env`.
        architecture: "x86_64" or "arm64", on AWS.

    Returns:
        A `Task`, or a decorator that makes one.

    Raises:
        DefinitionError: an argument is not what is allowed, or the function cannot be a task.

    Examples:
        >>> @task(retries=3, retry_delay_seconds=[1, 5, 30])
        ... def fetch(url: str) -> dict[str, str]:
        ...     return {"url": url}
    """
    make = functools.partial(
        Task,
        name=name,
        description=description,
        executor=executor,
        retries=retries,
        retry_delay_seconds=retry_delay_seconds,
        retry_jitter_factor=retry_jitter_factor,
        timeout_seconds=timeout_seconds,
        concurrency_limit=concurrency_limit,
        tolerated_failures=tolerated_failures,
        validate_parameters=validate_parameters,
        on_running=on_running,
        on_completion=on_completion,
        on_failure=on_failure,
        on_retry=on_retry,
        retry_condition_fn=retry_condition_fn,
        isolation=isolation,
        serializer=serializer,
        cache=cache,
        expected_seconds=expected_seconds,
        memory_mb=memory_mb,
        vcpu=vcpu,
        ephemeral_storage_mb=ephemeral_storage_mb,
        environment=environment,
        secrets=secrets,
        architecture=architecture,
    )
    return make if fn is None else make(fn)
