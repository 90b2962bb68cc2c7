"""Runs on an emulated AWS, started, looked at, stopped and resumed as a user does it."""

import json
import re

import pytest

from tests.aws.conftest import Project

FLOW = """
import time
from dagy import branch, flow, task

LIMIT = 0

@task
def listed(n: int) -> list:
    print("listing", n)
    return list(range(n))

@task
def double(x: int) -> int:
    print("doubling", x)
    return 2 * x

@task
def text(xs: list) -> str:
    return "x" * 300_000

@task
def checked(xs: list, text: str, limit: int) -> int:
    if sum(xs) > limit:
        raise ValueError("too much: limit is {}".format(limit))
    return sum(xs) + len(text)

@task
def plus(x: int) -> int:
    return x + 1

@task
def slow(seconds: float) -> float:
    time.sleep(seconds)
    return seconds

@flow
def numbers(n: int = 3, limit: int = 100, more: bool = True, seconds: float = 0):
    xs = double.map(listed(n))
    total = checked(xs, text(xs), limit)
    slow(seconds)
    return branch(more, lambda: plus(total), lambda: total)
"""


@pytest.fixture(scope="module")
def micro(tmp_path_factory, ministack):
    made = Project(tmp_path_factory.mktemp("micro"), ministack)
    made.write(FLOW)
    made.deployed()
    return made


@pytest.fixture
def own(tmp_path, ministack):
    made = Project(tmp_path, ministack)
    made.write(FLOW)
    return made


def told(done, code=0):
    """What a command printed, as JSON."""
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def ran(project, *arguments, code=0):
    return told(project.dagy("run", project.name, "--remote", "--wait", "--json", *arguments), code)


def states(run):
    return {each["task_run_id"]: each["state"] for each in run["task_runs"]}


def test_a_run_there_is_told_as_one_here(micro):
    there = ran(micro, "-p", "n=2")
    here = told(micro.dagy("run", "numbers_flow.py", "-p", "n=2", "--json"))
    assert there["status"] == here["status"] == "SUCCEEDED"
    assert there["output"] == here["result"]
    assert states(there) == {each["id"]: each["state"] for each in here["task_runs"]}
    assert {each["task_run_id"]: each["attempts"] for each in there["task_runs"]} == {
        each["id"]: each["attempts"] for each in here["task_runs"]
    }


def test_without_waiting_it_is_said_how_to_follow(micro):
    done = micro.dagy("run", micro.name, "--remote")
    assert done.returncode == 0
    assert "Started run " in done.stdout
    assert "dagy runs show" in done.stdout


def test_parameters_that_do_not_fit_start_nothing(micro):
    before = len(told(micro.dagy("runs", "list", "--remote", "--flow", micro.name, "--json")))
    done = micro.dagy("run", micro.name, "--remote", "-p", "n=x", "-p", "m=1")
    assert done.returncode == 2
    assert "there is no parameter 'm'" in done.stderr
    assert "'n' must be int" in done.stderr
    after = len(told(micro.dagy("runs", "list", "--remote", "--flow", micro.name, "--json")))
    assert before == after


def test_a_failure_shows_where_what_it_was_given_and_which_code_it_ran(micro):
    run = ran(micro, "-p", "limit=1", code=1)
    assert run["failed_task"] == "checked"
    assert states(run)["plus"] == "SKIPPED"
    shown = micro.dagy("runs", "show", run["run_id"], "--remote", "--flow", micro.name)
    assert "ValueError: too much: limit is 1" in shown.stderr
    assert re.search(r'numbers_flow.py", line \d+, in checked', shown.stderr)
    assert "its arguments: xs 7 bytes, text 300,002 bytes, limit 1 bytes" in shown.stderr
    assert "of flow version 1, state machine version 1" in shown.stderr
    assert "FAILED" in shown.stdout


def test_what_tasks_said_is_told_with_their_names(micro):
    run = ran(micro, "-p", "n=2")
    done = micro.dagy("logs", run["run_id"], "--remote", "--flow", micro.name, "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {(line["task_run_id"], line["text"]) for line in lines} == {
        ("listed", "listing 2"),
        ("double[0]", "doubling 0"),
        ("double[1]", "doubling 1"),
    }


