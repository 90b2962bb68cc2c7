"""What is known of a run on AWS: its workers' records, and the history of its execution.

Records say what became of each task run, wherever it ran. The history has the outputs, which are
never logged, and tells of tasks that Step Functions does itself. A worker's answer names its task
run, so an event of the history that holds one needs no other to be understood.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from dagy.aws.executions import Execution, nested
from dagy.aws.refusals import explained
from dagy.aws.worker_log import Record, records_of
from dagy.interpreter import Failure, Transition
from dagy.spec import FlowSpec
from dagy.state import StateType
from dagy.worker.claims import Handed
from dagy.worker.seed import RESULTS
from dagy.worker.verdict import message_of
from dagy_compiler.names import state_name


@dataclass
class Evidence:
    """What is known of a run.

    Attributes:
        execution: of it.
        spec: the flow that it ran.
        records: of its workers.
        transitions: of its task runs, in the order of their times.
        outputs: what stands for the output of each task run that gave one.
        counts: how many items each map has.
        entered: the task runs whose states have been entered, whatever their workers have told.
    """

    execution: Execution
    spec: FlowSpec
    records: list[Record] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)
    outputs: dict[str, Handed] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    entered: set[str] = field(default_factory=set)

    @property
    def resumed_from(self) -> str | None:
        """The run whose results it began with."""
        for transition in self.transitions:
            if transition.state is StateType.SUCCEEDED and not transition.attempt:
                _, found, run = (transition.message or "").partition("from run ")
                if found:
                    return run
        return None


def gather(
    execution: Execution,
    spec: FlowSpec,
    *,
    history: bool = True,
    known: Sequence[Record] = (),
) -> Evidence:
    """Gather what is known of a run.

    Args:
        execution: of it.
        spec: the flow that it ran.
        history: read the history too, which takes a request for each 1,000 of its events.
        known: records that were there before.

    Raises:
        AwsError: AWS refuses.
    """
    found = Evidence(execution, spec, records_of(execution, known))
    found.transitions = [record.transition for record in found.records]
    if history or any(task.service for task in spec.tasks.values()):
        for each in [execution, *(nested(execution) if history else [])]:
            _read_history(found, each)
        found.transitions.sort(key=lambda transition: transition.at)
    if history:
        _find_stored(found)
    return found


def _read_history(found: Evidence, execution: Execution) -> None:
    services = _Services(found.spec)
    runs = {state_name(run.id): run.id for run in found.spec.task_runs}
    for event in history_of(execution):
        kind, at = event["type"], event["timestamp"].timestamp()
        named = (value for key, value in event.items() if key.endswith("EventDetails"))
        details: Mapping[str, Any] = next(named, {})
        if kind in {"TaskSucceeded", "LambdaFunctionSucceeded"}:
            _note_answer(found, details.get("output"))
        elif kind.endswith("StateEntered"):
            services.entered(details["name"], at)
            if kind == "TaskStateEntered" and details["name"] in runs:
                found.entered.add(runs[details["name"]])
        elif kind.endswith("StateExited"):
            services.exited(details["name"], at)
    found.transitions += services.transitions(execution)


def history_of(execution: Execution) -> Iterator[dict[str, Any]]:
    """Yield the events of an execution, oldest first.

    Raises:
        AwsError: AWS refuses.
    """
    client = execution.flow.target.client("stepfunctions")
    with explained(f"reading the history of run {execution.run_id}"):
        pages = client.get_paginator("get_execution_history")
        for page in pages.paginate(executionArn=execution.arn, includeExecutionData=True):
            yield from page["events"]


def _note_answer(found: Evidence, output: str | None) -> None:
    answered = json.loads(output or "null")
    payload = answered.get("Payload") if isinstance(answered, Mapping) else None
    if not isinstance(payload, Mapping):
        return
    match payload:
        case {"count": int(count), "task_run": str(name)}:
            found.counts[name] = count
        case {"output": handed, "task_run": str(name)}:
            found.outputs[name] = handed
        case {"outputs": dict(outputs), "task_runs": list(names)}:
            for index, name in enumerate(names):
                if outputs[f"o{index}"] is not None:
                    found.outputs[name] = outputs[f"o{index}"]


def _find_stored(found: Evidence) -> None:
    """Take note of outputs that workers have stored under their task runs' names."""
    execution = found.execution
    bucket = execution.flow.bucket
    if bucket is None:
        return
    mapped = {run.id for run in found.spec.task_runs if run.map_over is not None}
    for transition in found.transitions:
        name = transition.task_run_id or ""
        whole, bracket, index = name.partition("[")
        if bracket and whole in mapped and transition.state is StateType.SUCCEEDED:
            key = f"{execution.run_id}/{whole}/{index[:-1]}"
            found.outputs.setdefault(name, {"claim": key})
    if execution.flow.stack.outputs.get("ExecutionMode") in {"nano", "micro"}:
        return
    of_stack = execution.flow.data_prefix
    prefix = f"{of_stack}{execution.run_id}/{RESULTS}/"
    with explained(f"listing s3://{bucket}/{prefix}"):
        s3 = execution.flow.target.client("s3")
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for page in pages:
            for item in page.get("Contents", ()):
                name = item["Key"].removeprefix(prefix)
                found.outputs[name] = {"claim": item["Key"].removeprefix(of_stack)}


class _Services:
    """The tasks that Step Functions does itself, by the states that are named after them."""

    def __init__(self, spec: FlowSpec) -> None:
        self._names = {
            state_name(run.id): run.id
            for run in spec.task_runs
            if spec.tasks[run.task_name].service is not None
        }
        self._began: dict[str, float] = {}
        self._ended: dict[str, float] = {}

    def entered(self, state: str, at: float) -> None:
        name = self._owner(state)
        if name is not None:
            self._began.setdefault(name, at)
            self._ended.pop(name, None)

    def exited(self, state: str, at: float) -> None:
        name = self._owner(state)
        if name is not None:
            self._ended[name] = at

    def transitions(self, execution: Execution) -> Iterator[Transition]:
        for name, at in self._began.items():
            yield Transition(at, name, StateType.RUNNING, 1)
            if name in self._ended:
                yield Transition(self._ended[name], name, StateType.SUCCEEDED, 1)
            elif execution.status == "FAILED" and execution.ended_at is not None:
                failure = failure_of(execution)
                ended = execution.ended_at.timestamp()
                yield Transition(ended, name, StateType.FAILED, 1, error=failure)

    def _owner(self, state: str) -> str | None:
        return self._names.get(state) or self._names.get(state.partition(" (")[0])


def failure_of(execution: Execution) -> Failure | None:
    """Return why an execution failed, as Step Functions tells it."""
    if execution.error is None:
        return None
    cause = execution.cause or ""
    stack: Any = None
    with suppress(ValueError, AttributeError):
        stack = json.loads(cause).get("stackTrace")
    traceback = "".join(stack) if isinstance(stack, list) and stack else ""
    return Failure(execution.error, message_of(cause), traceback)
