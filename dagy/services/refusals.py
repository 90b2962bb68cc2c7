"""How a call of `aws_task`, `sleep`, `sleep_until` or `approval` that cannot be is refused."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import NoReturn, ParamSpec, TypeVar

from dagy.errors import DefinitionError, TraceError
from dagy.options import nearest
from dagy.source import caller
from dagy.task import OPTIONS as TASK_OPTIONS
from dagy.tracing import current_graph

WORKER_OPTIONS = frozenset(TASK_OPTIONS) - {
    *("name", "description", "retries", "retry_delay_seconds", "timeout_seconds"),
    "expected_seconds",
}
"""The options of `@task` that say how a worker runs it."""

P = ParamSpec("P")
R = TypeVar("R")


def refuse(problem: str) -> NoReturn:
    """Raise the error of the call under way, with its line, and the flow that it is in.

    Raises:
        TraceError: inside a flow.
        DefinitionError: outside of one.
    """
    where, graph = caller(), current_graph.get()
    at = f"{problem}\n  {where}  {where.text}"
    if graph is None:
        raise DefinitionError(at) from None
    raise TraceError(f"{at}    in flow {graph.flow_name!r}") from None


def called_right(fn: Callable[P, R]) -> Callable[P, R]:
    """Let a function refuse a call with other arguments than it has, as it refuses the rest."""
    signature = inspect.signature(fn)
    own = signature.parameters
    outline = ", ".join(map(_outlined, own.values()))
    takes_any = any(each.kind is each.VAR_KEYWORD for each in own.values())

    @functools.wraps(fn)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        if not takes_any:
            for name in kwargs:
                if name not in own:
                    refuse(f"{fn.__name__} takes no {name!r}{hint(name, own)}")
        try:
            signature.bind(*args, **kwargs)
        except TypeError as error:
            refuse(f"{fn.__name__}: {error}; it is called as {fn.__name__}({outline})")
        return fn(*args, **kwargs)

    return checked


def _outlined(parameter: inspect.Parameter) -> str:
    if parameter.kind is parameter.VAR_KEYWORD:
        return "Argument=..."
    needed = parameter.default is parameter.empty and parameter.kind is not parameter.KEYWORD_ONLY
    return parameter.name if needed else f"{parameter.name}=..."


def hint(name: str, known: Iterable[str]) -> str:
    """Return what to write instead of an option that there is not.

    Args:
        name: the option.
        known: those that there are.
    """
    known = list(known)
    if name in WORKER_OPTIONS:
        return (
            ": it is for tasks that a worker runs, and Step Functions does this one itself; the "
            f"options are {', '.join(known)}"
        )
    return nearest(name, known) or f"; the options are {', '.join(known)}"
