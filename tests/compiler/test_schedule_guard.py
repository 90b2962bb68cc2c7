"""What stands between a schedule and a flow: each time once, and never two at once."""

import json
import threading

import pytest
from sfnx.testing import Failure, run

from dagy_compiler.schedule_guard import alone, once

TIME = "2026-03-22T18:59:43Z"
GIVEN = "$string({})"
MANUAL = [{"Name": f"by-hand-{n}", "Status": "SUCCEEDED"} for n in range(250)]


class Executions:
    """The executions of a machine, as Step Functions lists and starts them; newest first."""

    def __init__(self, *executions, hidden=0):
        self.executions = list(executions)
        self.hidden = hidden  # how many of the newest a list does not show yet
        self.started = []

    def __call__(self, call):
        given = call.arguments
        shown = self.executions[self.hidden :]
        if call.resource.endswith(":startExecution"):
            if any(each["Name"] == given["Name"] for each in self.executions):
                raise Failure("Sfn.ExecutionAlreadyExistsException", "")
            self.executions.insert(0, {"Name": given["Name"], "Status": "RUNNING"})
            self.started.append((given["Name"], json.loads(given["Input"])))
            return {"ExecutionArn": "arn"}
        if given.get("StatusFilter"):
            found = [each for each in shown if each["Status"] == given["StatusFilter"]]
            return {"Executions": found[: given["MaxResults"]]}
        start = int(given.get("NextToken", 0))
        end = start + given["MaxResults"]
        token = {"NextToken": str(end)} if end < len(shown) else {}
        return {"Executions": shown[start:end], **token}


def fire(machine, executions, time=TIME):
    done = run(machine.to_json(), {"time": time}, executions)
    assert done.error is None, done.cause
    return executions.started


def execution(name, status="SUCCEEDED"):
    return {"Name": name, "Status": status}


def test_a_time_is_started_once_however_often_it_comes():
    executions = Executions()
    fire(once("$string({'day': $states.input.time})"), executions)
    fire(once(GIVEN), executions)
    assert executions.started == [("scheduled-2026-03-22T18-59-43Z", {"day": TIME})]
    fire(once(GIVEN), executions, time="2026-03-22T19:00:00Z")
    assert len(executions.started) == 2


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ([], ["scheduled-1"]),
        ([execution("scheduled-7"), execution("scheduled-6")], ["scheduled-8"]),
        ([execution("scheduled-7", "FAILED")], ["scheduled-8"]),
        ([execution("scheduled-7", "RUNNING")], []),
        ([execution("by-hand", "RUNNING"), execution("scheduled-7")], []),
        ([execution("by-hand"), execution("scheduled-7")], ["scheduled-8"]),
        ([execution("scheduled-2026-01-01T00-00-00Z"), execution("scheduled-x")], ["scheduled-1"]),
        ([*MANUAL, execution("scheduled-41")], ["scheduled-42"]),
        (MANUAL, ["scheduled-1"]),
    ],
)
def test_none_is_started_while_another_runs(there, expected):
    executions = Executions(*there)
    assert [name for name, _ in fire(alone(GIVEN), executions)] == expected


def test_an_old_list_does_no_harm():
    """The newest execution runs, and the list does not have it yet."""
    executions = Executions(execution("scheduled-8", "RUNNING"), execution("scheduled-7"), hidden=1)
    assert fire(alone(GIVEN), executions) == []


def test_of_many_at_once_one_starts():
    executions = Executions(execution("scheduled-1"))
    at_once = threading.Barrier(5)
    lock = threading.Lock()

    def answer(call):
        if call.resource.endswith(":startExecution"):
            at_once.wait(timeout=30)  # all have looked before anyone starts
        with lock:
            return executions(call)

    threads = [
        threading.Thread(target=run, args=(alone(GIVEN).to_json(), {"time": TIME}, answer))
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert executions.started == [("scheduled-2", {})]


def test_a_busy_service_is_asked_again():
    executions, failed = Executions(), []

    def answer(call):
        if not failed:
            failed.append(call)
            raise Failure("Sfn.SfnException", "busy")
        return executions(call)

    fire(alone(GIVEN), executions)
    done = run(once(GIVEN).to_json(), {"time": TIME}, answer)
    assert done.error is None
    assert len(executions.started) == 2
