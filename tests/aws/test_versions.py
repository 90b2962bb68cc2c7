"""Versions of a deployed flow: what is running goes on, the alias moves, old ones are removed."""

import json
import time

import pytest

from tests.aws.conftest import FLOW

SLOW = """
import time
from dagy import flow, task

@task
def wait(n: int) -> int:
    time.sleep(6)
    return n

@task
def told(n: int) -> str:
    return "first"

@flow
def numbers(n: int = 4):
    return told(wait(n))
"""


def versions(project):
    done = project.dagy("versions", project.name, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def start(project, machine):
    client = project.server.client("stepfunctions")
    return client.start_execution(stateMachineArn=machine, input="{}")["executionArn"]


def ended(project, execution):
    client = project.server.client("stepfunctions")
    while (found := client.describe_execution(executionArn=execution))["status"] == "RUNNING":
        time.sleep(0.05)
    return found["status"], json.loads(found.get("output", "null"))


def test_what_runs_finishes_on_the_code_it_began_with(project):
    project.write(SLOW)
    machine = project.deployed()["state_machine_arn"]
    running = start(project, machine)
    time.sleep(0.5)
    project.write(SLOW.replace("first", "second"))
    told = project.deployed("--keep", "1")
    assert told["state_machine_arn"] == machine
    assert not any("version" in each for each in told["pruned"])  # the old one is in use
    assert ended(project, running) == ("SUCCEEDED", "first")
    assert ended(project, start(project, machine)) == ("SUCCEEDED", "second")


def test_rolling_back_moves_the_alias_and_the_next_deployment_moves_it_on(project):
    machine = project.deployed()["state_machine_arn"]
    project.write(FLOW.replace("2 * n", "3 * n"))
    assert project.deployed()["flow_version"] == "2"
    assert [each["current"] for each in versions(project)] == [True, False]
    assert {each["deployed_by"] for each in versions(project)} == {"arn:aws:iam::000000000000:root"}

    done = project.dagy("rollback", project.name)
    assert done.returncode == 0, done.stderr
    assert "now starts from version 1" in done.stdout
    assert [each["current"] for each in versions(project)] == [False, True]
    assert project.execute(machine).output == 16

    again = project.dagy("rollback", project.name, "1")
    assert "is at version 1" in again.stdout

    told = project.deployed()  # what is there is version 2, only not where executions start
    assert told["skipped"] is False
    assert [each["current"] for each in versions(project)] == [True, False]
    assert project.execute(machine).output == 36


def test_a_version_that_is_not_there_is_named_with_those_that_are(project):
    project.deployed()
    done = project.dagy("rollback", project.name, "9")
    assert done.returncode == 2
    assert "there is no version '9'; there are 1" in done.stderr
    done = project.dagy("rollback", project.name)
    assert "no version before the current one" in done.stderr


def test_old_versions_are_removed_with_what_only_they_need(project):
    for factor in (2, 3, 4, 5):
        project.write(FLOW.replace("2 * n", f"{factor} * n"))
        told = project.deployed("--keep", "2")
    assert [each["version"] for each in versions(project)] == ["4", "3"]
    assert any(each.startswith("version") for each in told["pruned"])
    assert any(each.startswith("upload") for each in told["pruned"])
    client = project.server.client("lambda")
    [function] = [
        each["FunctionName"]
        for each in project.server.listed("lambda", "list_functions", "Functions")
        if each["FunctionName"].startswith(project.stack_name)
    ]
    published = client.list_versions_by_function(FunctionName=function)["Versions"]
    assert len(published) == 3  # $LATEST, and one for each version that is kept
    project.dagy("rollback", project.name, "3")
    assert project.execute(told["state_machine_arn"], n=1).output == 16


def test_a_flow_that_is_not_deployed_is_named_with_those_that_are(project):
    project.deployed()
    done = project.dagy("versions", project.name + "x")
    assert done.returncode == 2
    assert f"flow '{project.name}x' is not deployed" in done.stderr
    assert project.name in done.stderr


def test_flows_are_listed(project):
    project.deployed("--flow-version", "blue")
    done = project.dagy("flows", "list", "--json")
    [found] = [each for each in json.loads(done.stdout) if each["name"] == project.name]
    assert (found["flow"], found["version"], found["execution_mode"]) == (
        "numbers",
        "blue",
        "micro",
    )
    assert found["running"] == 0
    assert project.name in project.dagy("flows", "list").stdout


@pytest.mark.parametrize("first", ["micro", "small"])
def test_nothing_is_left_of_a_flow_that_is_destroyed(project, first):
    project.deployed(
        *(["-m", first, "--parameter", "SubnetIds=subnet-1", "--parameter", "SecurityGroupIds=sg-1"]
          if first == "small" else [])
    )  # fmt: skip
    project.write(FLOW.replace("2 * n", "3 * n"))
    told = project.deployed()
    project.execute(told["state_machine_arn"])
    done = project.dagy("destroy", project.name)
    assert done.returncode == 2
    assert "say --yes" in done.stderr
    done = project.dagy("destroy", project.name, "--yes")
    assert done.returncode == 0, done.stderr
    assert remains(project) == []
    assert "is not deployed" in project.dagy("destroy", project.name, "--yes").stderr


def remains(project):
    """The names of what any service still has of a project."""
    server = project.server
    found = [
        *(
            each["StackName"]
            for each in server.listed("cloudformation", "describe_stacks", "Stacks")
        ),
        *(each["RoleName"] for each in server.listed("iam", "list_roles", "Roles")),
        *(each["FunctionName"] for each in server.listed("lambda", "list_functions", "Functions")),
        *(
            each["name"]
            for each in server.listed("stepfunctions", "list_state_machines", "stateMachines")
        ),
        *(
            each["logGroupName"]
            for each in server.listed("logs", "describe_log_groups", "logGroups")
        ),
        *(each["Name"] for each in server.client("s3").list_buckets()["Buckets"]),
        *server.listed("ecs", "list_clusters", "clusterArns"),
        *server.listed("ecs", "list_task_definitions", "taskDefinitionArns"),
        *(
            each["Key"]
            for each in server.client("s3")
            .list_objects_v2(Bucket="dagy-artifacts-000000000000-us-east-1")
            .get("Contents", ())
        ),
    ]
    return [each for each in found if project.stack_name in each]
