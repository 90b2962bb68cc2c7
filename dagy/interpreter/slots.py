"""`concurrency_limit`: how many attempts of one task may be under way at once."""

from __future__ import annotations

from collections import defaultdict, deque

from dagy.interpreter.run import TaskRun


class Slots:
    """Slots for the tasks that have a limit; whoever finds none waits without holding a worker.

    Not thread-safe: the scheduler's lock guards it.
    """

    def __init__(self) -> None:
        self._taken: dict[str, int] = defaultdict(int)
        self._waiting: dict[str, deque[TaskRun]] = defaultdict(deque)

    def take(self, run: TaskRun) -> bool:
        """Take a slot for a task run that is to begin, or have it wait for one."""
        task = run.body.task
        if task.concurrency_limit is None or run.is_mapped:
            return True
        if self._taken[task.name] >= task.concurrency_limit:
            self._waiting[task.name].append(run)
            return False
        self._taken[task.name] += 1
        return True

    def release(self, run: TaskRun, ready: deque[TaskRun]) -> None:
        """Give a slot back; the task run that has waited longest for it is ready again."""
        task = run.body.task
        if task.concurrency_limit is None or run.is_mapped:
            return
        self._taken[task.name] -= 1
        if self._waiting[task.name]:
            ready.appendleft(self._waiting[task.name].popleft())
