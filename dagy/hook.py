"""Lifecycle hooks: what a task or flow calls when its state changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dagy.context import RunContext
from dagy.state import State


class Hook:
    """Base class of lifecycle hooks; a plain callable with the same arguments does as well.

    Examples:
        >>> class Notify(Hook):
        ...     def __call__(self, context: RunContext, state: State) -> None:
        ...         print(context.name, state.type)
    """

    def __call__(self, context: RunContext, state: State) -> None:
        """React to a change of state.

        Args:
            context: the attempt that this is about.
            state: the state it entered.
        """
        raise NotImplementedError(f"{type(self).__name__} must define __call__(context, state)")


HookLike = Hook | Callable[[RunContext, State], Any]
