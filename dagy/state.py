"""The states of a run and of a task run, and the one table of allowed transitions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class StateType(StrEnum):
    """The six states. Members compare equal to their names."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"
    CANCELLED = "CANCELLED"


# RUNNING -> PENDING is a failed attempt that waits for its retry; PENDING -> SUCCEEDED is an output
# that was there already, recorded by an earlier run.
TRANSITIONS: dict[StateType, frozenset[StateType]] = {
    StateType.PENDING: frozenset(
        {StateType.RUNNING, StateType.SKIPPED, StateType.CANCELLED, StateType.SUCCEEDED}
    ),
    StateType.RUNNING: frozenset(
        {StateType.SUCCEEDED, StateType.FAILED, StateType.PENDING, StateType.CANCELLED}
    ),
    StateType.SUCCEEDED: frozenset(),
    StateType.FAILED: frozenset(),
    StateType.SKIPPED: frozenset(),
    StateType.CANCELLED: frozenset(),
}

TERMINAL = frozenset(state for state, following in TRANSITIONS.items() if not following)


@dataclass(frozen=True)
class State:
    """The state of a task or flow, as a hook receives it.

    Attributes:
        type: PENDING, RUNNING, SUCCEEDED, FAILED, SKIPPED or CANCELLED.
        message: what a person should know about it, if anything.
    """

    type: str
    message: str | None = None


def running(message: str | None = None) -> State:
    """Return `State(type="RUNNING")`."""
    return State("RUNNING", message)


def completed(message: str | None = None) -> State:
    """Return `State(type="SUCCEEDED")`."""
    return State("SUCCEEDED", message)


def failed(message: str | None = None) -> State:
    """Return `State(type="FAILED")`, with the reason as its message."""
    return State("FAILED", message)
