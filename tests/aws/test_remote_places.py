"""Runs on an emulated AWS in every place that tasks run: what is known of them, and what is reused."""

import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from dagy.aws import following
from dagy.aws.deployed import DeployedFlow
from dagy.aws.earlier import earlier_there
from dagy.aws.executions import Execution, find_execution, nested
from dagy.aws.following import complete, ended
from dagy.aws.remote_run import remote_run
from dagy.aws.resuming import redrive, resume_on_aws
from dagy.aws.stacks import Stack, find_stack
from dagy.aws.start import start
from dagy.aws.stopping import cancel
from dagy.aws.target import Target
from dagy.errors import ResumeError
from dagy.loader import load_flow
from dagy_compiler import CompiledFlow, compile_flow, run_passes
from dagy_compiler.bundle import FlowSource, write_bundle
from dagy_compiler.passes import Split

FLOW = """
import os
import time
from dagy import RunContext, aws_task, flow, task, unmapped

@task
def listed(n: int) -> list:
    return list(range(n))

@task
def double(x: int) -> int:
    return 2 * x

@task
def checked(xs: list, limit: int) -> int:
    if sum(xs) > limit:
        raise ValueError("too much")
    return sum(xs)

@flow
def numbers(n: int = 3, limit: int = 100):
    return checked(double.map(listed(n)), limit)

@flow
def beside(n: int = 3, limit: int = 100):
    plus(n)
    return checked(double.map(listed(n)), limit)

@flow
def known(n: int = 0, limit: int = 100):
    return checked(double.map([n, 1, 2]), limit)

@task(executor="ecs")
def far(x: int) -> int:
    return x + 1

@flow
def mixed(n: int = 3, limit: int = 100):
    xs = listed(n)
    return checked([far(1), far(2)], limit), xs

@task(retries=2, retry_delay_seconds=[0, 1], retry_jitter_factor=0.1)
def flaky(n: int) -> int:
    if RunContext.get().attempt <= n:
        raise ConnectionError("not yet")
    return n

@task
def plus(n: int) -> int:
    return n + 1

@flow
def trying(n: int = 1):
    return plus(flaky(n))

@task(retries=1, retry_jitter_factor=0.1)
def dying(n: int) -> int:
    os._exit(n)

@flow
def deadly(n: int = 3):
    return dying(plus(n))

@task
def letters() -> bytes:
    return b"abc"

@task
def short(found: bytes, limit: int) -> int:
    return checked.fn([len(found)], limit)

@flow
def filed(limit: int = 100):
    return short(letters(), limit)

@task
def bucket() -> str:
    return "artifacts"

@task
def after(found: dict, limit: int) -> int:
    return checked.fn([3], limit)

@flow
def looking(limit: int = 100):
    return after(aws_task("aws-sdk:s3:headBucket", Bucket=bucket()), limit)

@task(tolerated_failures=1)
def half(x: int, dies: bool) -> int:
    if x % 2 and dies:
        os._exit(3)
    if x % 2:
        raise ValueError(f"{x} is odd")
    return x // 2

@task
def present(xs: list[int | None], limit: int) -> list:
    return [checked.fn([x for x in xs if x is not None], limit), xs]

@flow
def halves(n: int = 3, dies: bool = False, limit: int = 100):
    return present(half.map(listed(n), unmapped(dies)), limit)

@task
def slow(x: int) -> int:
    time.sleep(x)
    return x

@flow
def long(n: int = 0, limit: int = 100):
    total = plus(n)
    for _ in range(9):
        total = plus(total)
    return checked([slow(total)], limit)
"""


@dataclass
class Place:
    """A deployed flow."""

    flow: DeployedFlow

    def run(self, **given):
        return self.ended(start(self.flow, given))

    def ended(self, execution):
        execution = ended(execution)
        return execution, complete(execution, self.flow.spec)


@pytest.fixture
def deployed(tmp_path, monkeypatch, ministack):
    """Build a flow, deploy it, and give it as it is deployed."""
    for name, value in {
        "AWS_ENDPOINT_URL": ministack.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "path", list(sys.path))
    file = tmp_path / "places_flow.py"
    file.write_text(FLOW)
    stacks = []

    def deployed(name, mode="micro", parts=None):
        loaded = load_flow(f"{file}:{name}")
        if parts is None:
            compiled = compile_flow(loaded.flow.build(), mode=mode)
        else:
            plan = run_passes(loaded.flow.build(), mode=mode, after="emit")
            plan = Split(definition_bytes=parts)(plan)
            compiled = CompiledFlow(plan.spec, mode, plan, plan.machine)
        source = FlowSource(loaded.root, loaded.files[:1])
        bundle = write_bundle(compiled, source, tmp_path, python_version="3.12").path
        template = json.loads((bundle / "template.json").read_text())
        context = ministack.served(bundle, template)
        stacks.append(context)
        stack = context.__enter__()
        target = Target("us-east-1")
        return Place(DeployedFlow(target, find_stack(target.client("cloudformation"), stack.name)))

    yield deployed
    for context in stacks:
        context.__exit__(None, None, None)
    sys.modules.pop("places_flow", None)


