"""Running a coroutine to its end from plain code, on an event loop of its own."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_coroutine(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end and return its result; also where a loop is running already.

    A loop cannot be entered twice by one thread, and notebooks have one running all the time, so
    there the coroutine gets a thread, with the caller's context.
    """
    import asyncio  # 40 ms, which only async code has to pay

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    from concurrent.futures import ThreadPoolExecutor
    from contextvars import copy_context

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(copy_context().run, asyncio.run, coroutine).result()


async def ready(value: T) -> T:
    """Give back a value, to whoever awaits it."""
    return value
