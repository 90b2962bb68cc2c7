"""`dagy backfill --remote` on an emulated AWS."""

import json
import threading

from dagy.aws.backfill import RemoteRunner
from dagy.aws.stacks import Stack
from dagy.backfill import slots_of
from tests.aws.conftest import FLOW, held_until

FAILING = FLOW.replace("return 2 * n", "return 2 * n if n != 3 else 1 / 0")


def backfill(project, *arguments):
    where = ("--remote", "--name", project.name)
    done = project.dagy("backfill", "numbers_flow.py", "--for", "n=2..4", *where, *arguments)
    return done.returncode, json.loads(done.stdout), done.stderr


def test_executions_are_started_once_and_again_where_they_failed(project):
    project.write(FAILING)
    project.deployed()
    code, told, _ = backfill(project, "--json", "--parallel", "3")
    assert code == 1
    assert told["counts"] == {"succeeded": 2, "failed": 1}
    [failed] = [run for run in told["runs"] if run["status"] == "FAILED"]
    assert failed["run_id"].startswith("backfill-3-")
    assert failed["run_id"].endswith("-1")
    assert "division by zero" in failed["error"]

    project.write(FLOW)
    project.deployed()
    code, told, err = backfill(project, "--json")
    assert code == 0, err
    assert told["counts"] == {"skipped": 2, "succeeded": 1}
    [made] = [run for run in told["runs"] if not run["skipped"]]
    assert made["run_id"] == failed["run_id"][:-1] + "2"

    code, told, _ = backfill(project, "--dry-run", "--json")
    assert [run["skipped"] for run in told] == [True, True, True]


def test_what_still_runs_is_waited_for_and_not_started_again(project):
    go_on = project.folder / "go-on"
    project.write(held_until(go_on))
    project.deployed()
    outputs = {each["OutputKey"]: each["OutputValue"] for each in project.stack()["Outputs"]}
    stack = Stack("id", project.stack_name, "CREATE_COMPLETE", outputs)
    stepfunctions = project.server.client("stepfunctions")
    [slot] = slots_of("numbers", ["n=2"], lambda _: {"n": 2})

    interrupted = RemoteRunner(stepfunctions, stack)
    interrupted.interrupt()
    left = interrupted.run(slot)
    assert left.status == "RUNNING"
    again = RemoteRunner(stepfunctions, stack)
    assert again.earlier(slot) is None
    threading.Timer(0.5, go_on.touch).start()
    ended = again.run(slot)
    assert (ended.status, ended.run_id) == ("SUCCEEDED", left.run_id)
    found = stepfunctions.list_executions(stateMachineArn=outputs["StateMachineArn"])
    assert len(found["executions"]) == 1


def test_a_secret_is_given_by_where_it_is_kept(project):
    text = FLOW.replace("def numbers(n: int = 4)", "def numbers(n: int, key: SecretStr)")
    project.write("from pydantic import SecretStr\n" + text)
    arguments = ("--for", "n=1..2", "--param", "key=s3cret", "--remote", "--name", project.name)
    told = project.dagy("backfill", "numbers_flow.py", *arguments)
    assert told.returncode == 2
    assert "where it is kept" in told.stderr
    assert "s3cret" not in told.stderr
