"""The checks of what `@task` and `@flow` are given, made when the decorator runs."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from dagy.code import name_of
from dagy.errors import DefinitionError
from dagy.mapping import is_tolerance
from dagy.source import location_of

EXECUTORS = ("lambda", "step-functions", "ecs")
MODES = ("nano", "micro", "small", "medium", "large", "xlarge")
"""The execution modes; `dagy_compiler.modes` says what each gives."""

ISOLATIONS = ("process",)

SERIALIZERS = ("pickle",)


class Definition:
    """Names what is being defined, in each message about it.

    Args:
        kind: "task" or "flow".
        fn: the decorated function.
        name: its name in Dagy.
    """

    def __init__(self, kind: str, fn: Callable[..., Any], name: str) -> None:
        location = location_of(fn)
        self.label = f"@{kind} {name}" + (f" ({location})" if location else "")

    def require(self, holds: bool, argument: str, allowed: str, value: Any, hint: str = "") -> None:
        """Raise DefinitionError unless an argument is as it must be."""
        if not holds:
            problem = f"{argument} must be {allowed}, not {value!r}{hint}"
            raise DefinitionError(f"{self.label}: {problem}")

    def refuse(self, problem: str) -> DefinitionError:
        """Return the error for a function that cannot be a task or flow."""
        return DefinitionError(f"{self.label}: {problem}")


def check_function(definition: Definition, fn: Any) -> None:
    """Refuse what Dagy cannot run as a task or trace as a flow."""
    if not callable(fn) or isinstance(fn, (type, staticmethod, classmethod)):
        raise definition.refuse(f"decorates a {type(fn).__name__}; it must decorate a function")
    try:
        inspect.signature(fn)
    except (ValueError, TypeError) as error:
        raise definition.refuse(f"cannot be called by name: {error}; wrap it in a def") from error
    if inspect.isgeneratorfunction(fn) or inspect.isasyncgenfunction(fn):
        raise definition.refuse("is a generator; return a list of what it would yield")
    owner = getattr(fn, "__qualname__", "").rpartition(".")[0]
    if owner and not owner.endswith("<locals>"):
        raise definition.refuse(
            f"is a method of {owner}, and a worker has no {owner} to call it on; "
            "make it a function of the module, and pass what it needs"
        )


def check_signature(
    definition: Definition, signature: inspect.Signature, reserved: Iterable[str]
) -> None:
    """Refuse a flow whose parameters cannot be given by name.

    Raises:
        DefinitionError: it takes `*args` or `**kwargs`, or a name that Dagy's own methods take.
    """
    for parameter in signature.parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise definition.refuse(
                f"takes {parameter}; the parameters of a flow must each have a name"
            )
        if parameter.name in reserved:
            raise DefinitionError(
                f"{definition.label}: a parameter cannot be called {parameter.name!r}, which is an "
                "option of build or run_local; give it another name"
            )


def check_name(definition: Definition, name: Any) -> None:
    """Refuse a name that is not text, or is blank."""
    definition.require(isinstance(name, str) and name.strip() != "", "name", "text", name)


def check_retries(
    definition: Definition, retries: Any, delay: Any, jitter: Any, condition: Any
) -> None:
    """Refuse a retry policy that has no meaning."""
    whole = isinstance(retries, int) and not isinstance(retries, bool)
    definition.require(whole and retries >= 0, "retries", "an integer of at least 0", retries)
    if isinstance(delay, Sequence) and not isinstance(delay, str):
        good = len(delay) > 0 and all(is_seconds(item) for item in delay)
    else:
        good = delay is None or callable(delay) or is_seconds(delay)
    definition.require(
        good,
        "retry_delay_seconds",
        "a number of at least 0, a non-empty list of them, or a callable",
        delay,
    )
    good = jitter is None or (is_seconds(jitter) and jitter <= 1)
    definition.require(good, "retry_jitter_factor", "a number from 0 to 1", jitter)
    check_callable(definition, "retry_condition_fn", condition)


def is_seconds(value: Any) -> bool:
    """Tell whether a value is a finite number of seconds of at least 0."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and math.isfinite(value) and value >= 0


