"""A flow with service tasks means the same here and on Step Functions.

The engine is sfnx's, which answers each Task with a function of the test's: the worker's handler for
the worker, and for services the same stand-ins that the local run has.
"""

import itertools
import json
import sys
from pathlib import Path

import pytest
from moto import mock_aws
from sfnx.testing import Failure, run

from dagy.errors import service_error
from dagy.loader import load_flow
from dagy.testing import run_in_memory
from dagy_compiler import compile_flow
from dagy_compiler.bundle import FlowSource, write_bundle
from tests.compiler.stacks import plainly
from tests.engines.handler import FunctionError, Worker
from tests.engines.moto import MotoEngine

FLOWS = Path(__file__).parent / "flows" / "service_flows.py"


class Services:
    """Stand-ins by task name, and what they were given."""

    def __init__(self):
        self.given = []
        self.runs = itertools.count(1)

    def glue(self, JobName, Arguments=None):
        self.given.append(["glue", JobName, Arguments])
        number = next(self.runs)
        if JobName == "broken" or (JobName == "flaky" and number < 3):
            raise service_error("Glue.ConcurrentRunsExceededException", f"run {number}")
        return {
            "Id": f"jr_{number}",
            "JobRunId": f"jr_{number}",
            "Arguments": Arguments,
            "none": None,
        }

    def sns(self, TopicArn, Message):
        self.given.append(["sns", TopicArn, Message])
        return {"MessageId": f"m-{TopicArn}", "empty": [], "one": [[1]]}

    def sqs(self, QueueUrl, MessageBody):
        self.given.append(["sqs", MessageBody.get("approved")])
        return {"answer": [True]}

    def approve(self, message, queue):
        self.given.append(["approval", message])
        return {"approved": True}

    def by_task(self, spec):
        kinds = {"glue": self.glue, "sns": self.sns, "sqs": self.sqs}
        found = {}
        for name, task in spec.tasks.items():
            if task.service is not None and task.service["kind"] == "aws":
                found[name] = kinds[task.service["resource"].split(":")[0]]
            elif task.service is not None and task.service["kind"] == "approval":
                found[name] = self.approve
        return found

    def answer(self, call):
        """Answer a Task as the service would."""
        service = call.resource.split(":::")[1].split(":")[0]
        if service == "sqs" and "task_run" in call.arguments["MessageBody"]:
            return self.approve(call.arguments["MessageBody"]["message"], "q")
        try:
            return {"glue": self.glue, "sns": self.sns, "sqs": self.sqs}[service](**call.arguments)
        except Exception as error:
            raise Failure(type(error).__name__, str(error)) from error


@pytest.fixture
def load(monkeypatch):
    known = set(sys.modules)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield lambda name: load_flow(f"{FLOWS}:{name}")
    for name in set(sys.modules) - known:
        if name == "service_flows":
            del sys.modules[name]


def on_engine(loaded, mode, folder, given):
    services, waits = Services(), []
    compiled = compile_flow(loaded.flow.build(), mode=mode)
    bundle = write_bundle(
        compiled, FlowSource(loaded.root, loaded.files[:1]), folder, python_version="3.12"
    ).path
    definition = json.loads((bundle / "state_machine.asl.json").read_text(encoding="utf-8"))
    with Worker(bundle) as worker:

        def answer(call):
            if call.arguments.get("FunctionName") != "${WorkerFunctionArn}":
                return services.answer(call)
            try:
                return {"Payload": worker.invoke(call.arguments["Payload"])}
            except FunctionError as error:
                raise Failure(error.payload["errorType"], json.dumps(error.payload)) from error

        ended = run(definition, given, answer, on_wait=waits.append)
    return ended, services.given, waits


def on_laptop(loaded, given):
    services = Services()
    stand_ins = services.by_task(loaded.flow.build())
    return run_in_memory(loaded.flow, replace=stand_ins, **given), services.given


@pytest.mark.parametrize("mode", ["nano", "micro"])
@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("chain", {"day": "{% 'evil' %} ${x}"}),
        ("chain", {"day": "monday", "size": 7}),
        ("whole_answer", {}),
        ("waits", {}),
        ("ends_with_a_wait", {}),
        ("side_by_side", {}),
        ("chosen", {"n": 1}),
        ("chosen", {"n": 0}),
        ("mapped", {}),
        ("mapped", {"n": 1}),
        ("mapped", {"n": 0}),
        ("approved", {}),
        ("retried", {}),
    ],
)
def test_the_result_and_what_services_are_given_are_the_same(load, tmp_path, name, given, mode):
    loaded = load(name)
    local, given_here = on_laptop(loaded, given)
    remote, given_there, _ = on_engine(loaded, mode, tmp_path, given)
    assert remote.output == local.raise_on_failure().result
    assert given_there == given_here


@pytest.mark.parametrize("mode", ["nano", "micro"])
def test_a_service_that_fails_fails_the_execution_under_its_own_name(load, tmp_path, mode):
    loaded = load("fails")
    local, given_here = on_laptop(loaded, {})
    remote, given_there, _ = on_engine(loaded, mode, tmp_path, {})
    assert remote.error == local.error.type == "Glue.ConcurrentRunsExceededException"
    assert remote.cause == local.error.message == "run 2"
    assert given_there == given_here


def test_waits_are_states_of_the_machine(load, tmp_path):
    _, _, waits = on_engine(load("waits"), "micro", tmp_path, {"seconds": 5})
    assert [(wait.seconds, wait.timestamp) for wait in waits] == [
        (5, None),
        (None, "2026-01-31T12:00:00Z"),
    ]


def test_what_is_too_large_for_a_service_fails_its_producer(load, tmp_path):
    remote, given, _ = on_engine(load("too_large"), "micro", tmp_path, {"n": 300_000})
    assert remote.error == "OutputTooLargeError"
    assert "can pass to a service that is given it" in json.loads(remote.cause)["errorMessage"]
    assert given == []


def test_the_role_of_the_machine_may_call_the_services_and_no_others(load, tmp_path):
    on_engine(load("chain"), "micro", tmp_path, {"day": "monday"})
    template = json.loads(next(tmp_path.rglob("template.json")).read_text(encoding="utf-8"))
    policies = plainly(template)["Resources"]["StateMachineRole"]["Properties"]["Policies"]
    allowed = {policy["PolicyName"]: policy["PolicyDocument"]["Statement"] for policy in policies}
    assert [statement["Action"] for statement in allowed["CallServices"]] == [
        ["glue:StartJobRun", "glue:GetJobRun", "glue:GetJobRuns", "glue:BatchStopJobRun"],
        ["sns:Publish"],
    ]


def test_real_calls_on_an_engine_that_makes_them(load, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    loaded = load("stored")
    with mock_aws():
        local = run_in_memory(loaded.flow).raise_on_failure().result
    compiled = compile_flow(loaded.flow.build(), mode="micro")
    source = FlowSource(loaded.root, loaded.files[:1])
    bundle = write_bundle(compiled, source, tmp_path, python_version="3.12").path
    remote = MotoEngine().run(bundle, {})
    assert (remote.status, remote.error, remote.cause) == ("SUCCEEDED", None, None)
    assert remote.output == local == ["one", "two ${x}"]
