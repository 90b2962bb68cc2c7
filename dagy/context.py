"""What a running task can learn about its own run."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from dagy.errors import DagyError


@dataclass(frozen=True)
class RunContext:
    """The context of the attempt that is running; hooks receive the same.

    Attributes:
        kind: "task" or "flow".
        name: name of the task or flow.
        attempt: number of the current attempt, from 1.
        max_retries: the most retries there can be after the first attempt.
        parameters: the arguments by name.

    Examples:
        >>> from dagy import RunContext, task
        >>> @task(retries=2)
        ... def fetch() -> int:
        ...     return RunContext.get().attempt
    """

    kind: str
    name: str
    attempt: int
    max_retries: int
    parameters: dict[str, Any] = field(default_factory=dict)

    @staticmethod
    def get() -> RunContext:
        """Return the context of the attempt that is running in this thread.

        Raises:
            DagyError: nothing of Dagy's is running here, as when a task is called as a function.
        """
        context = current_context.get()
        if context is None:
            raise DagyError(
                "RunContext.get() was called outside a run: it has a value only inside a task that "
                "a flow runs"
            )
        return context


current_context: ContextVar[RunContext | None] = ContextVar("dagy_run_context", default=None)

current_task_run_id: ContextVar[str | None] = ContextVar("dagy_task_run_id", default=None)
"""The task run whose attempt is running; its log asks."""