def check_limits(definition: Definition, timeout: Any, concurrency: Any) -> None:
    """Refuse a timeout or a concurrency limit that nothing could keep."""
    good = timeout is None or (is_seconds(timeout) and timeout > 0)
    definition.require(good, "timeout_seconds", "a number above 0", timeout)
    whole = isinstance(concurrency, int) and not isinstance(concurrency, bool)
    good = concurrency is None or (whole and concurrency > 0)
    definition.require(good, "concurrency_limit", "an integer of at least 1", concurrency)


def check_tolerated(definition: Definition, failures: Any) -> None:
    """Refuse failures to tolerate that are neither a number of items nor a share of them."""
    definition.require(
        is_tolerance(failures),
        "tolerated_failures",
        "an integer of at least 0, or a share above 0 and below 1",
        failures,
    )


def check_expected(definition: Definition, expected: Any) -> None:
    """Refuse an expected duration that is none."""
    good = expected is None or (is_seconds(expected) and expected > 0)
    definition.require(good, "expected_seconds", "a number above 0", expected)


def check_executor(definition: Definition, executor: Any) -> None:
    """Refuse an executor that does not exist, naming the nearest one that does."""
    allowed = "one of " + ", ".join(repr(name) for name in EXECUTORS)
    near = nearest(executor, EXECUTORS) if isinstance(executor, str) else ""
    definition.require(
        executor is None or executor in EXECUTORS, "executor", allowed, executor, near
    )


def check_hooks(definition: Definition, hooks: dict[str, Any]) -> None:
    """Refuse hooks that are not lists of callables."""
    for name, given in hooks.items():
        is_list = isinstance(given, Sequence) and not isinstance(given, str)
        definition.require(given is None or is_list, name, "a list of hooks", given)
        for hook in given or ():
            good = callable(hook) and not isinstance(hook, type)
            definition.require(good, name, "a list of callables (context, state)", hook)


def check_bool(definition: Definition, argument: str, value: Any) -> None:
    """Refuse anything but True and False."""
    definition.require(isinstance(value, bool), argument, "True or False", value)


def check_text(definition: Definition, argument: str, value: Any) -> None:
    """Refuse anything but text and None."""
    definition.require(value is None or isinstance(value, str), argument, "text", value)


def check_callable(definition: Definition, argument: str, value: Any) -> None:
    """Refuse anything but a callable and None."""
    definition.require(value is None or callable(value), argument, "a callable", value)


def check_isolation(definition: Definition, isolation: Any, fn: Callable[..., Any]) -> None:
    """Refuse an isolation that does not exist, or a function that no other process could find."""
    definition.require(
        isolation is None or isolation in ISOLATIONS, "isolation", "'process' or None", isolation
    )
    if isolation == "process" and "<" in name_of(fn):
        raise definition.refuse(
            "is defined inside a function, where the process that isolation='process' starts cannot"
            " import it; define it at the top level of a module"
        )


def check_serializer(definition: Definition, serializer: Any) -> None:
    """Refuse a serializer that does not exist, naming the nearest one that does."""
    near = nearest(serializer, SERIALIZERS) if isinstance(serializer, str) else ""
    definition.require(
        serializer is None or serializer in SERIALIZERS,
        "serializer",
        "'pickle' or None",
        serializer,
        near,
    )


def check_cache(definition: Definition, cache: Any) -> None:
    """Refuse a `cache` that says neither for how long nor by which key."""
    from datetime import timedelta  # whoever passes one has paid for the import

    positive = isinstance(cache, timedelta) and cache.total_seconds() > 0
    definition.require(
        isinstance(cache, bool) or positive or callable(cache),
        "cache",
        "True, False, a timedelta above 0, or a function that returns the key",
        cache,
    )


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the closest known name, or nothing."""
    import difflib

    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
