"""Async tasks and flows."""

import asyncio

from dagy import RunContext, flow, task
from dagy.testing import run_in_memory


@task(retries=1)
async def fetch(n: int) -> int:
    await asyncio.sleep(0)
    if RunContext.get().attempt == 1:
        raise OSError("busy")
    return n + 1


@task
def add(a, b):
    return a + b


def test_an_async_task_runs_on_an_event_loop_of_its_own_in_any_flow():
    @flow
    def plain(n: int):
        return add(fetch(n), fetch.map([1, 2])[1])

    assert run_in_memory(plain, n=1, max_workers=4).result == 5


def test_an_async_flow_may_await_and_gather_its_tasks():
    @flow
    async def inner(n: int):
        return await fetch(n)

    @flow
    async def outer(n: int):
        a, b = await asyncio.gather(fetch(n), fetch(n))
        return await add(await add(a, b), await inner(n))

    assert [run.id for run in outer.build().task_runs] == [
        "fetch", "fetch-2", "add", "inner.fetch", "add-2",
    ]  # fmt: skip
    assert run_in_memory(outer, n=1).result == 6


def test_an_async_flow_can_be_traced_while_a_loop_is_running():
    @flow
    async def single(n: int):
        return await fetch(n)

    async def notebook():
        return run_in_memory(single, n=1).result

    assert asyncio.run(notebook()) == 2


def test_outside_a_flow_an_async_task_is_the_coroutine_function():
    @task
    async def plain(n):
        return n

    assert asyncio.run(plain(3)) == 3
