"""Deployments of changed code while executions run, on an emulated AWS."""

import json

import pytest

OLD = """
import os, time
from dagy import flow, task

@task
def wait_for(path):
    while not os.path.exists(path):
        time.sleep(0.02)
    return 1

@task
def report(number):
    return f"old {number}"

@flow
def changing(path):
    return report(wait_for(path))
"""

NEW = """
from dagy import flow, task

@task(memory_mb=2048, environment={"STAGE": "new"}, secrets={"TOKEN": "ssm:/prod/token"})
def count(path):
    return 2

@task(memory_mb=2048)
def report_all(number):
    return f"new {number}"

@flow
def changing(path):
    return report_all(count(path))
"""


@pytest.fixture
def build(dagy, tmp_path):
    """The bundle of a flow's code."""

    def build(name, code):
        (tmp_path / name).mkdir()
        (tmp_path / name / "changing.py").write_text(code)
        done = dagy("build", f"{name}/changing.py", "--execution-mode", "micro", "-o", name)
        assert done.returncode == 0, done.stderr
        return tmp_path / name / "changing"

    return build


@pytest.fixture(autouse=True)
def token(ministack):
    """The secret that the new version reads."""
    ministack.client("ssm").put_parameter(
        Name="/prod/token", Value="0123", Type="SecureString", Overwrite=True
    )


def template_of(bundle):
    return json.loads((bundle / "template.json").read_text())


def version_of(ministack, alias):
    """The version that an alias leads to."""
    found = ministack.client("stepfunctions").describe_state_machine_alias(
        stateMachineAliasArn=alias
    )
    [route] = found["routingConfiguration"]
    return route["stateMachineVersionArn"]


def test_an_execution_under_way_ends_as_it_began_and_the_next_one_is_of_the_new_version(
    build, ministack, tmp_path
):
    old, new = build("one", OLD), build("two", NEW)
    with ministack.deployed(old, template_of(old)) as stack:
        first = version_of(ministack, stack.alias)
        running = ministack.start(stack.alias, {"path": str(tmp_path / "go")})
        stack = ministack.deploy(stack.name, new, template_of(new))

        (tmp_path / "go").touch()
        assert ministack.ended(running).output == "old 1"
        assert ministack.execute(stack.alias, {"path": ""}).output == "new 2"
        assert version_of(ministack, stack.alias) != first
        # The first version is there still, as for a rollback.
        assert ministack.execute(first, {"path": str(tmp_path / "go")}).output == "old 1"


CONTAINED = """
import os, time
from dagy import flow, task

@task
def wait_for(path):
    while not os.path.exists(path):
        time.sleep(0.02)
    return 1

@task(executor="ecs")
def report(number):
    return f"{word} {{number}}"

@flow
def changing(path):
    return report(wait_for(path))
"""


def test_a_container_runs_the_code_that_its_execution_began_with(build, ministack, tmp_path):
    old, new = (
        build("one", CONTAINED.format(word="old")),
        build("two", CONTAINED.format(word="new")),
    )
    given = {"path": str(tmp_path / "go")}
    with ministack.deployed(old, template_of(old)) as stack, ministack.fargate(stack):
        running = ministack.start(stack.alias, given)
        stack = ministack.deploy(stack.name, new, template_of(new))
        (tmp_path / "go").touch()
        assert ministack.ended(running).output == "old 1"
        assert ministack.execute(stack.alias, given).output == "new 1"


def test_a_deployment_of_the_same_code_makes_no_version(build, ministack):
    bundle = build("one", NEW)
    with ministack.deployed(bundle, template_of(bundle)) as stack:
        first = version_of(ministack, stack.alias)
        changed = template_of(bundle)
        changed["Description"] = "the same but for this"
        stack = ministack.deploy(stack.name, bundle, changed)
        assert version_of(ministack, stack.alias) == first


@pytest.mark.parametrize("after", ["WorkerLogGroup", "StateMachine", "Alias"])
def test_an_update_that_fails_leaves_the_alias_where_it_was(build, ministack, tmp_path, after):
    old, new = build("one", OLD), build("two", NEW)
    (tmp_path / "go").touch()
    with ministack.deployed(old, template_of(old)) as stack:
        spoilt = template_of(new)
        spoilt["Resources"]["Wrong"] = {
            "Type": "AWS::StepFunctions::StateMachineAlias",
            "DependsOn": [after],
            "Properties": {
                "Name": "wrong",
                "RoutingConfiguration": [{"StateMachineVersionArn": "arn:none", "Weight": 100}],
            },
        }
        with pytest.raises(AssertionError, match="UPDATE_ROLLBACK_COMPLETE"):
            ministack.deploy(stack.name, new, spoilt)
        assert ministack.execute(stack.alias, {"path": str(tmp_path / "go")}).output == "old 1"

        stack = ministack.deploy(stack.name, new, template_of(new))
        assert ministack.execute(stack.alias, {"path": ""}).output == "new 2"
