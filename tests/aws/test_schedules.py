"""Schedules on an emulated AWS: made, paused, kept paused, resumed; and their guards at work."""

import json
import subprocess
import sys
import time

from tests.aws.conftest import held_until

TIME = "2026-06-01T09:00:00Z"


def schedules(project):
    """The schedules of the stack, as EventBridge Scheduler tells of them."""
    resources = project.server.client("cloudformation").describe_stack_resources(
        StackName=project.stack_name
    )
    scheduler = project.server.client("scheduler")
    return [
        scheduler.get_schedule(Name=each["PhysicalResourceId"])
        for each in resources["StackResources"]
        if each["ResourceType"] == "AWS::Scheduler::Schedule"
    ]


def done(result):
    assert result.returncode == 0, result.stderr
    return result.stdout


def listed(project):
    told = json.loads(done(project.dagy("schedule", "list", "--json")))
    return next(each for each in told if each["name"] == project.name)


def test_a_flow_is_scheduled_paused_deployed_again_and_resumed(project):
    scheduled = ("--schedule", "0 9 * * 1-5", "--timezone", "Europe/Berlin")
    told = project.deploy("--yes", *scheduled)
    assert "at 09:00, on Monday to Friday (Europe/Berlin)" in done(told)
    [schedule] = schedules(project)
    alias = json.loads(done(project.deploy("--yes", "--json", *scheduled)))["state_machine_arn"]
    assert schedule["Target"]["Arn"] == alias
    assert schedule["ScheduleExpression"] == "cron(0 9 ? * 2-6 *)"
    assert schedule["State"] == "ENABLED"
    assert listed(project)["paused"] is False

    assert "is paused now" in done(project.dagy("schedule", "pause", project.name))
    assert [each["State"] for each in schedules(project)] == ["DISABLED"]
    assert "already" in done(project.dagy("schedule", "pause", project.name))
    assert listed(project)["paused"] is True
    assert listed(project)["next"] is None

    later = ("--schedule", "0 10 * * 1-5", "--timezone", "Europe/Berlin")
    done(project.deploy("--yes", *later))
    [schedule] = schedules(project)
    assert schedule["ScheduleExpression"] == "cron(0 10 ? * 2-6 *)"
    assert schedule["State"] == "DISABLED"

    assert "next" in done(project.dagy("schedule", "resume", project.name))
    assert [each["State"] for each in schedules(project)] == ["ENABLED"]

    done(project.deploy("--yes"))
    assert schedules(project) == []


def test_a_flow_without_a_schedule_cannot_be_paused(project):
    project.deployed()
    told = project.dagy("schedule", "pause", project.name)
    assert told.returncode == 2
    assert "has no schedule" in told.stderr


def guard(project, name):
    found = project.server.client("cloudformation").describe_stack_resource(
        StackName=project.stack_name, LogicalResourceId=name
    )
    return found["StackResourceDetail"]["PhysicalResourceId"]


def executions(project):
    [machine] = [
        each["OutputValue"]
        for each in project.stack()["Outputs"]
        if each["OutputKey"] == "StateMachineArn"
    ]
    found = project.server.client("stepfunctions").list_executions(stateMachineArn=machine)
    return {each["name"]: each["status"] for each in found["executions"]}


def fire(project, moment):
    """Do what EventBridge Scheduler does at a time; return what the guards put out."""
    for schedule in schedules(project):
        given = schedule["Target"]["Input"].replace("<aws.scheduler.scheduled-time>", moment)
        outcome = project.server.execute(schedule["Target"]["Arn"], json.loads(given))
        assert outcome.status == "SUCCEEDED", outcome
    return outcome.output


def wait_until_over(project):
    deadline = time.monotonic() + 300
    while "RUNNING" in executions(project).values():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_day_that_is_both_is_run_once(project):
    project.deployed("--schedule", "0 9 1 * mon")
    assert len(schedules(project)) == 2
    told = fire(project, "2026-06-01T09:00:00Z")
    assert told == {"skipped": "this time has been started already"}
    fire(project, "2026-06-08T09:00:00Z")
    assert set(executions(project)) == {
        "scheduled-2026-06-01T09-00-00Z",
        "scheduled-2026-06-08T09-00-00Z",
    }


def test_while_an_execution_runs_no_other_is_started(project):
    go_on = project.folder / "go-on"
    project.write(held_until(go_on))
    project.deployed("--schedule", "rate(1 minute)", "--no-overlap")
    alone = guard(project, "ScheduleAlone")
    told = [project.server.execute(alone, {"time": TIME}).output for _ in range(2)]
    assert told[1] == {"skipped": "another execution runs"}
    assert executions(project) == {"scheduled-1": "RUNNING"}
    go_on.touch()
    wait_until_over(project)
    go_on.unlink()
    project.server.execute(alone, {"time": TIME})
    assert executions(project) == {"scheduled-1": "SUCCEEDED", "scheduled-2": "RUNNING"}
    go_on.touch()
    wait_until_over(project)


def test_the_guards_pass_a_time_on_to_each_other(project):
    project.deployed("--schedule", "0 9 1 * mon", "--no-overlap")
    fire(project, TIME)
    deadline = time.monotonic() + 300
    while executions(project) != {"scheduled-1": "SUCCEEDED"}:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_nothing_is_left_of_a_schedule_when_the_flow_is_taken_off(project):
    project.deployed("--schedule", "0 9 1 * mon", "--no-overlap")
    done(project.dagy("destroy", project.name, "--yes"))
    listed = project.server.listed
    left = [
        *(each["Name"] for each in listed("scheduler", "list_schedules", "Schedules")),
        *(each["name"] for each in listed("stepfunctions", "list_state_machines", "stateMachines")),
        *(each["RoleName"] for each in listed("iam", "list_roles", "Roles")),
    ]
    assert [name for name in left if name.startswith(project.stack_name)] == []


def test_a_flow_is_scheduled_from_python(project):
    (project.folder / "ship.py").write_text(
        "from numbers_flow import numbers\n"
        f"print(numbers.deploy({project.name!r}, schedule='@daily').flow_name)\n"
    )
    ran = subprocess.run(
        [sys.executable, "ship.py"],
        cwd=project.folder,
        env=project.environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    [schedule] = schedules(project)
    assert schedule["ScheduleExpression"] == "cron(0 0 * * ? *)"