def told(evidence):
    return {
        each.task_run_id: (each.state, each.attempts) for each in remote_run(evidence).task_runs
    }


@pytest.mark.parametrize("mode", ["micro", "small"])
def test_a_failed_run_is_resumed_with_what_was_made(deployed, mode):
    place = deployed("numbers", mode)
    _, evidence = place.run(limit=1)
    assert told(evidence)["checked"] == ("FAILED", 1)
    assert told(evidence)["double"][0] == told(evidence)["double[2]"][0] == "SUCCEEDED"
    resumed = resume_on_aws(place.flow, earlier_there(evidence), {"limit": 10}, force=True)
    assert resumed.reused[:2] == ("listed", "double")
    assert resumed.again == ("checked",)
    again, evidence = place.ended(resumed.execution)
    assert (again.status, again.output) == ("SUCCEEDED", "6")
    assert told(evidence)["listed"] == ("SUCCEEDED", 0)
    assert evidence.resumed_from == resumed.earlier


def test_a_map_over_a_list_that_nobody_has_counted_is_told_and_reused(deployed):
    place = deployed("known")
    _, evidence = place.run(limit=1)
    assert told(evidence)["double"][0] == told(evidence)["double[2]"][0] == "SUCCEEDED"
    resumed = resume_on_aws(place.flow, earlier_there(evidence), {"limit": 10}, force=True)
    assert (resumed.reused[0], resumed.again) == ("double", ("checked",))
    again, evidence = place.ended(resumed.execution)
    assert (again.status, again.output) == ("SUCCEEDED", "6")


@pytest.mark.parametrize("mode", ["micro", "small"])
def test_a_map_that_succeeded_without_an_item_is_told_and_reused_so(deployed, mode):
    place = deployed("halves", mode)
    _, evidence = place.run(limit=0)
    run = remote_run(evidence)
    assert (run.failed_task, run.message) == ("present", "task 'present' failed")
    [half] = [each for each in run.task_runs if each.task_run_id == "half"]
    assert (half.state, half.message) == ("SUCCEEDED", "1 of 3 items failed, which is tolerated")
    assert told(evidence)["half[1]"] == ("FAILED", 1)
    resumed = resume_on_aws(place.flow, earlier_there(evidence), {"limit": 10}, force=True)
    assert resumed.again == ("present",)
    again, evidence = place.ended(resumed.execution)
    assert (again.status, json.loads(again.output)) == ("SUCCEEDED", [1, [0, None, 1]])
    assert (remote_run(evidence).failed_task, remote_run(evidence).message) == (None, None)


def test_an_item_whose_worker_died_is_told_as_failed_where_that_is_tolerated(deployed):
    execution, evidence = deployed("halves").run(dies=True)
    assert json.loads(execution.output) == [1, [0, None, 1]]
    assert told(evidence)["half[1]"] == ("FAILED", 1)
    errors = {each.task_run_id: each.error for each in remote_run(evidence).task_runs}
    assert errors["half[1]"].type == "Runtime.ExitError"
    assert remote_run(evidence).failed_task is None


@pytest.mark.parametrize("mode", ["micro", "small"])
def test_one_item_too_many_is_what_failed(deployed, mode):
    execution, evidence = deployed("halves", mode).run(n=4)
    assert execution.status == "FAILED"
    run = remote_run(evidence)
    # In one worker the items run at once, and either may be the second.
    found = (run.failed_task, run.error.message)
    assert found in [("half[3]", "3 is odd"), ("half[1]", "1 is odd")][: 1 + (mode == "small")]
    assert told(evidence)["half"][0] == "FAILED"
    assert told(evidence)["present"][0] == "SKIPPED"


def test_results_of_containers_are_reused_too(deployed):
    place = deployed("mixed")
    _, evidence = place.run(limit=1)
    resumed = resume_on_aws(place.flow, earlier_there(evidence), {"limit": 10}, force=True)
    assert set(resumed.reused) == {"listed", "far", "far-2"}
    again, _ = place.ended(resumed.execution)
    assert json.loads(again.output) == [5, [0, 1, 2]]


def test_each_attempt_is_told(deployed):
    _, evidence = deployed("trying").run(n=2)
    [flaky, plus] = remote_run(evidence).task_runs
    assert (flaky.state, flaky.attempts) == ("SUCCEEDED", 3)
    assert [attempt.failed for attempt in flaky.tries] == [True, True, False]
    assert plus.attempts == 1


def test_a_worker_that_died_is_told_as_a_failed_attempt(deployed):
    execution, evidence = deployed("deadly").run()
    assert execution.status == "FAILED"
    assert told(evidence) == {"plus": ("SUCCEEDED", 1), "dying": ("FAILED", 2)}
    assert remote_run(evidence).error.type == "Runtime.ExitError"


