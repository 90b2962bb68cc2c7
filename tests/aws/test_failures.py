"""What CloudFormation refuses is told by what failed first, and the next deployment mends it."""

import json

import pytest

from dagy.aws.changes import StackRequest, create_change_set
from dagy.aws.deploy import Deployment, deploy, settled
from dagy.aws.stacks import find_stack
from dagy.errors import DeployError

GOOD = {"Log": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 7}}}
GONE = {
    "Gone": {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {
            "RoleArn": "arn:aws:iam::000000000000:role/any",
            "DefinitionS3Location": {"Bucket": "artifacts", "Key": "not-there"},
        },
        "DependsOn": ["Log"],
    }
}


class Bundle:
    """As much of a bundle as deploying looks at."""

    def __init__(self, name):
        self.manifest = {"stack_name": name, "bundle_hash": "another"}


class Prepares:
    """A preparer of a template of its own."""

    def __init__(self, cloudformation, resources):
        self._cloudformation = cloudformation
        self._template = json.dumps({"Resources": resources})

    def prepare(self, deployment, stack, *, again):
        request = StackRequest(deployment.stack_name, self._template)
        return create_change_set(self._cloudformation, stack, request)


@pytest.fixture
def cloudformation(ministack):
    return ministack.client("cloudformation")


@pytest.fixture
def attempt(ministack, cloudformation, project):
    """Deploy resources as the project's stack; return what CloudFormation said it did."""

    class Target:
        client = staticmethod(ministack.client)

    def attempt(resources):
        events = []
        deploy(
            Deployment(Bundle(project.stack_name)),
            Target,
            Prepares(cloudformation, resources),
            confirm=lambda changes: True,
            on_event=events.append,
        )
        return events

    return attempt


def test_the_error_names_what_failed_first_and_why(attempt):
    with pytest.raises(DeployError) as caught:
        attempt(GOOD | GONE)
    told = str(caught.value)
    assert "Gone (AWS::StepFunctions::StateMachine) failed first" in told
    assert "not-there" in told
    assert "What was uploaded is gone; deploy again with --force." in told


def test_what_was_never_made_as_a_whole_makes_way_for_the_next_attempt(
    attempt, cloudformation, project
):
    with pytest.raises(DeployError):
        attempt(GOOD | GONE)
    assert find_stack(cloudformation, project.stack_name).status == "ROLLBACK_COMPLETE"
    attempt(GOOD)
    assert find_stack(cloudformation, project.stack_name).status == "CREATE_COMPLETE"


def test_a_failed_update_leaves_the_stack_as_it_was(attempt, cloudformation, project):
    attempt(GOOD)
    with pytest.raises(DeployError, match="the flow is as it was before"):
        attempt(GOOD | GONE)
    stack = settled(cloudformation, project.stack_name, lambda event: None)
    assert stack.status == "UPDATE_ROLLBACK_COMPLETE"
    changed = {"Log": {**GOOD["Log"], "Properties": {"RetentionInDays": 14}}}
    assert attempt(changed)[-1].status == "UPDATE_COMPLETE"
