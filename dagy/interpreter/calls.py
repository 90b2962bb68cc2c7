"""Calling a task's function: as it is, as a coroutine, or in a process of its own."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from dagy.spec import TaskSpec

if TYPE_CHECKING:
    from dagy.interpreter.run import Attempt
    from dagy.values.artifacts import Store

Call = Callable[[list[Any], dict[str, Any], "Attempt"], str]
"""Calls a function with positional and keyword arguments on behalf of an attempt; its result is the
output as JSON text, because it may come from another process."""

Encode = Callable[[Any], str]
"""Gives what a task returned as JSON text; raises CodecError."""


def call_of(
    task: TaskSpec, fn: Callable[..., Any], encode: Encode, store: Store | None = None
) -> Call:
    """Return the way in which a task is called.

    Args:
        task: its spec.
        fn: its function.
        encode: for what it returns, where that is in this process.
        store: keeps artifacts on the way to and from another process.
    """
    if task.isolation == "process":
        from dagy.interpreter.isolation import in_process

        return in_process(task, store)
    if inspect.iscoroutinefunction(fn):
        return _as_coroutine(fn, encode)

    def plainly(args: list[Any], kwargs: dict[str, Any], attempt: Attempt) -> str:
        del attempt  # a thread cannot be stopped
        return encode(fn(*args, **kwargs))

    return plainly


def _as_coroutine(fn: Callable[..., Any], encode: Encode) -> Call:
    def on_own_loop(args: list[Any], kwargs: dict[str, Any], attempt: Attempt) -> str:
        import asyncio

        async def main() -> Any:
            loop, task = asyncio.get_running_loop(), asyncio.current_task()
            assert task is not None

            def stop() -> None:
                with suppress(RuntimeError):  # the loop has ended meanwhile
                    loop.call_soon_threadsafe(task.cancel)

            attempt.stoppable(stop)
            return await fn(*args, **kwargs)

        return encode(asyncio.run(main()))

    return on_own_loop
