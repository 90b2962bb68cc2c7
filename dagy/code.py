"""What of a task or flow is Python, and cannot be data: its function, its callables, its hooks.

The FlowSpec says that they are there; this is where they are found, on the laptop in the traced
objects and in a worker behind an import path.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from dagy.hook import HookLike
    from dagy.policy import RetryPolicy
    from dagy.spec import FlowSpec, TaskSpec

HOOKS = ("on_running", "on_completion", "on_failure", "on_retry")

CALLABLE = "$callable"
"""In a spec, `{"$callable": name}` stands for a `retry_delay_seconds` that is a function."""


class Code(NamedTuple):
    """The Python of one task or flow.

    Attributes:
        fn: the function.
        retry_delay: `retry_delay_seconds`, where that is a callable.
        retry_condition: `retry_condition_fn`.
        hooks: lists of hooks, by `on_running` and so on.
        cache_key: the key function of `cache`.
        annotated: the function whose annotations say what arguments have to be, where that is
            another than `fn`.
        due: of a task that only lets time pass: given when an attempt begins, in seconds since the
            epoch, and the arguments by name, tells when it ends. `fn` is not called then.
    """

    fn: Callable[..., Any]
    retry_delay: Callable[[int], float] | None = None
    retry_condition: Callable[[Exception], bool] | None = None
    hooks: Mapping[str, Sequence[HookLike]] = MappingProxyType({})
    cache_key: Callable[..., Any] | None = None
    annotated: Callable[..., Any] | None = None
    due: Callable[..., float] | None = None

    def policy(self, spec: TaskSpec | FlowSpec) -> RetryPolicy:
        """Return the retry policy, put together from the spec's data and this code."""
        from dagy.policy import RetryPolicy  # `import dagy` stays light

        delay = self.retry_delay if is_callable_mark(spec.retry_delay_seconds) else None
        return RetryPolicy(
            spec.retries,
            delay or spec.retry_delay_seconds,
            spec.retry_jitter_factor,
            self.retry_condition,
        )


def code_of(found: Any) -> Code:
    """Return the code of a task, of a flow, or of a plain function, which has no more to it."""
    fn = getattr(found, "fn", None)
    if fn is None:
        return Code(found)
    own = getattr(found, "code", None)
    if isinstance(own, Code):  # a service task, which is no function of the user's
        return own
    delay = found.retry_delay_seconds
    hooks = {name: tuple(hooks) for name in HOOKS if (hooks := getattr(found, name))}
    cache = getattr(found, "cache", None)
    return Code(
        fn,
        delay if callable(delay) else None,
        found.retry_condition_fn,
        hooks,
        cache if callable(cache) else None,
    )


def load(import_path: str) -> Any:
    """Return what an import path leads to: a task, a flow, or a plain function.

    Args:
        import_path: as `package.module:qualified.name`.

    Raises:
        ImportError, AttributeError: it leads nowhere.
    """
    module, _, name = import_path.partition(":")
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def import_path(fn: Any) -> str:
    """Return where a function can be imported from, as `module:qualified.name`."""
    return f"{fn.__module__}:{name_of(fn)}"


def findable_path(definition: Any) -> str:
    """Return where a worker finds a task or flow, as `module:name`.

    That is where its function stands, unless the module has this very object under another name, as
    after `once = fetch.with_options(retries=0)`.
    """
    own = import_path(definition.fn)
    module, _, name = own.partition(":")
    others = vars(sys.modules[module]) if module in sys.modules else {}
    if others.get(name) is definition:
        return own
    found = [other for other, value in others.items() if value is definition]
    return f"{module}:{found[0]}" if found else own


def name_of(fn: Any) -> str:
    """Return how a callable is called in the code, for messages and specs."""
    name = getattr(fn, "__qualname__", None)
    return name if isinstance(name, str) else type(fn).__qualname__


def is_callable_mark(value: Any) -> bool:
    """Tell whether a value of a spec stands for a callable."""
    return isinstance(value, dict) and CALLABLE in value
