"""Runs of a backfill on AWS: executions of a deployed flow, under names that are always the same.

Of all that start an execution under one name, Step Functions lets one succeed. So a backfill that
is run again finds what it began: what has succeeded it leaves, what still runs it waits for, and
what has failed it starts under the next name.
"""

from __future__ import annotations

import json
import re
import threading
from typing import Any

from dagy.aws.pause import Pause
from dagy.aws.refusals import code_of, explained
from dagy.aws.stacks import Stack
from dagy.backfill.slots import Slot
from dagy.backfill.work import SUCCEEDED, Ended

_RUNNING = "RUNNING"
_MOST_LABEL = 40
_SHORTEST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
"""Seconds between two looks at an execution; the first come soon, as it may be short."""


class RemoteRunner:
    """Makes runs of a deployed flow.

    Args:
        stepfunctions: boto3's client.
        stack: of the flow.
    """

    def __init__(self, stepfunctions: Any, stack: Stack) -> None:
        self._stepfunctions = stepfunctions
        self._alias = stack.outputs["AliasArn"]
        self._executions = stack.outputs["StateMachineArn"].replace(
            ":stateMachine:", ":execution:", 1
        )
        self._stopped = threading.Event()
        self._attempts: dict[str, int] = {}

    def earlier(self, slot: Slot) -> str | None:
        """See `Runner.earlier`. What is not over is found too, and waited for by `run`."""
        number, execution = self._latest(slot)
        self._attempts[slot.key] = number
        if execution is not None and execution["status"] == SUCCEEDED:
            return str(execution["name"])
        return None

    def run(self, slot: Slot) -> Ended:
        """See `Runner.run`."""
        number = self._attempts.get(slot.key)
        if number is None:  # it was not asked for an earlier one: it is to run again
            number, execution = self._latest(slot)
            going = execution is not None and execution["status"] == _RUNNING
            number = number if going or execution is None else number + 1
        else:
            execution = self._described(slot, number)
            if execution is not None and execution["status"] != _RUNNING:
                number += 1
        name = _name(slot, number)
        self._start(slot, name)
        pause = Pause(_SHORTEST_PAUSE, _LONGEST_PAUSE)
        while True:
            execution = self._described(slot, number)
            if execution is not None and execution["status"] != _RUNNING:
                return _ended(slot, execution)
            if self._stopped.wait(pause.next()):
                return Ended(slot, _RUNNING, name, "it goes on; the same command waits for it")

    def interrupt(self) -> None:
        """See `Runner.interrupt`: executions go on, and are no longer waited for."""
        self._stopped.set()

    def _latest(self, slot: Slot) -> tuple[int, dict[str, Any] | None]:
        """The last attempt at a run, by its number; the first if there was none."""
        number, latest = 1, self._described(slot, 1)
        while latest is not None:
            following = self._described(slot, number + 1)
            if following is None:
                break
            number, latest = number + 1, following
        return number, latest

    def _described(self, slot: Slot, number: int) -> dict[str, Any] | None:
        name = _name(slot, number)
        with explained(f"looking at execution {name}"):
            try:
                found: dict[str, Any] = self._stepfunctions.describe_execution(
                    executionArn=f"{self._executions}:{name}"
                )
            except Exception as error:
                if code_of(error) == "ExecutionDoesNotExist":
                    return None
                raise
        return found

    def _start(self, slot: Slot, name: str) -> None:
        with explained(f"starting execution {name}"):
            try:
                self._stepfunctions.start_execution(
                    stateMachineArn=self._alias, name=name, input=json.dumps(slot.given)
                )
            except Exception as error:
                if code_of(error) != "ExecutionAlreadyExists":
                    raise


def _name(slot: Slot, number: int) -> str:
    """Return the name of an attempt at a run: at most 80 characters, none that is refused."""
    values = "-".join(pair.partition("=")[2] for pair in slot.label.split(", "))
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", values)[:_MOST_LABEL].strip("-")
    return f"backfill-{plain}-{slot.key[:12]}-{number}"


def _ended(slot: Slot, execution: dict[str, Any]) -> Ended:
    error, cause = execution.get("error"), execution.get("cause") or ""
    said = None
    if execution["status"] != SUCCEEDED:
        said = f"{error}: {_message(cause)}" if error else execution["status"].lower()
    return Ended(slot, execution["status"], execution["name"], said)


def _message(cause: str) -> str:
    """Return what a cause says; that of a Lambda function is JSON."""
    try:
        told = json.loads(cause)
    except ValueError:
        return cause[:500]
    return str(told.get("errorMessage", cause) if isinstance(told, dict) else cause)[:500]
