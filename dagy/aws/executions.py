"""Executions of a deployed flow: which there are, the one that is meant, and their states."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from dagy.aws.deployed import DeployedFlow
from dagy.aws.refusals import code_of, explained
from dagy.errors import RemoteError
from dagy.history import LATEST
from dagy.spec import FlowSpec

STATUSES = {
    "RUNNING": "RUNNING",
    "PENDING_REDRIVE": "RUNNING",
    "SUCCEEDED": "SUCCEEDED",
    "FAILED": "FAILED",
    "TIMED_OUT": "FAILED",
    "ABORTED": "CANCELLED",
}
"""What Step Functions calls the states of an execution, and what a run of that state is."""

MOST_LOOKED_AT = 1000
"""Executions of a flow that are looked through for one whose name begins as given."""

_SHOWN = 5


@dataclass(frozen=True)
class RemoteSummary:
    """A run on AWS, in a line.

    Attributes:
        flow: whose.
        arn: of the execution.
        run_id: its name, which is the run's id.
        status: RUNNING, SUCCEEDED, FAILED or CANCELLED.
        started_at: with a time zone.
        ended_at: None while it goes on.
    """

    flow: DeployedFlow
    arn: str
    run_id: str
    status: str
    started_at: datetime
    ended_at: datetime | None

    @property
    def flow_name(self) -> str:
        """The flow's name."""
        return self.flow.name

    @property
    def duration(self) -> float | None:
        """Seconds from start to end; None while it has not ended."""
        return None if self.ended_at is None else (self.ended_at - self.started_at).total_seconds()

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as JSON: ISO 8601 times, durations in seconds."""
        return {
            "run_id": self.run_id,
            "flow_name": self.flow.name,
            "stack": self.flow.stack.name,
            "execution": self.arn,
            "status": self.status,
            "started_at": self.started_at.isoformat(),
            "ended_at": None if self.ended_at is None else self.ended_at.isoformat(),
            "duration": self.duration,
        }


@dataclass(frozen=True)
class Execution(RemoteSummary):
    """A run on AWS, with what Step Functions says of it.

    Attributes:
        given: its input, as JSON text.
        output: as JSON text, if it succeeded.
        error: name of its failure.
        cause: of its failure.
        version: the ARN of the version of the state machine that it runs, if it is of one.
        redrivable: whether Step Functions can go on with it, and if not why.
    """

    given: str = "{}"
    output: str | None = None
    error: str | None = None
    cause: str | None = None
    version: str | None = None
    redrivable: str = field(default="", compare=False)

    @property
    def has_ended(self) -> bool:
        """Whether it is over."""
        return self.status != "RUNNING"

    def definition(self) -> tuple[dict[str, Any], str]:
        """Return the definition that it runs, and the description of the version that has it."""
        client = self.flow.target.client("stepfunctions")
        with explained(f"looking at the state machine of run {self.run_id}"):
            found = client.describe_state_machine(stateMachineArn=self.version or self.flow.machine)
        return json.loads(found["definition"]), str(found.get("description", ""))

    def spec(self) -> FlowSpec:
        """Return the FlowSpec that it runs.

        Raises:
            AwsError: AWS refuses.
        """
        return self.flow.spec_of(*self.definition())

    def again(self) -> Execution:
        """Return it as it is now."""
        return describe(self.flow, self.arn)


def describe(flow: DeployedFlow, arn: str) -> Execution:
    """Return an execution of a flow.

    Raises:
        AwsError: AWS refuses, or there is none.
    """
    with explained(f"looking at execution {arn}"):
        found = flow.target.client("stepfunctions").describe_execution(executionArn=arn)
    succeeded = found["status"] == "SUCCEEDED"
    return Execution(
        flow,
        arn,
        found["name"],
        STATUSES[found["status"]],
        found["startDate"],
        found.get("stopDate"),
        given=found.get("input", "{}"),
        output=found.get("output") if succeeded else None,
        error=found.get("error") or ("States.Timeout" if found["status"] == "TIMED_OUT" else None),
        cause=found.get("cause"),
        version=found.get("stateMachineVersionArn"),
        redrivable=found.get("redriveStatusReason", found.get("redriveStatus", "")),
    )


def executions(
    flow: DeployedFlow, *, statuses: Sequence[str] = (), machine: str | None = None
) -> Iterator[RemoteSummary]:
    """Yield the executions of a flow, newest first.

    Args:
        flow: whose.
        statuses: of runs; any if there are none.
        machine: a nested one; by default the flow's own.

    Raises:
        AwsError: AWS refuses.
    """
    client = flow.target.client("stepfunctions")
    asked: dict[str, Any] = {"stateMachineArn": machine or flow.machine}
    fitting = [theirs for theirs, ours in STATUSES.items() if ours in statuses]
    if len(fitting) == 1:
        asked["statusFilter"] = fitting[0]
    with explained(f"listing the runs of {flow.name}"):
        for page in client.get_paginator("list_executions").paginate(**asked):
            for each in page["executions"]:
                summary = RemoteSummary(
                    flow,
                    each["executionArn"],
                    each["name"],
                    STATUSES[each["status"]],
                    each["startDate"],
                    each.get("stopDate"),
                )
                if not statuses or summary.status in statuses:
                    yield summary


def list_remote(
    flows: Iterable[DeployedFlow],
    *,
    limit: int,
    statuses: Sequence[str] = (),
    since: datetime | None = None,
) -> list[RemoteSummary]:
    """Return the latest runs of flows, newest first.

    Raises:
        AwsError: AWS refuses.
    """
    found = [
        run
        for flow in flows
        for run in islice(executions(flow, statuses=statuses), limit)
        if since is None or run.started_at >= since
    ]
    return sorted(found, key=lambda run: run.started_at, reverse=True)[:limit]


def find_execution(flows: Sequence[DeployedFlow], run: str) -> Execution:
    """Return the execution that is meant.

    Args:
        flows: whose it may be.
        run: its name, the beginning of one that no other has, its ARN, or `latest`.

    Raises:
        AwsError: AWS refuses.
        RemoteError: there is none, or there are several.
    """
    if not flows:
        raise RemoteError("no flow is deployed here; `dagy deploy` puts one there")
    if run == LATEST:
        latest = list_remote(flows, limit=1)
        if not latest:
            raise RemoteError("none of these flows has run on AWS yet")
        return describe(latest[0].flow, latest[0].arn)
    for flow in flows:
        arn = run if run.startswith("arn:") else _execution_arn(flow.machine, run)
        if not arn.startswith(_execution_arn(flow.machine, "")):
            continue
        found = _described(flow, arn)
        if found is not None:
            return found
    candidates = [
        each
        for flow in flows
        for each in islice(executions(flow), MOST_LOOKED_AT)
        if each.run_id.startswith(run)
    ]
    if len(candidates) == 1:
        return describe(candidates[0].flow, candidates[0].arn)
    if candidates:
        shown = ", ".join(each.run_id for each in candidates[:_SHOWN])
        raise RemoteError(f"several runs have an id that begins with {run!r}: {shown}; give more")
    named = ", ".join(sorted({flow.name for flow in flows})[:_SHOWN])
    raise RemoteError(
        f"no run on AWS has an id that begins with {run!r} (looked at: {named}); "
        "`dagy runs list --remote` shows them"
    )


def _described(flow: DeployedFlow, arn: str) -> Execution | None:
    from dagy.errors import AwsError

    try:
        return describe(flow, arn)
    except AwsError as error:
        if code_of(error.__cause__ or error) in {"ExecutionDoesNotExist", "InvalidArn"}:
            return None
        raise


def _execution_arn(machine: str, name: str) -> str:
    return f"{machine.replace(':stateMachine:', ':execution:')}:{name}"


def nested(execution: Execution) -> list[Execution]:
    """Return the executions of nested machines that an execution has started, inner ones too.

    They are named after it, and are given its name.

    Raises:
        AwsError: AWS refuses.
    """
    found = []
    for machine in execution.flow.parts:
        for each in executions(execution.flow, machine=machine):
            if each.started_at < execution.started_at:
                break
            inner = describe(execution.flow, each.arn)
            if _run_of(inner.given) == execution.run_id:
                found.append(inner)
    return found


def _run_of(given: str) -> Any:
    sent = json.loads(given)
    return sent.get("run") if isinstance(sent, Mapping) else None
