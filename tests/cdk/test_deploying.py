"""Deploying with the CDK, by `dagy deploy` and by hand in the bundle's folder: the same stack."""

import json
import time

from tests.aws.conftest import FLOW, Project
from tests.cdk.conftest import CdkProject

HELD = """
import pathlib
import time

from dagy import flow, task

@task
def hold(n: int, reached: str, go_on: str) -> int:
    pathlib.Path(reached).touch()
    while not pathlib.Path(go_on).exists():
        time.sleep(0.05)
    return n

@task
def multiply(n: int) -> int:
    return 2 * n

@flow
def numbers(n: int, reached: str, go_on: str) -> int:
    return multiply(hold(n, reached, go_on))
"""


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def resources(project):
    """The resources of a project's stack without where their code is, which the tools say apart,
    and without its name."""
    template = project.server.client("cloudformation").get_template(StackName=project.stack_name)
    text = json.dumps(template["TemplateBody"]).replace(project.name, "NAME")
    found = json.loads(text)["Resources"]  # in any order
    for resource in found.values():
        resource["Properties"].pop("Code", None)
        resource.pop("Metadata", None)
        if not resource.get("DependsOn"):
            resource.pop("DependsOn", None)
    return found


def test_from_the_first_deployment_until_nothing_is_left(project):
    told = project.deployed("--with", "cdk")
    here = project.dagy("run", "numbers_flow.py", "--param", "n=5", "--json")
    there = project.execute(told["state_machine_arn"], n=5)
    assert there.output == json.loads(here.stdout)["result"] == 20

    before = project.stack()
    assert project.deployed("--with", "cdk")["skipped"] is True
    assert project.stack() == before

    assert project.left()
    destroyed = project.dagy("destroy", project.name, "--yes")
    assert destroyed.returncode == 0, destroyed.stderr
    assert project.stack() is None
    assert project.left() == []


def test_an_execution_under_way_ends_on_the_version_that_it_began_with(project, tmp_path):
    project.write(HELD)
    told = project.deployed("--with", "cdk")
    reached, go_on = tmp_path / "reached", tmp_path / "go-on"
    client = project.server.client("stepfunctions")
    given = {"n": 1, "reached": str(reached), "go_on": str(go_on)}
    old = client.start_execution(
        stateMachineArn=told["state_machine_arn"], input=json.dumps(given)
    )["executionArn"]
    wait_for(reached.exists)

    project.write(HELD.replace("2 * n", "3 * n"))
    changed = project.deployed("--with", "cdk")
    assert changed["stack_name"] == told["stack_name"]
    assert changed["state_machine_arn"] == told["state_machine_arn"]
    go_on.touch()
    assert project.execute(changed["state_machine_arn"], **given).output == 3
    wait_for(lambda: client.describe_execution(executionArn=old)["status"] != "RUNNING")
    assert client.describe_execution(executionArn=old)["output"] == "2"


def test_both_tools_make_the_same_resources(project, tmp_path):
    told = project.deployed()  # the account is bootstrapped, so this is the CDK
    assert told["skipped"] is False
    other = Project(tmp_path, project.server)
    other.deployed("--with", "cloudformation")
    assert resources(project) == resources(other)
    cdk_assets = [each["ParameterKey"] for each in project.stack()["Parameters"]]
    assert "ArtifactBucket" not in cdk_assets


def test_the_folder_of_a_bundle_is_a_cdk_app_as_it_is(project):
    project.dagy("build", "numbers_flow.py", "-m", "micro")
    [bundle] = (project.folder / "dagy-build").iterdir()
    synthesized = project.cdk(bundle, "synth", "--quiet")
    assert synthesized.returncode == 0, synthesized.stderr
    template = bundle / "cdk.out" / "dagy-numbers.template.json"
    names = set(json.loads(template.read_bytes())["Resources"])

    deployed = project.cdk(bundle, "deploy", "--app=cdk.out", "--require-approval=never")
    assert deployed.returncode == 0, deployed.stderr
    project.name = "numbers"
    assert set(resources(project)) == names

    same = project.cdk(bundle, "diff", "--app=cdk.out", "--fail")
    assert same.returncode == 0, same.stderr

    destroyed = project.cdk(bundle, "destroy", "--app=cdk.out", "--force")
    assert destroyed.returncode == 0, destroyed.stderr
    assert project.stack() is None
    assert not any("StateMachine-" in name for name in project.left())
    # What executions under way may need outlives the stack, whoever deletes it.
    destroyed = project.dagy("destroy", "numbers", "--yes")
    assert destroyed.returncode == 0, destroyed.stderr
    assert project.left() == []


def test_an_account_that_is_not_bootstrapped_is_deployed_to_by_cloudformation(tmp_path, ministack):
    project = CdkProject(tmp_path, ministack)
    project.write(FLOW)
    assert project.deployed()["deployed"] is True
    done = project.deploy("--yes", "--force", "--with", "cdk")
    assert done.returncode == 2
    assert "bootstrap" in done.stderr
    assert "--with cloudformation" in done.stderr


def test_a_tool_that_is_not_there_is_refused(project):
    done = project.deploy("--with", "terraform")
    assert done.returncode == 2
    assert "--with terraform: no such tool; it is cdk or cloudformation" in done.stderr
