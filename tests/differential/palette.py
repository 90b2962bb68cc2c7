"""Tasks for random flows: each does what it is told in its first argument, under another policy.

An order says how many attempts fail, with which error, and what is returned then: a value, or what
the task was given; and for which items of a map all attempts fail. What is called is noted in `CALLED`, here in the process of the test.
"""

from __future__ import annotations

from typing import Any

from dagy import RunContext, State, flow, task
from dagy.context import current_task_run_id

CALLED: list[tuple[Any, ...]] = []
"""Attempts of tasks (`("call", id, number)`) and hooks (`("hook", event, name, number, state)`)."""


MENDED: list[bool] = []
"""What tasks fail by is no longer there, if there is anything in it."""


class OutOfStockError(Exception):
    """An error of the user's own."""


ERRORS = {
    "ConnectionError": ConnectionError,
    "KeyError": KeyError,
    "OutOfStockError": OutOfStockError,
    "ZeroDivisionError": ZeroDivisionError,
}


def obey(order: dict[str, Any], *given: Any) -> Any:
    number = RunContext.get().attempt
    CALLED.append(("call", current_task_run_id.get(), number))
    broken = given[-1:] in [(item,) for item in order.get("broken", ())]
    if not MENDED and (number <= order["fails"] or broken):
        raise ERRORS[order["error"]](f"attempt {number} of {order['says']}")
    return order["value"] if "value" in order else list(given)


def note(event: str):
    def hook(context: RunContext, state: State) -> None:
        CALLED.append(("hook", event, context.name, context.attempt, state.type, state.message))

    return hook


HOOKS = {
    event: [note(event)] for event in ("on_running", "on_completion", "on_failure", "on_retry")
}


def is_temporary(error: Exception) -> bool:
    return isinstance(error, ConnectionError)


def growing(attempt: int) -> float:
    return attempt / 1000


def never(attempt: int) -> float:
    raise LookupError(f"no delay after attempt {attempt}")


@task
def plain(order: dict, *given):
    return obey(order, *given)


@task
async def asynchronous(order: dict, *given):
    return obey(order, *given)


@task(retries=2, retry_delay_seconds=1)
def natively(order: dict, *given):
    return obey(order, *given)


@task(retries=4, retry_delay_seconds=[1, 2, 3])
def natively_up_to(order: dict, *given):
    return obey(order, *given)


@task(retries=3, retry_delay_seconds=[0, 1.001, 2])
def by_list(order: dict, *given):
    return obey(order, *given)


@task(retries=3, retry_delay_seconds=0.001, retry_jitter_factor=1.0)
def jittered(order: dict, *given):
    return obey(order, *given)


@task(retries=3, retry_delay_seconds=growing, retry_condition_fn=is_temporary)
def choosy(order: dict, *given):
    return obey(order, *given)


@task(retries=2, retry_delay_seconds=never)
def undecided(order: dict, *given):
    return obey(order, *given)


@task(retries=1, timeout_seconds=60, **HOOKS)
def watched(order: dict, *given):
    return obey(order, *given)


@task(on_failure=HOOKS["on_failure"])
def mourned(order: dict, *given):
    return obey(order, *given)


@task(concurrency_limit=1, retries=1)
def limited(order: dict, *given):
    return obey(order, *given)


@task(executor="ecs", retries=1)
def contained(order: dict, *given):
    return obey(order, *given)


@task(executor="lambda", memory_mb=2048, on_failure=HOOKS["on_failure"])
def apart(order: dict, *given):
    return obey(order, *given)


@task
def numbers(order: dict, n: int) -> list:
    CALLED.append(("call", current_task_run_id.get(), RunContext.get().attempt))
    return list(range(n))


TASKS = (
    *(plain, asynchronous, by_list, jittered, choosy, undecided),
    *(watched, mourned, limited, apart, natively, natively_up_to, contained),
)


def drawn(body, policy: dict[str, Any]):
    """Return a flow with a drawn body and a drawn policy, where a worker finds it."""
    global current
    current = flow(name="drawn", **policy)(body)
    return current


current: Any = None
FLOW_PATH = f"{__name__}:current"
