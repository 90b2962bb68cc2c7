"""A run on AWS as the history of local runs tells of runs: the same records, put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from dagy.aws.evidence import Evidence, failure_of
from dagy.history import Attempt, RunDetail, TaskRunDetail
from dagy.interpreter import Failure, Transition
from dagy.interpreter.frontier import NOT_TAKEN, tolerated_text
from dagy.mapping import known_length, tolerable
from dagy.spec import FlowSpec
from dagy.state import TERMINAL, StateType


@dataclass(frozen=True)
class Circumstances:
    """In which a task run failed.

    Attributes:
        arguments: their sizes in bytes, by name.
        code: the hash of the task's code.
    """

    arguments: Mapping[str, int]
    code: str | None


@dataclass(frozen=True)
class RemoteRun(RunDetail):
    """A run on AWS, with all that is known of it.

    Attributes:
        execution: the ARN of its execution.
        machine_version: the number of the version of the state machine that it runs; None for none.
        failed_task: the id of the task run that failed first.
        circumstances: of failures, by task run.
    """

    execution: str = ""
    machine_version: str | None = None
    failed_task: str | None = None
    circumstances: Mapping[str, Circumstances] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the run as JSON: as a local one's, and what there is on AWS only."""
        told = super().to_dict()
        for name in ("max_workers", "fail_fast", "dagy_version"):
            del told[name]
        for task_run in told["task_runs"]:
            known = self.circumstances.get(task_run["task_run_id"])
            task_run["argument_bytes"] = None if known is None else dict(known.arguments)
            task_run["code_hash"] = None if known is None else known.code
        return {
            **told,
            "execution": self.execution,
            "machine_version": self.machine_version,
            "failed_task": self.failed_task,
        }


def remote_run(evidence: Evidence) -> RemoteRun:
    """Return a run, as far as it is known."""
    execution, spec = evidence.execution, evidence.spec
    rows = _Rows(evidence)
    task_runs = tuple(rows.details())
    caused = (each for each in task_runs if _caused(each))
    failed = next((each for each in caused if each.task_run_id not in rows.blameless), None)
    error = failure_of(execution)
    if error is not None and failed is not None and failed.error is not None:
        error = failed.error
    return RemoteRun(
        run_id=execution.run_id,
        flow_name=spec.name,
        flow_version=spec.version,
        status=execution.status,
        started_at=execution.started_at,
        ended_at=execution.ended_at,
        task_runs_total=len(task_runs),
        task_runs_succeeded=sum(each.state == "SUCCEEDED" for each in task_runs),
        parameters=execution.given,
        max_workers=0,
        fail_fast=True,
        dagy_version="",
        resumed_from=evidence.resumed_from,
        message=_message(execution.status, failed),
        output=execution.output,
        error=error if execution.status == "FAILED" else None,
        task_runs=task_runs,
        execution=execution.arn,
        machine_version=execution.version and execution.version.rpartition(":")[2],
        failed_task=None if failed is None else failed.task_run_id,
        circumstances={
            record.transition.task_run_id: Circumstances(record.arguments, record.code)
            for record in evidence.records
            if record.transition.task_run_id is not None and record.code is not None
        },
    )


def _caused(task_run: TaskRunDetail) -> bool:
    return task_run.state == "FAILED" and task_run.error is not None


def _message(status: str, failed: TaskRunDetail | None) -> str | None:
    if status == "CANCELLED":
        return "the execution was stopped"
    return None if failed is None else f"task {failed.task_run_id!r} failed"


