"""Starting a run of a deployed flow, once it is sure that its workers will take its parameters."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

from dagy.aws.deployed import DeployedFlow
from dagy.aws.executions import Execution, describe
from dagy.aws.refusals import explained
from dagy.environment import place_of_secret
from dagy.errors import RemoteError
from dagy.parameters import bind
from dagy.spec import FlowSpec

INPUT_BYTES = 262_144
"""Of an execution's input, at most (Step Functions quotas)."""


def start(flow: DeployedFlow, given: Mapping[str, Any]) -> Execution:
    """Start a run of the version of a flow that is current.

    Args:
        flow: the flow.
        given: parameters by name, as JSON; a secret by where it is kept.

    Raises:
        AwsError: AWS refuses.
        ParameterError: the parameters do not fit the flow as it is deployed; nothing was started.
        RemoteError: they are larger than an execution may be given.
    """
    check_parameters(flow.spec, given)
    return start_execution(flow, new_run_id(), given)


def new_run_id() -> str:
    """Return an id that no other run has."""
    return uuid.uuid4().hex[:12]


def check_parameters(spec: FlowSpec, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a value for each parameter, as the workers will have it; secrets by their places.

    Raises:
        ParameterError: they do not fit, or a secret is given by its value.
    """
    for entry in spec.parameters:
        name = entry["name"]
        if entry.get("secret") and given.get(name) is not None:
            place_of_secret(spec.name, name, given[name])
    return bind(spec.name, spec.parameters, given)


def start_execution(flow: DeployedFlow, run_id: str, given: Mapping[str, Any]) -> Execution:
    """Start an execution of the alias of a flow under a name.

    Raises:
        AwsError: AWS refuses.
        RemoteError: the input is too large.
    """
    sent = json.dumps(given)
    if len(sent) > INPUT_BYTES:
        raise RemoteError(
            f"flow {flow.name!r}: its parameters take {len(sent):,} bytes, and an execution may be "
            f"given {INPUT_BYTES:,}; put them into S3 and give their address"
        )
    with explained(f"starting flow {flow.name!r}"):
        started = flow.target.client("stepfunctions").start_execution(
            stateMachineArn=flow.start_arn, name=run_id, input=sent
        )
    return describe(flow, started["executionArn"])
