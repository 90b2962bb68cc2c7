"""The states of a service task with all its attempts, which no worker decides about.

Its policy is data: so many retries, after so many whole seconds. A native retrier makes those that
wait alike, and the last attempts of a list of delays; before them a caught attempt leads past a
Wait to the next one. The last attempt is not caught: its failure ends the execution under its own
name and cause, and a redrive begins there. Throttling and the like are retried apart and never use
up an attempt.
"""

from __future__ import annotations

from typing import Any, Final

from dagy.errors import LimitError
from dagy.services.catalog import error_prefix
from dagy.services.integration import Integration
from dagy.spec import TaskSpec
from dagy_compiler.asl import Catcher, Fail, Retrier, State, Task, Wait
from dagy_compiler.jsonata import expression
from dagy_compiler.limits import STATE_NAME_CHARACTERS
from dagy_compiler.names import UniqueNames, state_name
from dagy_compiler.service_states import ServiceCall, ServiceWait
from dagy_compiler.states import (
    INFRASTRUCTURE_ERRORS,
    NEVER_RETRIED,
    NO_OUTPUT,
    QUERY_ERROR,
    Ending,
)

SEPARATE_ATTEMPTS: Final = 32
"""Attempts of one task that may each have a state of their own."""

_CAUSE: Final = "$states.errorOutput.Cause"

# What botocore retries by itself ("standard" mode: throttling and transient errors), under the
# names that Step Functions gives it.
_TRANSIENT: Final = (
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottledException",
    "RequestLimitExceededException",
    "TooManyRequestsException",
    "ProvisionedThroughputExceededException",
    "SlowDownException",
    "ServiceUnavailableException",
    "InternalServerException",
    "SdkClientException",
)

# Step Functions developer guide, "Call HTTPS APIs" and "Create API Gateway REST APIs": what answers
# by HTTP has errors that are named by the status. Those of the guide's own example of a Retry.
_TRANSIENT_STATUSES: Final = ("429", "502", "503", "504")
_NAMED_BY_STATUS: Final = {"apigateway": "ApiGateway", "http": "States.Http.StatusCode"}


def service_states(
    name: str,
    work: ServiceCall | ServiceWait,
    task: TaskSpec,
    ending: Ending,
    comment: str,
    names: UniqueNames,
    native: Retrier | None = None,
) -> dict[str, State]:
    """Return the states of a task run by name, the first one first.

    Args:
        name: of the first state.
        work: what it does.
        task: its task, for the policy.
        ending: how each state hands over on success.
        comment: for people.
        names: gives the further states their names.
        native: the retrier that means exactly the whole policy, if there is one.

    Raises:
        LimitError: the policy needs more states than a definition should hold.
    """
    if isinstance(work, ServiceWait):
        wait = Wait(
            comment=comment, seconds=work.seconds, timestamp=work.timestamp, **ending.fields()
        )
        return {name: wait}
    if native is None:
        waits, native = _unrolled(task)
    else:
        waits = []
    return _Attempts(name, work, ending, comment, names).states(waits, native)


def transient_errors(integration: Integration) -> tuple[str, ...]:
    """Return the names of errors by which a service says that it was not ready for a call."""
    by_status = None if integration.sdk else _NAMED_BY_STATUS.get(integration.service)
    if by_status is not None:
        return tuple(f"{by_status}.{status}" for status in _TRANSIENT_STATUSES)
    prefix = error_prefix(integration.service, sdk=integration.sdk)
    own = INFRASTRUCTURE_ERRORS if integration.service == "lambda" else ()
    return tuple(dict.fromkeys((*own, *(f"{prefix}.{error}" for error in _TRANSIENT))))


class _Attempts:
    """The states of one task run that calls a service."""

    def __init__(
        self, name: str, work: ServiceCall, ending: Ending, comment: str, names: UniqueNames
    ) -> None:
        self._name = name
        self._work = work
        self._ending = ending
        self._comment = comment
        self._names = names
        self._transient = transient_errors(work.integration)

    def states(self, waits: list[int], native: Retrier | None) -> dict[str, State]:
        """Return an attempt before each wait, and one after the last, with the native retrier."""
        states: dict[str, State] = {}
        failed = self._claim("not retried") if waits else ""
        current = self._name
        for number, seconds in enumerate(waits, start=2):
            following = self._claim(f"attempt {number}")
            pause = self._claim(f"wait for attempt {number}") if seconds else following
            states[current] = self._task(catch=self._catch(failed, pause))
            if seconds:
                states[pause] = Wait(seconds=seconds, output=NO_OUTPUT, next=following)
            current = following
        states[current] = self._task(native)
        if failed:
            states[failed] = Fail(
                comment="Not a failed attempt: the service was not ready, or the definition failed",
                error=expression("$states.input.error"),
                cause=expression("$states.input.cause"),
            )
        return states

    def _claim(self, what: str) -> str:
        return self._names.claim(state_name(f"{self._name[: STATE_NAME_CHARACTERS - 32]} ({what})"))

    def _task(self, native: Retrier | None = None, **fields: Any) -> Task:
        again = Retrier(
            error_equals=self._transient,
            interval_seconds=2,
            max_attempts=7,
            backoff_rate=2,
            jitter_strategy="FULL",
        )
        return Task(
            comment=self._comment,
            resource=self._work.resource,
            arguments=self._work.arguments,
            timeout_seconds=self._work.timeout_seconds,
            retry=(again,) if native is None else (again, NEVER_RETRIED, native),
            **fields,
            **self._ending.fields(),
        )

    def _catch(self, failed: str, following: str) -> tuple[Catcher, ...]:
        told = {
            "error": expression("$states.errorOutput.Error"),
            "cause": expression(f"$exists({_CAUSE}) ? {_CAUSE} : ''"),
        }
        return (
            Catcher(error_equals=(*self._transient, QUERY_ERROR), output=told, next=failed),
            Catcher(error_equals=("States.ALL",), output=NO_OUTPUT, next=following),
        )


def _unrolled(task: TaskSpec) -> tuple[list[int], Retrier | None]:
    """Return the seconds before separate attempts, and the retrier of the last of them."""
    given = task.retry_delay_seconds
    listed = given if isinstance(given, (list, tuple)) else [given or 0]
    delays = [int(delay) for delay in listed[: task.retries]]
    if not delays:
        return [], None
    last = delays[-1]
    start = len(delays)
    while last >= 1 and start and delays[start - 1] == last:
        start -= 1
    if last >= 1:
        native = Retrier(
            error_equals=("States.ALL",),
            interval_seconds=last,
            max_attempts=task.retries - start,
            backoff_rate=1,
        )
        waits = delays[:start]
    else:
        waits, native = delays + [last] * (task.retries - len(delays)), None
    if len(waits) > SEPARATE_ATTEMPTS:
        raise LimitError(
            f"task {task.name!r}: its {task.retries:,} retries need more than {SEPARATE_ATTEMPTS} "
            "states, because Step Functions does not repeat a state after such delays by itself; "
            "use a retry_delay_seconds of at least 1, or fewer retries"
        )
    return waits, native