class _Row:
    """What has become of one task run so far."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.state = StateType.PENDING
        self.tries: list[Attempt] = []
        self.ended_at: datetime | None = None
        self.message: str | None = None
        self.error: Failure | None = None

    @property
    def index(self) -> int:
        """Which item it is of a map."""
        return int(self.name.partition("[")[2].rstrip("]"))

    def apply(self, transition: Transition) -> None:
        """Take note of a transition, which may be told twice, or again by another worker."""
        at = datetime.fromtimestamp(transition.at, UTC)
        if transition.state is StateType.RUNNING:
            if self.tries and self.tries[-1].number == transition.attempt and self.is_open:
                return  # another worker tells of an attempt whose own worker died
            if self.state in TERMINAL and self.tries and transition.attempt <= len(self.tries):
                self.tries, self.error = [], None  # the flow as a whole is retried
            self._close(at, failed=True)
            self.tries.append(Attempt(transition.attempt, at, None, failed=False))
            self.message, self.ended_at = None, None
        else:
            if transition.state is not StateType.PENDING:
                self.ended_at = at
            self._close(at, failed=transition.state in {StateType.FAILED, StateType.PENDING})
            self.message = transition.message
            self.error = transition.error or self.error
            if transition.state is StateType.SUCCEEDED:
                self.error = None
        self.state = transition.state

    @property
    def is_open(self) -> bool:
        """Whether an attempt is under way."""
        return bool(self.tries) and self.tries[-1].ended_at is None

    def end(self, state: StateType, at: datetime | None, message: str | None) -> None:
        """Take note of an end that nobody has told of."""
        self.state, self.ended_at, self.message = state, at, message

    def _close(self, at: datetime, *, failed: bool) -> None:
        if self.is_open:
            last = self.tries[-1]
            self.tries[-1] = Attempt(last.number, last.started_at, at, failed)

    def detail(self, output: str | None) -> TaskRunDetail:
        """Return it as a record."""
        return TaskRunDetail(
            self.name,
            self.state.value,
            self.tries[-1].number if self.tries else 0,
            self.tries[0].started_at if self.tries else None,
            self.ended_at,
            self.message,
            output,
            self.error,
            tuple(self.tries),
        )


class _Rows:
    """The task runs of a run.

    Attributes:
        blameless: items that failed, and did not fail their map; and maps that another one failed.
    """

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._execution = evidence.execution
        self._rows: dict[str, _Row] = {}
        for transition in evidence.transitions:
            self._apply(transition)
        for name in evidence.outputs if self._execution.has_ended else ():
            if name not in self._rows:  # its records have expired
                self._rows[name] = _Row(name)
                self._rows[name].end(StateType.SUCCEEDED, None, None)
        self._gather_maps()
        self.blameless = self._find_blameless()
        if self._execution.has_ended and self._rows:
            self._settle()

    def details(self) -> Iterable[TaskRunDetail]:
        """Return them, in the order in which they began."""
        rows = self._rows.values()
        spec = self._evidence.spec
        hides = any(each.get("secret") for each in spec.parameters) or any(
            task.secrets for task in spec.tasks.values()
        )
        # Those that are stored are too large to look at; those that may show a secret are masked
        # in a local history.
        outputs = {} if hides else self._evidence.outputs
        order = {run.id: index for index, run in enumerate(self._evidence.spec.task_runs)}
        end = datetime.max.replace(tzinfo=UTC)
        for row in sorted(
            rows,
            key=lambda row: (
                row.tries[0].started_at if row.tries else row.ended_at or end,
                order.get(row.name, -1),
            ),
        ):
            output = outputs.get(row.name)
            yield row.detail(output if isinstance(output, str) else None)

    def _apply(self, transition: Transition) -> None:
        name = transition.task_run_id
        if name is not None:
            self._rows.setdefault(name, _Row(name)).apply(transition)
        elif transition.state is StateType.RUNNING and transition.attempt > 1:
            self._rows.clear()  # the flow is run again by the worker that runs all of it

    def _gather_maps(self) -> None:
        """Tell of maps as a whole where only their items were told of."""
        items: dict[str, list[_Row]] = {}
        for name, row in self._rows.items():
            whole, bracket, _ = name.partition("[")
            if bracket:
                items.setdefault(whole, []).append(row)
        for run in self._evidence.spec.task_runs:
            made = items.get(run.id, [])
            count = self._evidence.counts.get(run.id)
            if run.map_over is None or run.id in self._rows or (count is None and not made):
                continue
            count = known_length(run) if count is None else count
            failures = self._evidence.spec.tasks[run.task_name].tolerated_failures
            allowed = tolerable(failures, len(made) if count is None else count)
            has_ended = self._has_ended(run.id)
            self._rows[run.id] = _whole(run.id, made, count, allowed, has_ended=has_ended)

    def _find_blameless(self) -> frozenset[str]:
        spec = self._evidence.spec
        tolerant = {
            run.id for run in spec.task_runs if spec.tasks[run.task_name].tolerated_failures
        }
        found = set()
        for name, row in self._rows.items():
            whole, bracket, _ = name.partition("[")
            if bracket and whole in tolerant and row.state is StateType.FAILED:
                blamed = whole in self._rows and self._rows[whole].message == f"{name} failed"
                found.add(whole if blamed else name)
        return frozenset(found)

    def _has_ended(self, name: str) -> bool:
        after = [run.id for run in self._evidence.spec.task_runs if name in run.depends_on]
        return self._execution.status == "SUCCEEDED" or any(each in self._rows for each in after)

    def _settle(self) -> None:
        """Say what became of those whose end nobody has told of."""
        execution = self._execution
        failed = [
            row.name
            for row in self._rows.values()
            if row.state is StateType.FAILED and row.name not in self.blameless
        ]
        under_way = [row for row in self._rows.values() if row.state not in TERMINAL]
        if execution.status == "FAILED" and not failed and len(under_way) == 1:
            [row] = under_way
            row.end(StateType.FAILED, execution.ended_at, None)
            row.error = failure_of(execution)
            failed = [row.name]
        stopped = "failed" if execution.status == "FAILED" else "was stopped"
        why = f"{failed[0]} failed" if failed else f"the execution {stopped}"
        for row in self._rows.values():
            if row.state in TERMINAL:
                continue
            if execution.status == "SUCCEEDED":  # its last record has not arrived
                row.end(StateType.SUCCEEDED, None, None)
            else:
                row.end(StateType.CANCELLED, None, why)
        passed_over = _after(self._evidence.spec, failed)
        for run in self._evidence.spec.task_runs:
            if run.id in self._rows:
                continue
            row = self._rows[run.id] = _Row(run.id)
            if execution.status == "SUCCEEDED" and run.id in self._evidence.entered:
                row.end(StateType.SUCCEEDED, None, None)
            elif execution.status == "SUCCEEDED":
                row.end(StateType.SKIPPED, execution.ended_at, NOT_TAKEN)
            elif run.id in passed_over:
                row.end(StateType.SKIPPED, execution.ended_at, f"{passed_over[run.id]} failed")
            else:
                row.end(StateType.CANCELLED, execution.ended_at, why)


def _whole(
    name: str, items: list[_Row], count: int | None, allowed: int, *, has_ended: bool
) -> _Row:
    row = _Row(name)
    began = [item.tries[0].started_at for item in items if item.tries]
    ends = [item.ended_at for item in items if item.ended_at is not None]
    failures = sorted(
        (item for item in items if item.state is StateType.FAILED), key=lambda item: item.index
    )
    failed = None if has_ended else next(iter(failures[allowed:]), None)
    done = sum(item.state is StateType.SUCCEEDED for item in items)
    row.state = StateType.RUNNING
    if failed is not None:
        row.end(StateType.FAILED, max(ends), f"{failed.name} failed")
        row.error = failed.error
    elif has_ended or done == count:
        total = len(items) if count is None else count
        message = tolerated_text(len(failures), total) if failures else None
        row.end(StateType.SUCCEEDED, max(ends, default=None), message)
    if began:
        end = row.ended_at
        row.tries = [Attempt(1, min(began), end, failed=failed is not None)]
    return row


def _after(spec: FlowSpec, failed: Iterable[str]) -> dict[str, str]:
    """Return the task runs that depend on a failed one, and on which."""
    found = {name.partition("[")[0]: name for name in failed}
    for run in spec.task_runs:  # each after those that it depends on
        for dependency in run.depends_on:
            if dependency in found:
                found.setdefault(run.id, found[dependency])
    return found
