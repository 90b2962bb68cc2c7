"""What the scheduler tells the world: one `Transition` for each change of state, to one `Sink`.

The journal, the live view, the worker's log and the tests' recorder are sinks. The scheduler
imports none of them.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from dagy.state import StateType


class Failure(NamedTuple):
    """Why an attempt failed.

    Attributes:
        type: the exception's class name, which is also the error name Step Functions matches.
        message: `str(exception)`.
        traceback: the formatted traceback, from the task's own frame on; empty if there is none.
    """

    type: str
    message: str
    traceback: str = ""


# Named tuples, not dataclasses: two are made for every task run, in a third of the time, and the
# class itself costs a cold start a fifth of what a frozen dataclass does.
class Transition(NamedTuple):
    """One change of state of a task run, or of the run itself.

    Attributes:
        at: seconds since the epoch.
        task_run_id: the task run, or None for the run as a whole.
        state: the state entered.
        attempt: the attempt that began or ended, from 1; 0 where none was made.
        message: what a person should know, if anything.
        output: the output as JSON text, with SUCCEEDED only.
        error: with FAILED, and with PENDING when an attempt failed and is to be retried.
    """

    at: float
    task_run_id: str | None
    state: StateType
    attempt: int = 0
    message: str | None = None
    output: str | None = None
    error: Failure | None = None


class Sink(Protocol):
    """Receives every transition, in order, one at a time."""

    def emit(self, transition: Transition) -> None:
        """Take note of one transition."""
        ...
