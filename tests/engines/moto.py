"""moto's engine, which descends from LocalStack's, in process.

Some things of moto's are corrected here, none of ours: it has no evaluator for JSONata wired (one is
made of jsonata-python, with the functions that Step Functions adds); it writes string variables into
expressions without escaping them; it starts nested executions with arguments in the wrong case; its
waits are real (they are cut to nothing); it parses Python in many threads, which Python 3.11 cannot
always do (see `dagy.syntax`); it makes a client of boto3's for each call, in many threads, which boto3
cannot do; it parses each definition twice; and what an execution has begun goes on after its end
(that is ended with it, as nothing may go on when the emulated AWS is gone).
"""

from __future__ import annotations

import ast
import json
import re
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from itertools import islice
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any, Protocol
from unittest.mock import patch

import boto3
import jsonata
from moto import mock_aws
from moto.awslambda_simple.models import LambdaSimpleBackend
from moto.stepfunctions.parser.asl.antlt4utils import antlr4utils
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_callback,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_sfn import (
    StateTaskServiceSfn,
)
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import (
    WaitFunction,
)
from moto.stepfunctions.parser.asl.eval import states, variable_store
from moto.stepfunctions.parser.asl.eval.callback.callback import CallbackOutcomeFailure
from moto.stepfunctions.parser.asl.jsonata import jsonata as moto_jsonata
from moto.stepfunctions.parser.asl.utils import boto_client
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str
from moto.stepfunctions.parser.models import (
    StepFunctionsParserBackend,
    stepfunctions_parser_backends,
)
from moto.stepfunctions.parser.utils import TMP_THREADS
from werkzeug.routing import rules

from dagy.syntax import parsed
from dagy_compiler.bundle import read_bundle
from dagy_compiler.nested_states import part_id
from tests.engines import Outcome
from tests.engines.handler import FunctionError, Worker, tokens_sent

ROLE = "arn:aws:iam::123456789012:role/state-machine"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:worker"
SECONDS = 180
"""How long an execution may take."""

CONFIG = {"stepfunctions": {"execute_state_machine": True}, "lambda": {"use_docker": False}}


class MotoEngine:
    """Runs a bundle's definition on moto's engine."""

    def run(self, bundle: Path, given: dict[str, Any]) -> Outcome:
        """See `Engine.run`."""
        text = (bundle / "state_machine.asl.json").read_text(encoding="utf-8")
        with Worker(bundle) as worker:
            return execute_definition(text, given, worker, read_bundle(bundle).parts)


class Invocable(Protocol):
    """Answers invocations; raises FunctionError where the handler raises.

    Attributes:
        data: the folder that stands for the bucket, and for where joins meet.
    """

    @property
    def data(self) -> Path: ...

    def invoke(self, event: Any) -> Any:
        """Answer one."""
        ...


