"""The task of the graph behind a call of a service, a wait or an approval."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from dagy.code import Code
from dagy.errors import DefinitionError
from dagy.services.approvals import ask
from dagy.services.integration import Integration, parse
from dagy.services.local import call
from dagy.services.waits import LONGEST_SECONDS, end_of_sleep, end_of_sleep_until
from dagy.source import Location
from dagy.task import RetryDelay, Task

IMPORT_PATH = "dagy.services:aws_task"
"""What stands in a spec where a task of a worker has its function."""

_WAITS: Mapping[str, Callable[..., float]] = {
    "sleep": end_of_sleep,
    "sleep_until": end_of_sleep_until,
}


_CALLS: Mapping[str, str] = {
    "aws": "aws_task",
    "sleep": "sleep",
    "sleep_until": "sleep_until",
    "approval": "approval",
}
"""What users call, by what it does."""


class ServiceTask(Task[..., Any]):
    """A task without a worker.

    Two with the same name, work and policy are the same task, so that it can be called twice.

    Attributes:
        service: what it does, as a spec holds it.
        location: where it is called first.
    """

    def __init__(
        self,
        service: Mapping[str, Any],
        name: str,
        location: Location,
        *,
        retries: int = 0,
        retry_delay_seconds: RetryDelay = None,
        timeout_seconds: float | None = None,
        expected_seconds: float | None = None,
    ) -> None:
        if not isinstance(name, str) or not name:
            raise DefinitionError(f"{_CALLS[service['kind']]}: name must be text, not {name!r}")
        if callable(retry_delay_seconds):
            raise DefinitionError(
                f"task {name!r}: retry_delay_seconds must be a number or a list of them, because "
                "there is no worker to call a function"
            )
        if not _are_whole(retry_delay_seconds):
            raise DefinitionError(
                f"task {name!r}: retry_delay_seconds must be whole seconds, because Step Functions "
                f"waits for no others, not {retry_delay_seconds!r}"
            )
        if timeout_seconds is not None and not _is_whole(timeout_seconds):
            raise DefinitionError(
                f"task {name!r}: timeout_seconds must be a whole number from 1 to "
                f"{LONGEST_SECONDS:,}, because Step Functions counts in seconds, not "
                f"{timeout_seconds!r}"
            )
        super().__init__(
            local_code(service, name, timeout_seconds).fn,
            name=name,
            description=_described(service),
            executor="step-functions",
            retries=retries,
            retry_delay_seconds=retry_delay_seconds,
            timeout_seconds=timeout_seconds,
            expected_seconds=expected_seconds,
        )
        self.service = service
        self.location = location

    @property
    def code(self) -> Code:
        """What it does in a local run."""
        return local_code(self.service or {}, self.name, self.timeout_seconds)

    @functools.cached_property
    def code_hash(self) -> str:
        """SHA-256, in hex, of what it does."""
        return hashlib.sha256(json.dumps(self.service, sort_keys=True).encode()).hexdigest()

    @property
    def import_path(self) -> str:
        """No worker looks for it."""
        return IMPORT_PATH

    @property
    def _identity(self) -> str:
        policy = [self.retries, self.retry_delay_seconds]
        policy += [self.timeout_seconds, self.expected_seconds]
        return json.dumps([self.name, self.service, policy])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ServiceTask) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)


def local_code(service: Mapping[str, Any], name: str, timeout_seconds: float | None) -> Code:
    """Return what a service task does in a local run.

    Args:
        service: as a spec holds it.
        name: of the task, for messages.
        timeout_seconds: of one attempt.
    """
    kind = service["kind"]
    if kind in _WAITS:
        return Code(_take_time, due=_WAITS[kind])
    if kind == "approval":
        return Code(functools.partial(ask, name))
    return Code(functools.partial(_call, parse(service["resource"]), timeout_seconds))


def _call(integration: Integration, timeout_seconds: float | None, /, **arguments: Any) -> Any:
    return call(integration, arguments, timeout_seconds=timeout_seconds)


def _take_time(**arguments: Any) -> None:
    """Stands for a wait, which the scheduler makes without calling anything."""
    raise AssertionError(f"a wait was called: {arguments}")


def _described(service: Mapping[str, Any]) -> str:
    if service["kind"] == "aws":
        return f"Calls {service['resource']}"
    return {
        "sleep": "Waits for a number of seconds",
        "sleep_until": "Waits until a time",
        "approval": "Waits for an approval",
    }[service["kind"]]


def _are_whole(delay: Any) -> bool:
    # What is no number at all is refused with the other options.
    delays = delay if isinstance(delay, (list, tuple)) else [delay]
    return all(not isinstance(each, float) or each.is_integer() for each in delays)


def _is_whole(seconds: Any) -> bool:
    whole = isinstance(seconds, int) and not isinstance(seconds, bool)
    return whole and 1 <= seconds <= LONGEST_SECONDS
