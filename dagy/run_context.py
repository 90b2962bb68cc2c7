"""What `run_local` gives back: how the run ended, and each task run in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

from dagy.errors import RunFailedError
from dagy.interpreter.events import Failure
from dagy.values import from_text

if TYPE_CHECKING:
    from datetime import datetime

    from dagy.values.artifacts import Store


@dataclass(frozen=True)
class TaskRunRecord:
    """One task run of a run that has ended.

    Attributes:
        id: the task run's id in the flow.
        task_name: the task's name.
        state: SUCCEEDED, FAILED, SKIPPED or CANCELLED.
        attempts: how many attempts were made.
        start: when the first attempt began, or None if there was none.
        end: when it ended.
        error: why the last attempt failed, if it failed.
        message: what a person should know, if anything.
        text: its output as JSON text, as it crossed.
        store: has the artifacts in it.
    """

    id: str
    task_name: str
    state: str
    attempts: int
    start: datetime | None
    end: datetime | None
    error: Failure | None
    message: str | None = None
    text: str | None = field(default=None, repr=False)
    store: Store | None = field(default=None, repr=False, compare=False)

    @cached_property
    def output(self) -> Any:
        """What it returned, if it succeeded, as its consumers received it.

        It is made when it is asked for: a run of many frames need not hold them all.

        Raises:
            CodecError: an artifact in it is gone, as the run has been removed from the history.
        """
        return None if self.text is None else from_text(self.text, self.store)


class TaskRunRecords(Sequence[TaskRunRecord]):
    """Task runs in the flow's order; `records["extract"]` finds one by id."""

    def __init__(self, records: Sequence[TaskRunRecord]) -> None:
        self._records = tuple(records)
        self._by_id = {record.id: record for record in records}

    @overload
    def __getitem__(self, key: int | str) -> TaskRunRecord: ...

    @overload
    def __getitem__(self, key: slice) -> tuple[TaskRunRecord, ...]: ...

    def __getitem__(self, key: int | str | slice) -> TaskRunRecord | tuple[TaskRunRecord, ...]:
        if isinstance(key, str):
            return self._by_id[key]
        return self._records[key]

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[TaskRunRecord]:
        return iter(self._records)

    def __repr__(self) -> str:
        return f"{list(self._records)!r}"


@dataclass(frozen=True)
class LocalRunContext:
    """A local run that has ended.

    Attributes:
        run_id: its id in the history.
        flow_name: the flow that ran.
        status: SUCCEEDED, FAILED or CANCELLED.
        result: what the flow returned; None unless it succeeded.
        task_runs: what happened to each task run; a sequence that also takes ids.
        error: why it failed, if it did.
        failed_task: id of the task run that failed first, if one did.

    Examples:
        >>> run = my_flow.run_local(n=3)  # doctest: +SKIP
        >>> run.status, run.result  # doctest: +SKIP
        ('SUCCEEDED', 9)
    """

    run_id: str
    flow_name: str
    status: str
    result: Any
    task_runs: TaskRunRecords
    error: Failure | None = None
    failed_task: str | None = None

    def raise_on_failure(self) -> LocalRunContext:
        """Return this run if it succeeded.

        Raises:
            RunFailedError: it did not; the message names the task and its error, and the task's own
                traceback is shown below it.
        """
        if self.status == "SUCCEEDED":
            return self
        message = f"flow {self.flow_name!r} ended as {self.status} (run {self.run_id})"
        if self.error is not None:
            at = f"task {self.failed_task!r}: " if self.failed_task else ""
            message += f"\n  {at}{self.error.type}: {self.error.message}"
        failure = RunFailedError(message)
        if self.error is not None and self.error.traceback:
            failure.add_note(f"\nThe task's own traceback:\n{self.error.traceback}")
        raise failure
