"""moto's engine, which descends from LocalStack's, in process.

Three things of moto's are corrected here, none of ours: it has no evaluator for JSONata wired (one is
made of jsonata-python, with the functions that Step Functions adds); it writes string variables into
expressions without escaping them; and its waits are real (they are cut to nothing).
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol
from unittest.mock import patch

import boto3
import jsonata
from moto import mock_aws
from moto.awslambda_simple.models import LambdaSimpleBackend
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import (
    WaitFunction,
)
from moto.stepfunctions.parser.asl.eval import states, variable_store
from moto.stepfunctions.parser.asl.jsonata import jsonata as moto_jsonata
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

from tests.engines import Outcome
from tests.engines.handler import FunctionError, Worker

ROLE = "arn:aws:iam::123456789012:role/state-machine"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:worker"
CONFIG = {"stepfunctions": {"execute_state_machine": True}, "lambda": {"use_docker": False}}


class MotoEngine:
    """Runs a bundle's definition on moto's engine."""

    def run(self, bundle: Path, given: dict[str, Any]) -> Outcome:
        """See `Engine.run`."""
        text = (bundle / "state_machine.asl.json").read_text(encoding="utf-8")
        with Worker(bundle) as worker:
            return execute_definition(text, given, worker)


class Invocable(Protocol):
    """Answers invocations; raises FunctionError where the handler raises."""

    def invoke(self, event: Any) -> Any:
        """Answer one."""
        ...


def execute_definition(text: str, given: dict[str, Any], worker: Invocable) -> Outcome:
    """Run a definition on moto's engine, each Task answered by a worker."""
    definition = re.sub(r"\$\{WorkerFunctionArn\}", FUNCTION, text)
    with corrected(worker), mock_aws(config=CONFIG):
        client = boto3.Session("test", "test", region_name="us-east-1").client("stepfunctions")
        machine = client.create_state_machine(
            name=f"m{uuid.uuid4().hex}", definition=definition, roleArn=ROLE
        )["stateMachineArn"]
        started = client.start_execution(
            stateMachineArn=machine, input=json.dumps(given), name=uuid.uuid4().hex
        )
        return ended(client, started["executionArn"])


def ended(client: Any, arn: str) -> Outcome:
    """Return how an execution ended, once it has."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        execution = client.describe_execution(executionArn=arn)
        if execution["status"] != "RUNNING":
            output = execution.get("output")
            return Outcome(
                execution["status"],
                None if output is None else json.loads(output),
                execution.get("error"),
                execution.get("cause"),
            )
        time.sleep(0.01)
    raise AssertionError("the execution did not end within 60 s")


@contextmanager
def corrected(worker: Invocable | None) -> Iterator[None]:
    """Moto with an evaluator, with variables escaped, without waits, and with a worker if any."""

    def invoke(_self, _name, _qualifier, body, _headers, response_headers):
        try:
            return json.dumps(worker.invoke(json.loads(body))).encode()
        except FunctionError as error:
            response_headers["x-amz-function-error"] = "Unhandled"
            return json.dumps(error.payload).encode()

    no_time = SimpleNamespace(sleep=lambda _seconds: None)
    with (
        patch.object(LambdaSimpleBackend, "invoke", invoke),
        patch.object(moto_jsonata, "_eval_jsonata", evaluate),
        patch.object(states, "encode_jsonata_variable_declarations", declare),
        patch.object(variable_store, "encode_jsonata_variable_declarations", declare),
        patch.object(retrier_decl, "time", no_time),
        patch.object(WaitFunction, "_wait_interval", lambda *_arguments, **_named: None),
    ):
        yield


def evaluate(expression: str) -> Any:
    """Evaluate a JSONata expression with the functions that Step Functions adds."""
    parsed = jsonata.Jsonata(expression)
    parsed.register_lambda("parse", json.loads)
    return parsed.evaluate(None)


def declare(bindings: dict[str, Any]) -> str:
    """Write variables as JSONata; unlike moto's own, strings with quotes in them too."""
    return "".join(
        f"{name}:={to_json_str(value, separators=(',', ':'))};" for name, value in bindings.items()
    )
