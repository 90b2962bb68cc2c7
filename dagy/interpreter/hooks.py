"""Calling hooks: in order, each isolated from the others and from the run."""

from __future__ import annotations

from collections.abc import Iterable

from dagy.context import RunContext, current_context
from dagy.hook import HookLike
from dagy.state import State


def call_hooks(hooks: Iterable[HookLike], context: RunContext, state: State) -> None:
    """Call hooks one after another; one that raises is logged, and changes nothing.

    Args:
        hooks: those of one event.
        context: what they are told; `RunContext.get()` returns it while they run.
        state: likewise.
    """
    for hook in hooks:
        token = current_context.set(context)
        try:
            hook(context, state)
        # The user's code may raise anything, SystemExit included, and the run goes on.
        except BaseException:
            _log(hook, context, state)
        finally:
            current_context.reset(token)


def _log(hook: HookLike, context: RunContext, state: State) -> None:
    import logging

    from dagy.code import name_of

    logging.getLogger("dagy").warning(
        "hook %s of %s %r raised at state %s; the run goes on",
        name_of(hook), context.kind, context.name, state.type, exc_info=True,
    )  # fmt: skip
