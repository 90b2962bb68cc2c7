"""`dagy deploy` as a user meets it, on an emulated AWS."""

import json
import random
import signal
import subprocess
import time

from tests.aws.conftest import FLOW


def test_what_is_deployed_gives_what_the_laptop_gives(project):
    told = project.deployed()
    here = project.dagy("run", "numbers_flow.py", "--param", "n=5", "--json")
    there = project.execute(told["state_machine_arn"], n=5)
    assert there.status == "SUCCEEDED"
    assert there.output == json.loads(here.stdout)["result"] == 20


def test_the_same_again_is_left_alone(project):
    project.deployed()
    before = project.stack()
    again = project.deploy()
    assert again.returncode == 0
    assert "Skipped: version 1 of numbers is deployed as it is" in again.stdout
    assert project.stack() == before
    assert project.deployed()["skipped"] is True


def test_a_changed_flow_becomes_the_next_version(project):
    project.deployed()
    project.write(FLOW.replace("2 * n", "3 * n"))
    told = project.deployed()
    assert told["skipped"] is False
    assert {change["resource"] for change in told["changes"]} >= {"StateMachine"}
    assert project.execute(told["state_machine_arn"]).output == 36


def test_a_dry_run_shows_the_changes_and_makes_none(project):
    done = project.deploy("--dry-run")
    assert done.returncode == 0, done.stderr
    assert f"To make stack {project.stack_name}:" in done.stdout
    assert "+  StateMachine" in done.stdout
    assert "Nothing was changed." in done.stdout
    assert project.stack() is None


def test_permissions_are_changed_only_by_who_says_so(project):
    done = project.deploy()
    assert done.returncode == 2
    assert "of permissions would be made; look at them, and say --yes" in done.stderr
    assert project.stack() is None


def test_tags_are_on_everything(project):
    project.deployed("--tags", "team=data", "--tags", "urgent")
    tags = {tag["Key"]: tag["Value"] for tag in project.stack()["Tags"]}
    assert tags == {"dagy:flow": "numbers", "team": "data", "urgent": "true"}


def test_an_environment_is_a_stack_of_its_own(project):
    project.deployed()
    told = project.deployed("--environment", "staging")
    assert told["stack_name"] == f"{project.stack_name}-staging"
    assert told["deployment_name"] == f"{project.name}-staging"
    assert project.execute(told["state_machine_arn"]).output == 16


def test_the_stack_of_another_flow_is_not_touched(project):
    project.deployed()
    project.write(FLOW.replace("def numbers", "def others"))
    done = project.deploy("--yes")
    assert done.returncode == 2
    assert f"stack {project.stack_name} is that of flow 'numbers'" in done.stderr
    assert project.execute(json.loads(_outputs(project)["StateMachineArn"])).output == 16


def _outputs(project):
    return {
        each["OutputKey"]: json.dumps(each["OutputValue"]) for each in project.stack()["Outputs"]
    }


def test_without_a_target_the_flow_runs_here(project):
    done = project.deploy("--json", AWS_REGION="")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["result"] == 16
    assert "no AWS target is named, so the flow runs here" in done.stderr
    assert project.stack() is None


def test_without_credentials_the_error_says_what_to_do(project):
    done = project.deploy("--yes", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert done.returncode == 2
    assert "there are no AWS credentials; sign in" in done.stderr
    assert "Traceback" not in done.stderr


def test_two_at_once_end_as_one_after_the_other(project):
    project.write(FLOW)
    both = [
        subprocess.Popen(
            project.command(*project.deploying, "--yes"),
            cwd=project.folder,
            env=project.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in both:
        _, stderr = process.communicate(timeout=600)
        assert process.returncode == 0, stderr
    assert project.stack()["StackStatus"] in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}


def test_a_deployment_that_is_killed_anywhere_is_mended_by_the_next(project):
    chance = random.Random(f"{project.name}")
    for round_ in range(10):
        project.write(FLOW.replace("2 * n", f"{round_ + 2} * n"))
        process = subprocess.Popen(
            project.command(*project.deploying, "--yes"),
            cwd=project.folder,
            env=project.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(chance.uniform(0.3, 1.6))
        process.send_signal(signal.SIGKILL)
        process.wait()
        told = project.deployed()
        assert project.execute(told["state_machine_arn"], n=1).output == (round_ + 2) ** 2


def test_what_a_stack_needs_and_nobody_gave_is_named_with_the_option(project):
    done = project.deploy("-m", "small", "--yes")
    assert done.returncode == 2
    assert "--subnet: Subnets" in done.stderr
    assert "--security-group: Security groups" in done.stderr
    assert project.stack() is None