def test_a_run_is_watched_as_it_goes(micro):
    done = micro.dagy("run", micro.name, "--remote", "--watch", "--json-lines", "-p", "n=1")
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert (events[0]["task_run_id"], events[0]["state"]) == (None, "RUNNING")
    assert (events[-1]["task_run_id"], events[-1]["state"]) == (None, "SUCCEEDED")
    of_plus = [each["state"] for each in events if each["task_run_id"] == "plus"]
    assert of_plus == ["RUNNING", "SUCCEEDED"]


def test_a_run_that_is_stopped_is_cancelled(micro):
    started = told(micro.dagy("run", micro.name, "--remote", "--json", "-p", "seconds=20"))
    stopped = told(
        micro.dagy("runs", "cancel", started["run_id"], "--remote", "--flow", micro.name, "--json")
    )
    assert stopped["status"] == "CANCELLED"
    again = micro.dagy("runs", "cancel", started["run_id"], "--remote", "--flow", micro.name)
    assert again.returncode == 2
    assert "is over already: it is cancelled" in again.stderr


def test_a_failed_run_goes_on_there_with_its_results(micro):
    failed = ran(micro, "-p", "limit=1", code=1)
    resume = ("runs", "resume", failed["run_id"], "--remote", "--flow", micro.name)
    refused = micro.dagy(*resume, "-p", "limit=50")
    assert refused.returncode == 2
    assert "parameter 'limit' is 50, was 1" in refused.stderr
    new = told(micro.dagy(*resume, "-p", "limit=50", "--force", "--wait", "--json"))
    assert new["status"] == "SUCCEEDED"
    assert new["output"] == 300_007
    assert new["resumed_from"] == failed["run_id"]
    assert {"listed", "double", "text"} <= set(new["reused"])
    assert "checked" in new["run_again"]
    attempts = {each["task_run_id"]: each["attempts"] for each in new["task_runs"]}
    assert attempts["double[0]"] == attempts["text"] == 0
    assert attempts["checked"] == 1


def test_a_failed_run_goes_on_here_with_its_results(micro):
    failed = ran(micro, "-p", "limit=1", code=1)
    resume = ("runs", "resume", failed["run_id"], "--remote", "--flow", micro.name, "--to", "here")
    where = ("--file", "numbers_flow.py", "-p", "limit=50", "--force", "--json")
    new = told(micro.dagy(*resume, *where))
    assert new["result"] == 300_007
    messages = {each["id"]: each["message"] for each in new["task_runs"]}
    assert messages["text"] == messages["listed"] == f"from run {failed['run_id']}"


def test_a_run_that_failed_here_goes_on_there(micro):
    failed = told(micro.dagy("run", "numbers_flow.py", "-p", "limit=1", "--json"), code=1)
    resume = ("runs", "resume", failed["run_id"], "--to", "aws", "--flow", micro.name)
    new = told(micro.dagy(*resume, "-p", "limit=50", "--force", "--wait", "--json"))
    assert new["output"] == 300_007
    assert {"listed", "double", "text"} <= set(new["reused"])


def test_changed_code_is_used_where_that_is_asked_for(own):
    own.deployed()
    failed = ran(own, "-p", "limit=1", code=1)
    own.write(FLOW.replace("if sum(xs) > limit", "if sum(xs) > limit + 100"))
    own.deployed()
    resume = ("runs", "resume", failed["run_id"], "--remote", "--flow", own.name)
    refused = own.dagy(*resume)
    assert refused.returncode == 2
    assert "the code of task 'checked'" in refused.stderr
    new = told(own.dagy(*resume, "--force", "--wait", "--json"))
    assert new["output"] == 300_007
    assert "checked" not in new["reused"]


def test_a_whole_flow_in_one_invocation_is_told_task_by_task(own):
    own.deployed("-m", "nano")
    run = ran(own, "-p", "limit=1", code=1)
    assert states(run)["double[2]"] == "SUCCEEDED"
    assert run["failed_task"] == "checked"
    assert run["error"]["type"] == "ValueError"
    failed = told(own.dagy("run", "numbers_flow.py", "-p", "limit=1", "--json"), code=1)
    resume = ("runs", "resume", failed["run_id"], "--to", "aws", "--flow", own.name)
    new = told(own.dagy(*resume, "-p", "limit=50", "--force", "--wait", "--json"))
    assert new["output"] == 300_007
    assert {"listed", "double"} <= set(new["reused"])
    assert "text" in new["run_again"]  # it does not fit an execution's input
