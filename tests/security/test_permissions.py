"""Every action on every resource of every role, over all kinds of flows and settings."""

import re

import pytest

from dagy_compiler import compile_flow
from tests.compiler.cases import CASES, PLACED
from tests.compiler.stacks import allowed, of_type, plainly, stack_of, statements
from tests.security.stacks import SETTINGS

ENDINGS = (":*", "/*", "-??????")
"""Versions, revisions and executions; keys of a bucket; what Secrets Manager puts after a name."""

NOT_NARROWED = {
    "ecr:GetAuthorizationToken",
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}
"""Actions that know no resources (service authorization reference, read 2026-11), or that are asked
for before the resource has a name."""

SERVICES = {
    "ecs-tasks.amazonaws.com",
    "lambda.amazonaws.com",
    "scheduler.amazonaws.com",
    "states.amazonaws.com",
}


@pytest.fixture(scope="module")
def stacks():
    """Every case in every mode with every set of settings."""
    return [
        (f"{case.__name__} {mode} {name}", plainly(stack_of(plan, **settings)))
        for case in (*CASES, *PLACED)
        for mode in ("nano", "micro", "medium")
        for plan in [compile_flow(case(), mode=mode).plan]
        for name, settings in SETTINGS.items()
    ]


def test_no_role_may_do_more_than_is_named(stacks):
    for label, stack in stacks:
        for role, found in allowed(stack).items():
            for action, resource in found:
                assert re.fullmatch("[a-z0-9-]+:[A-Za-z]+", action), (label, role, action)
                if action in NOT_NARROWED:
                    continue
                for ending in ENDINGS:
                    resource = resource.removesuffix(ending)
                assert not re.search(r"[*?]|^$", resource), (label, role, action, resource)


def test_what_a_role_names_is_of_this_stack_or_named_by_the_flow(stacks):
    for label, stack in stacks:
        known = {*stack["Resources"], *stack["Parameters"]}
        for role, found in allowed(stack).items():
            for action, resource in found:
                names = re.findall(r"\$\{(\w+)[.}]", resource) or [resource.partition(".")[0]]
                foreign = resource.startswith("arn:") or action in NOT_NARROWED
                assert foreign or known.issuperset(names), (label, role, action, resource)


def test_every_role_is_used_and_taken_on_by_one_service(stacks):
    for label, stack in stacks:
        roles = of_type(stack, "AWS::IAM::Role")
        assert {role for role, _ in statements(stack)} == set(roles), label
        for role in roles.values():
            [trust] = role["AssumeRolePolicyDocument"]["Statement"]
            assert (trust["Effect"], trust["Action"]) == ("Allow", ["sts:AssumeRole"])
            assert set(trust["Principal"]) == {"Service"}
            assert trust["Principal"]["Service"] in SERVICES


def test_roles_are_passed_to_containers_only(stacks):
    passing = 0
    for _, stack in stacks:
        for _, statement in statements(stack):
            if "iam:PassRole" in statement["Action"]:
                passing += 1
                assert statement["Action"] == ["iam:PassRole"]
                assert statement["Condition"] == {
                    "StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
                }
    assert passing


def test_secrets_are_read_by_the_workers_of_the_tasks_that_name_them(stacks):
    reading = set()
    for _, stack in stacks:
        for role, found in allowed(stack).items():
            if any(
                action in {"ssm:GetParameter", "secretsmanager:GetSecretValue"}
                for action, _ in found
            ):
                reading.add(re.sub("Env[0-9a-f]{6}$", "Env", role))
    assert reading == {"TaskRoleEnv", "WebhookRole", "WorkerRoleEnv"}


def test_buckets_are_private_encrypted_and_reached_by_tls_only(stacks):
    for _, stack in stacks:
        policies = of_type(stack, "AWS::S3::BucketPolicy").values()
        for name, bucket in of_type(stack, "AWS::S3::Bucket").items():
            assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
            assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
            [owner] = bucket["OwnershipControls"]["Rules"]
            assert owner["ObjectOwnership"] == "BucketOwnerEnforced"
            [policy] = [each for each in policies if each["Bucket"] == {"Ref": name}]
            [deny] = policy["PolicyDocument"]["Statement"]
            assert (deny["Effect"], deny["Principal"]) == ("Deny", "*")
            assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