def test_results_that_are_files_go_over_too(deployed):
    place = deployed("filed")
    _, evidence = place.run(limit=1)
    resumed = resume_on_aws(place.flow, earlier_there(evidence), {"limit": 10}, force=True)
    assert resumed.reused == ("letters",)
    again, _ = place.ended(resumed.execution)
    assert (again.status, again.output) == ("SUCCEEDED", "3")


def test_tasks_without_a_worker_are_told_and_run_again(deployed):
    place = deployed("looking")
    _, evidence = place.run(limit=1)
    assert told(evidence)["s3-headBucket"] == ("SUCCEEDED", 1)
    resumed = resume_on_aws(place.flow, earlier_there(evidence), {"limit": 10}, force=True)
    assert (resumed.reused, resumed.again) == (("bucket",), ("s3-headBucket", "after"))
    again, _ = place.ended(resumed.execution)
    assert again.output == "3"


def test_a_run_in_several_machines_is_one_run(deployed):
    place = deployed("long", parts=5_000)
    assert place.flow.parts
    execution, evidence = place.run(limit=1)
    assert nested(execution)
    assert told(evidence)["plus-10"] == ("SUCCEEDED", 1)
    resumed = resume_on_aws(place.flow, earlier_there(evidence), {"limit": 50}, force=True)
    assert resumed.again == ("checked",)
    again, _ = place.ended(resumed.execution)
    assert again.output == "10"


def test_stopping_a_run_stops_the_machines_in_it(deployed):
    place = deployed("long", parts=5_000)
    execution = start(place.flow, {"n": 20})
    while not any(each.status == "RUNNING" for each in nested(execution)):
        pass
    stopped = cancel(execution)
    assert stopped.status == "CANCELLED"
    assert {each.status for each in nested(stopped)} <= {"CANCELLED", "SUCCEEDED"}


def test_the_end_of_a_run_is_known_without_its_log(deployed, ministack, monkeypatch):
    place = deployed("beside")
    execution, evidence = place.run(n=2)
    assert told(evidence)["plus"] == ("SUCCEEDED", 1)  # though nobody reads what it returns
    monkeypatch.setattr(following, "_INGESTION", 0.5)  # seconds that it is waited for
    ministack.client("logs").delete_log_group(logGroupName=place.flow.log_group)
    later = complete(execution, place.flow.spec)
    assert later.records == []
    assert {name: state for name, (state, _) in told(later).items()} == {
        name: state for name, (state, _) in told(evidence).items()
    }


def test_a_redrive_of_a_run_that_did_not_fail_is_refused(deployed):
    place = deployed("numbers")
    execution, _ = place.run()
    with pytest.raises(ResumeError, match="is succeeded; only one that has failed"):
        redrive(execution)


def test_a_run_is_found_by_the_beginning_of_its_id(deployed):
    place = deployed("numbers")
    execution, _ = place.run()
    assert find_execution([place.flow], execution.run_id[:8]).arn == execution.arn
    assert find_execution([place.flow], "latest").arn == execution.arn


class Answering:
    """A target whose clients answer what a test says, for what no emulator does."""

    def __init__(self, **answers):
        self.answers = answers
        self.asked = []

    def client(self, service):
        return self

    def __getattr__(self, name):
        def call(**given):
            self.asked.append((name, given))
            answer = self.answers[name]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


def failed_execution(target, mode="micro"):
    stack = Stack(
        id="s",
        name="dagy-numbers",
        status="CREATE_COMPLETE",
        outputs={"StateMachineArn": "arn:m", "ExecutionMode": mode, "FlowName": "numbers"},
    )
    began = datetime(2026, 1, 31, tzinfo=UTC)
    flow = DeployedFlow(target, stack)
    return Execution(flow, "arn:e", "3f2a", "FAILED", began, began, redrivable="it is too old")


def machine(*comments):
    states = {f"state {number}": {"Comment": each} for number, each in enumerate(comments)}
    return {"definition": json.dumps({"StartAt": "state 0", "States": states})}


MACHINE = machine("extract", "load")


def test_a_failed_execution_is_redriven_with_its_own_code():
    target = Answering(describe_state_machine=MACHINE, redrive_execution={})
    assert "with the code that it began with" in redrive(failed_execution(target))
    assert target.asked[-1] == ("redrive_execution", {"executionArn": "arn:e"})


@pytest.mark.parametrize(
    "comments",
    [
        ["The whole flow: a"],
        ["What the container of The whole flow: a is told", "The whole flow: a"],
    ],
)
def test_a_redrive_that_would_be_of_no_use_is_refused(comments):
    target = Answering(describe_state_machine=machine(*comments))
    with pytest.raises(ResumeError, match="run all of it again; `dagy runs resume 3f2a --remote`"):
        redrive(failed_execution(target, "nano"))


def test_a_redrive_that_step_functions_refuses_says_why():
    refusal = ClientError(
        {"Error": {"Code": "ExecutionNotRedrivable", "Message": "no"}}, "RedriveExecution"
    )
    target = Answering(describe_state_machine=MACHINE, redrive_execution=refusal)
    with pytest.raises(ResumeError, match="cannot be redriven: it is too old"):
        redrive(failed_execution(target))