def execute_definition(
    text: str,
    given: dict[str, Any],
    worker: Invocable,
    parts: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> Outcome:
    """Run a definition on moto's engine, each Task answered by a worker.

    Args:
        text: the definition.
        given: the execution's input.
        worker: answers.
        parts: definitions of nested machines by name, inner ones first.
    """
    arns: dict[str, str] = {}  # of nested machines; any other is of a function of the worker
    with corrected(worker), mock_aws(config=CONFIG):

        def create(definition: str) -> str:
            filled = re.sub(r"\$\{(\w+)\}", lambda found: arns.get(found[1], FUNCTION), definition)
            created = client_of("stepfunctions").create_state_machine(
                name=f"m{uuid.uuid4().hex}", definition=filled, roleArn=ROLE
            )
            return created["stateMachineArn"]

        for name, part in parts.items():
            arns[f"{part_id(name)}Arn"] = create(json.dumps(part, ensure_ascii=False))
        return execute(create(text), given)


def execute(machine: str, given: dict[str, Any]) -> Outcome:
    """Execute a machine of the emulated AWS, and wait until nothing of that goes on."""
    client = client_of("stepfunctions")
    known = len(TMP_THREADS)
    arn = client.start_execution(
        stateMachineArn=machine, input=json.dumps(given), name=uuid.uuid4().hex
    )["executionArn"]
    TMP_THREADS[known].join(SECONDS)
    execution = client.describe_execution(executionArn=arn)
    if execution["status"] == "RUNNING":
        raise AssertionError(f"the execution did not end within {SECONDS} s")
    output = execution.get("output")
    if output is not None:
        # Here moto gives a text as it is, and in the history as JSON; there it bends numbers.
        events = client.get_execution_history(executionArn=arn)["events"]
        told = json.loads(events[-1]["executionSucceededEventDetails"]["output"])
        output = told if isinstance(told, str) else json.loads(output)
    end_threads(known)
    return Outcome(execution["status"], output, execution.get("error"), execution.get("cause"))


def end_threads(known: int) -> None:
    """Wait for the threads that moto has begun after so many others, and end what they wait for."""
    deadline = time.monotonic() + SECONDS
    # A thread comes after the one that has begun it, so all have begun when it is their turn.
    for thread in islice(TMP_THREADS, known, None):
        while thread.is_alive():
            if time.monotonic() > deadline:
                raise AssertionError(f"{thread} did not end within {SECONDS} s")
            thread.join(0.05)
            refuse_tokens()
    del TMP_THREADS[known:]


def refuse_tokens() -> None:
    """Let the states fail that wait by a task token, of whatever execution."""
    [backend] = stepfunctions_parser_backends["123456789012"].values()
    for execution in backend._get_executions():
        callbacks = execution.exec_worker.env.callback_pool_manager
        for token in list(callbacks._pool):
            callbacks.notify(token, CallbackOutcomeFailure(token, "Ended", None))


@contextmanager
def corrected(worker: Invocable | None) -> Iterator[None]:
    """Moto with an evaluator, with variables escaped, without waits, and with a worker if any."""

    def invoke(_self, _name, _qualifier, body, _headers, response_headers):
        try:
            return json.dumps(worker.invoke(json.loads(body))).encode()
        except FunctionError as error:
            response_headers["x-amz-function-error"] = "Unhandled"
            return json.dumps(error.payload).encode()
        finally:
            send(tokens_sent(worker.data))

    no_time = SimpleNamespace(sleep=lambda _seconds: None)
    little_time = SimpleNamespace(sleep=lambda _seconds: time.sleep(0.01))
    clients = SimpleNamespace(client=lambda service_name, **_: client_of(service_name))
    with (
        patch.object(LambdaSimpleBackend, "invoke", invoke),
        patch.object(moto_jsonata, "_eval_jsonata", evaluate),
        patch.object(states, "encode_jsonata_variable_declarations", declare),
        patch.object(variable_store, "encode_jsonata_variable_declarations", declare),
        patch.object(StateTaskServiceSfn, "_normalise_parameters", as_called),
        patch.object(StateTaskServiceSfn, "_normalise_response", as_answered),
        patch.object(rules, "ast", SimpleNamespace(**vars(ast) | {"parse": parsed})),
        patch.object(antlr4utils, "ast", SimpleNamespace(literal_eval=literal)),
        patch.object(boto_client, "boto3", clients),
        patch.object(StepFunctionsParserBackend, "_validate_definition"),
        patch.object(retrier_decl, "time", no_time),
        patch.object(state_task_service_callback, "time", little_time),
        patch.object(WaitFunction, "_wait_interval", lambda *_arguments, **_named: None),
    ):
        yield


def send(tokens: list[str]) -> None:
    """Let the states go on that wait by some task tokens."""
    for token in tokens:
        client_of("stepfunctions").send_task_success(taskToken=token, output="{}")


_ONE_AT_A_TIME = threading.Lock()


def client_of(service: str) -> Any:
    """Return a client of boto3's, the same for all threads."""
    with _ONE_AT_A_TIME:
        return _client_of(service)


@cache
def _client_of(service: str) -> Any:
    return boto3.Session("test", "test", region_name="us-east-1").client(service)


def as_called(_self: object, parameters: dict[str, Any], *_: object, **__: object) -> None:
    """Write the arguments of a nested execution as its API takes them."""
    for key in list(parameters):
        value = parameters.pop(key)
        parameters[key[0].lower() + key[1:]] = (
            value if isinstance(value, str) else json.dumps(value)
        )


def as_answered(_self: object, response: dict[str, Any], *_: object, **__: object) -> None:
    """Write what its API answers as a state gets it."""
    for key in list(response):
        response[key[0].upper() + key[1:]] = response.pop(key)


def literal(source: str) -> Any:
    """Return the value of a literal."""
    return ast.literal_eval(parsed(source).body[0].value)


def evaluate(expression: str) -> Any:
    """Evaluate a JSONata expression with the functions that Step Functions adds."""
    compiled = jsonata.Jsonata(expression)
    compiled.register_lambda("parse", json.loads)
    return whole(compiled.evaluate(None))


def whole(value: Any) -> Any:
    """Return a value whose characters beyond the basic plane are one each.

    As jsonata-python reads escapes they are two, which no text in UTF-8 can have.
    """
    match value:
        case str():
            return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
        case dict():
            return {whole(key): whole(item) for key, item in value.items()}
        case list():
            return [whole(item) for item in value]
    return value


def declare(bindings: dict[str, Any]) -> str:
    """Write variables as JSONata; unlike moto's own, strings with quotes in them too."""
    return "".join(
        f"{name}:={to_json_str(value, separators=(',', ':'))};" for name, value in bindings.items()
    )
