"""retry: say who makes the attempts of a unit: Step Functions where that is exact, or workers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from dagy.code import is_callable_mark
from dagy.errors import LimitError
from dagy.spec import FlowSpec, TaskSpec
from dagy_compiler.limits import (
    HEARTBEAT_SECONDS,
    LAMBDA_TIMEOUT_SECONDS,
    MAX_ATTEMPTS,
    MAX_DELAY_SECONDS,
    STARTING_SECONDS,
    WAIT_SECONDS,
)
from dagy_compiler.placement import is_container
from dagy_compiler.plan import Attempts, Backoff, Plan, Unit

Policed = TaskSpec | FlowSpec
"""What has a retry policy and hooks."""


@dataclass(frozen=True)
class Retry:
    """Lower each unit's retry policy.

    Before: units and their policies are checked. After: every unit has its `Attempts`.

    A native retrier repeats a state after whole seconds of at least 1 that grow by a constant
    factor up to a largest delay, whatever the error was (developer guide, "Handling errors"). It is
    used where the policy means exactly that. Everything else is decided by the worker, attempt by
    attempt: jitter, conditions, functions, fractions of a second, other delays, and who is told of
    the last failure.

    A worker that runs several task runs makes their retries by itself. Where that is the whole
    flow, its attempts are those of the flow.
    """

    def __call__(self, plan: Plan) -> Plan:
        """Return the plan with `attempts`.

        Raises:
            LimitError: more retries, or longer delays, than Step Functions makes.
        """
        assert plan.units is not None
        _check_limits(plan.spec)
        return replace(plan, attempts=tuple(_attempts(plan, unit) for unit in plan.units))


def _attempts(plan: Plan, unit: Unit) -> Attempts:
    contained = is_container(unit.placement)
    seconds = plan.function_seconds(unit.placement)
    if unit.whole_flow or len(unit.task_runs) != 1:
        found = _of_policy(plan.spec) if unit.whole_flow else Attempts()
        timeout = None if contained else seconds + STARTING_SECONDS
        return replace(found, timeout_seconds=timeout)
    task = plan.task_of(unit.task_runs[0])
    found = attempts_of(task, seconds)
    return replace(found, timeout_seconds=_container_timeout(task)) if contained else found


def attempts_of(task: TaskSpec, function_seconds: int = LAMBDA_TIMEOUT_SECONDS) -> Attempts:
    """Return who makes the attempts of a task.

    Args:
        task: the task.
        function_seconds: the timeout of the function that it runs on.

    Raises:
        LimitError: too many, or too long a delay.
    """
    _check_limits(task)
    timeout = _state_timeout(task, function_seconds)
    found = _of_policy(task)
    if task.service is not None:
        return replace(found, decided=False)  # no worker decides
    return replace(found, timeout_seconds=timeout)


def _of_policy(owner: Policed) -> Attempts:
    """Return who makes the attempts of what has a policy."""
    backoff = _backoff(owner)
    decided = backoff is None and (owner.retries > 0 or "on_failure" in owner.hooks)
    return Attempts(owner.retries, backoff, decided)


def _state_timeout(task: TaskSpec, function_seconds: int) -> int:
    """Seconds for a state: the worker ends an attempt in time; this is for when it cannot."""
    longest = function_seconds + STARTING_SECONDS
    if task.timeout_seconds is None:
        return longest
    needed = math.ceil(task.timeout_seconds) + STARTING_SECONDS
    return needed if needed < function_seconds else longest


def _container_timeout(task: TaskSpec) -> int | None:
    """Seconds for a state on Fargate, where a container takes its time to start."""
    if task.timeout_seconds is None:
        return None
    return math.ceil(task.timeout_seconds) + HEARTBEAT_SECONDS


def _backoff(owner: Policed) -> Backoff | None:
    """Return the native retrier that means exactly a policy, if there is one.

    Two hooks are not among what it does: nobody would call `on_failure` if the last worker died,
    and `on_retry` would also be called when a throttled call, which was no attempt, is made again.
    """
    told = owner.hooks.keys() & {"on_failure", "on_retry"}
    needs_worker = owner.retry_jitter_factor or owner.retry_condition or told
    if not owner.retries or needs_worker or is_callable_mark(owner.retry_delay_seconds):
        return None
    delays = _listed(owner)
    if any(delay < 1 or delay != int(delay) for delay in delays):
        return None
    whole = [int(delay) for delay in delays]
    return _growing(whole, owner.retries)


def _growing(delays: list[int], retries: int) -> Backoff | None:
    """Return the retrier whose delays are these, the last of them repeated."""
    first = delays[0]
    if all(delay == first for delay in delays):
        return Backoff(first, 1, None, retries)
    rate, rest = divmod(delays[1], first)
    if rest or rate < 2:
        return None
    largest = delays[-1]
    if any(delay != min(first * rate**power, largest) for power, delay in enumerate(delays)):
        return None
    # Without a largest delay, a retrier would go on growing where the list repeats its last item.
    grows_on = retries > len(delays) or first * rate ** (len(delays) - 1) > largest
    if grows_on and largest > MAX_DELAY_SECONDS:
        return None
    return Backoff(first, rate, largest if grows_on else None, retries)


def _listed(owner: Policed) -> Sequence[Any]:
    """Return the delays that are written down, as many as there are retries."""
    given = owner.retry_delay_seconds
    listed = given if isinstance(given, (list, tuple)) else [given or 0]
    return (listed or [0])[: max(owner.retries, 1)]


def _check_limits(owner: Policed) -> None:
    named = f"flow {owner.name!r}"
    if isinstance(owner, TaskSpec):
        named = f"task {owner.name!r}" + (f" ({owner.source})" if owner.source else "")
    if owner.retries > MAX_ATTEMPTS:
        raise LimitError(
            f"{named}: retries is {owner.retries:,}, and Step Functions makes at most "
            f"{MAX_ATTEMPTS:,}; use fewer"
        )
    if is_callable_mark(owner.retry_delay_seconds):
        return
    for delay in _listed(owner):
        if delay * (1 + (owner.retry_jitter_factor or 0)) > WAIT_SECONDS:
            raise LimitError(
                f"{named}: retry_delay_seconds has {delay:,}, and Step Functions waits "
                f"for at most {WAIT_SECONDS:,} seconds; use a shorter delay"
            )
