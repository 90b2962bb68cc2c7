"""sfnx's runner: in process, no time passes, and what AWS would reject is rejected.

It has no nested executions; `nesting` plays them, as AWS answers for them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sfnx.testing import Call, Failure, run

from dagy_compiler.bundle import read_bundle
from dagy_compiler.container_states import RUN_TASK
from dagy_compiler.join_states import RESOURCE as JOIN
from dagy_compiler.nested_states import RESOURCE, part_id
from tests.engines import Outcome
from tests.engines.handler import FunctionError, Worker, tokens_sent


class SfnxEngine:
    """Runs a bundle's definition on sfnx's runner."""

    def run(self, bundle: Path, given: dict[str, Any]) -> Outcome:
        """See `Engine.run`."""
        definition = json.loads((bundle / "state_machine.asl.json").read_text(encoding="utf-8"))
        with Worker(bundle) as worker:

            def task(call: Call) -> object:
                contained = call.resource == RUN_TASK
                event = worker.told(call.arguments) if contained else call.arguments["Payload"]
                try:
                    payload = worker.invoke(event)
                except FunctionError as error:
                    cause = json.dumps(error.payload)
                    raise Failure(error.payload["errorType"], cause) from error
                if call.resource == JOIN:
                    return joined(call, worker.data)
                return {"StatusCode": 200, "ExecutedVersion": "$LATEST", "Payload": payload}

            execution = run(definition, given, nesting(task, read_bundle(bundle).parts))
        if execution.error is not None:
            return Outcome("FAILED", None, execution.error, execution.cause)
        return Outcome("SUCCEEDED", execution.output)


def joined(call: Call, data: Path) -> dict[str, Any]:
    """Return what a state that waits across branches gets.

    Branches run one after another here, so what comes later in them is not there yet: a state that
    would wait for it would wait for ever.
    """
    token = call.arguments["Payload"]["await"]["token"]
    assert tokens_sent(data) == [token], f"{call.arguments} waits for ever"
    return {}


def nesting(
    task: Callable[[Call], Any], parts: Mapping[str, Mapping[str, Any]]
) -> Callable[[Call], Any]:
    """Return what answers Tasks, with nested machines run on this runner too.

    Args:
        task: answers the others.
        parts: definitions of nested machines, by name.
    """
    machines = {f"${{{part_id(name)}Arn}}": part for name, part in parts.items()}

    def answer(call: Call) -> Any:
        if call.resource != RESOURCE:
            return task(call)
        arguments = call.arguments
        assert len(arguments["Name"]) <= 80
        given = json.loads(json.dumps(arguments["Input"]))
        execution = run(machines[arguments["StateMachineArn"]], given, answer)
        arn = arguments["StateMachineArn"].replace("stateMachine", "execution")
        # As recorded on AWS: what DescribeExecution says, fields in the order of the alphabet.
        described = {"ExecutionArn": arn, "Input": given, "Name": arguments["Name"]}
        if execution.error is None:
            return {**described, "Output": execution.output, "Status": "SUCCEEDED"}
        described |= {"Status": "FAILED", "Error": execution.error, "Input": json.dumps(given)}
        if execution.cause is not None:
            described["Cause"] = execution.cause
        raise Failure(
            "States.TaskFailed",
            json.dumps(described, sort_keys=True, separators=(",", ":"))[:32768],
        )

    return answer
