"""The stack of a flow: what is in it, and that each role may do what its resource does and no more."""

import base64
import json
import re
from pathlib import Path

import pytest

from dagy.errors import LimitError
from dagy_compiler import compile_flow
from dagy_compiler.bootstrap import __file__ as BOOTSTRAP
from dagy_compiler.versions import Code
from tests.compiler.cases import (
    CASES,
    PLACED,
    executor_of_its_own,
    mapped,
    needs_of_their_own,
    plain_chain,
)
from tests.compiler.flows import Flow, output
from tests.compiler.stacks import CODE, HASHED, allowed, of_type, plainly, stack_of, statements


def planned(spec, mode):
    return compile_flow(spec, mode=mode).plan


def made(spec, mode="micro"):
    return plainly(stack_of(planned(spec, mode)))


LOG = {(f"logs:{action}", "WorkerLogGroup.Arn") for action in ("CreateLogStream", "PutLogEvents")}
VALUES = {(f"s3:{action}", "${DataBucket.Arn}/*") for action in ("GetObject", "PutObject")}
INVOKE = {("lambda:InvokeFunction", "${WorkerFunction.Arn}:*")}


def test_nano_is_one_function_without_a_bucket():
    stack = made(plain_chain(), "nano")
    assert set(stack["Resources"]) == {
        "WorkerLogGroup", "WorkerRole", "WorkerFunction", "WorkerFunctionVersion",
        "StateMachineRole", "StateMachine", "StateMachineVersion", "Alias",
    }  # fmt: skip
    assert allowed(stack) == {"WorkerRole": LOG, "StateMachineRole": INVOKE}
    function = of_type(stack, "AWS::Lambda::Function")["WorkerFunction"]
    assert function["Environment"] == {"Variables": {"DAGY_CODE_HASH": CODE.hash}}


def test_micro_has_a_bucket_for_what_is_too_large_for_a_state():
    stack = made(plain_chain(), "micro")
    assert allowed(stack) == {"WorkerRole": LOG | VALUES, "StateMachineRole": INVOKE}
    function = of_type(stack, "AWS::Lambda::Function")["WorkerFunction"]
    variables = {"DAGY_CODE_HASH": CODE.hash, "DAGY_BUCKET": {"Ref": "DataBucket"}}
    assert function["Environment"] == {"Variables": variables}


def test_the_bucket_is_private_encrypted_tls_only_and_empties_itself():
    stack = made(plain_chain(), "micro")
    bucket = of_type(stack, "AWS::S3::Bucket")["DataBucket"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert "AES256" in json.dumps(bucket["BucketEncryption"])
    [rule] = bucket["LifecycleConfiguration"]["Rules"]
    assert (rule["ExpirationInDays"], rule["Status"]) == (30, "Enabled")
    [deny] = of_type(stack, "AWS::S3::BucketPolicy")["DataBucketPolicy"]["PolicyDocument"][
        "Statement"
    ]
    assert (deny["Effect"], deny["Condition"]) == (
        "Deny",
        {"Bool": {"aws:SecureTransport": "false"}},
    )
    assert stack["Resources"]["DataBucket"]["DeletionPolicy"] == "Retain"


def test_equal_needs_are_one_function_and_secrets_are_read_by_those_that_name_them():
    stack = made(needs_of_their_own())
    functions = of_type(stack, "AWS::Lambda::Function")
    assert set(functions) == {
        "WorkerFunction", "WorkerFunction4096MbArm64", "WorkerFunctionEnv0e5e47"
    }  # fmt: skip
    large = functions["WorkerFunction4096MbArm64"]
    assert (large["MemorySize"], large["Architectures"]) == (4096, ["arm64"])
    found = allowed(stack)
    secret = ("ssm:GetParameter", "arn:ssm:::parameter/prod/token")
    assert found["WorkerRole"] == LOG | VALUES
    [with_secrets] = [role for role in found if role.startswith("WorkerRoleEnv")]
    assert found[with_secrets] == LOG | VALUES | {secret}
    assert functions["WorkerFunctionEnv0e5e47"]["Role"] == {"Fn::GetAtt": [with_secrets, "Arn"]}
    assert {arn for _, arn in found["StateMachineRole"]} == {
        f"${{{name}.Arn}}:*" for name in functions
    }


@pytest.mark.parametrize(
    ("reference", "action", "arn"),
    [
        (
            "secretsmanager:prod/db",
            "secretsmanager:GetSecretValue",
            "arn:secretsmanager:::secret:prod/db-??????",
        ),
        (
            "secretsmanager:arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf",
            "secretsmanager:GetSecretValue",
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf",
        ),
        ("ssm:name", "ssm:GetParameter", "arn:ssm:::parameter/name"),
    ],
)
def test_a_secret_may_be_read_where_it_is_kept(reference, action, arn):
    stack = made(Flow().task("load", secrets={"TOKEN": reference}).returns())
    assert any((action, arn) in found for found in allowed(stack).values())


def test_variables_storage_and_memory_are_the_functions():
    needs = {"environment": {"STAGE": "prod"}, "ephemeral_storage_mb": 2048, "memory_mb": 512}
    [function] = of_type(
        made(Flow().task("load", **needs).returns()), "AWS::Lambda::Function"
    ).values()
    assert function["Environment"]["Variables"]["STAGE"] == "prod"
    assert function["EphemeralStorage"] == {"Size": 2048}
    assert function["MemorySize"] == 512


def test_containers_run_in_a_network_that_is_given_and_on_an_image_that_is_public():
    stack = made(executor_of_its_own())
    assert set(stack["Parameters"]) == {
        "ArtifactBucket", "ArtifactKey", "SubnetIds", "SecurityGroupIds", "AssignPublicIp",
        "ContainerImage", "ImageRepositoryArn",
    }  # fmt: skip
    image = stack["Parameters"]["ContainerImage"]["Default"]
    assert image == "public.ecr.aws/docker/library/python:3.12-slim"
    definition = of_type(stack, "AWS::ECS::TaskDefinition")["TaskDefinition4096Cpu16384Mb"]
    assert (definition["Cpu"], definition["Memory"]) == ("4096", "16384")
    [container] = definition["ContainerDefinitions"]
    assert container["LogConfiguration"]["LogDriver"] == "awslogs"
    assert container["EntryPoint"] == ["python", "-c", Path(BOOTSTRAP).read_text()]
    assert {variable["Name"] for variable in container["Environment"]} == {
        "DAGY_BUCKET", "DAGY_ARTIFACT_BUCKET", "DAGY_ARTIFACT_KEY", "DAGY_ARTIFACT_SHA256",
        "DAGY_CODE_HASH", "PYTHONUNBUFFERED",
    }  # fmt: skip
    assert "SubnetIds" not in made(plain_chain())["Parameters"]


def test_what_starts_a_container_and_what_runs_in_it_have_roles_apart():
    stack = made(executor_of_its_own())
    found = allowed(stack)
    assert found["ExecutionRole"] == LOG | {
        ("ecr:BatchGetImage", "ImageRepositoryArn"),
        ("ecr:GetDownloadUrlForLayer", "ImageRepositoryArn"),
        ("ecr:GetAuthorizationToken", "*"),
    }
    assert found["TaskRole"] == VALUES | {
        ("s3:GetObject", "arn:s3:::${ArtifactBucket}/${ArtifactKey}"),
        ("states:SendTaskFailure", "StateMachine"),
        ("states:SendTaskHeartbeat", "StateMachine"),
        ("states:SendTaskSuccess", "StateMachine"),
    }
    assert found["StateMachineRole"] == INVOKE | {
        ("ecs:RunTask", "arn:ecs:::task-definition/${AWS::StackName}-4096Cpu16384Mb:*"),
        ("iam:PassRole", "ExecutionRole.Arn"),
        ("iam:PassRole", "TaskRole.Arn"),
    }
    conditions = {
        statement["Action"][0]: statement.get("Condition") for _, statement in statements(stack)
    }
    assert conditions["ecs:RunTask"] == {
        "ArnEquals": {"ecs:cluster": {"Fn::GetAtt": ["Cluster", "Arn"]}}
    }
    assert conditions["iam:PassRole"] == {
        "StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
    }
    assert stack["Resources"]["PullImage"]["Condition"] == "OwnImage"


def test_the_items_of_a_large_map_are_executions_that_the_state_machine_may_start():
    found = allowed(made(mapped()))["StateMachineRole"]
    items = "arn:states:::execution:${StateMachine.Name}"
    assert found == INVOKE | {
        ("states:StartExecution", "StateMachine"),
        ("states:DescribeExecution", f"{items}:*"),
        ("states:StopExecution", f"{items}:*"),
        ("states:RedriveExecution", f"{items}/*"),
    }


def test_a_flow_on_fargate_has_one_function_that_keeps_what_containers_are_told():
    stack = made(plain_chain(), "medium")
    assert set(of_type(stack, "AWS::Lambda::Function")) == {"WorkerFunction"}
    assert set(of_type(stack, "AWS::ECS::TaskDefinition")) == {"TaskDefinitionMedium"}
    assert allowed(stack)["WorkerRole"] == LOG | VALUES


def test_whatever_a_definition_leaves_open_is_filled_in():
    for case in PLACED:
        for mode in ("nano", "micro", "large"):
            machine = of_type(made(case(), mode), "AWS::StepFunctions::StateMachine")[
                "StateMachine"
            ]
            open_names = set(re.findall(r"\$\{(\w+)\}", json.dumps(machine["Definition"])))
            assert open_names == set(machine["DefinitionSubstitutions"]), (case.__name__, mode)


@pytest.mark.parametrize("case", [*CASES, *PLACED], ids=lambda case: case.__name__)
@pytest.mark.parametrize("mode", ["nano", "micro", "medium"])
def test_nothing_depends_on_itself(case, mode):
    resources = made(case(), mode)["Resources"]
    after = {
        name: {other for other in resources if mentions(resource, other)}
        for name, resource in resources.items()
    }
    done = set()
    while len(done) < len(after):
        ready = {name for name, needed in after.items() if needed <= done} - done
        assert ready, f"a circle among {set(after) - done}"
        done |= ready


def mentions(value, name):
    match value:
        case {"Ref": found} | {"Fn::GetAtt": [found, _]}:
            return found == name
        case {"Fn::Sub": text}:
            return f"${{{name}}}" in text or f"${{{name}." in text
        case dict():
            return any(mentions(item, name) for item in value.values())
        case list():
            return any(mentions(item, name) for item in value)
    return False


def test_definitions_name_versions_and_the_alias_leads_to_one():
    stack = made(executor_of_its_own())
    machine = of_type(stack, "AWS::StepFunctions::StateMachine")["StateMachine"]
    assert machine["DefinitionSubstitutions"]["WorkerFunctionArn"] == {
        "Ref": "WorkerFunctionVersion"
    }
    version = stack["Resources"]["StateMachineVersion"]
    assert version["DependsOn"] == ["ReportToStepFunctions"]
    assert version["Properties"] == {
        "Description": json.dumps({"version": "1", "code": CODE.hash}),
        "StateMachineArn": {"Ref": "StateMachine"},
        "StateMachineRevisionId": {"Fn::GetAtt": ["StateMachine", "StateMachineRevisionId"]},
    }
    alias = of_type(stack, "AWS::StepFunctions::StateMachineAlias")["Alias"]
    assert alias == {
        "Name": "current",
        "RoutingConfiguration": [
            {"StateMachineVersionArn": {"Ref": "StateMachineVersion"}, "Weight": 100}
        ],
    }


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("daily_etl", "daily_etl"),
        ("Daily: rows / été", "Daily-rows-t"),
        ("x" * 200, "x" * 60),
        ("日本", "flow"),
    ],
)
def test_the_machine_is_named_like_the_flow_within_80_characters(name, begins):
    machines = of_type(made(Flow(name).task("load").returns()), "AWS::StepFunctions::StateMachine")
    separator, [first, _] = machines["StateMachine"]["StateMachineName"]["Fn::Join"]
    assert (separator, first) == ("-", begins)
    assert re.fullmatch("[A-Za-z0-9_-]{1,60}", first)


def test_what_an_execution_under_way_needs_outlives_an_update_that_has_no_use_for_it():
    with_the_stack = {
        name
        for case in PLACED
        for name, resource in made(case())["Resources"].items()
        if resource.get("DeletionPolicy") != "RetainExceptOnCreate"
    }
    assert with_the_stack == {
        "WorkerLogGroup", "StateMachine", "Alias", "DataBucket", "DataBucketPolicy"
    }  # fmt: skip


@pytest.mark.parametrize("kind", HASHED)
def test_what_cannot_be_changed_under_an_execution_has_an_id_that_changes_with_it(kind):
    def ids(spec, code=CODE):
        return set(of_type(stack_of(planned(spec, "micro"), code), kind))

    spec = executor_of_its_own()
    assert ids(spec) == ids(executor_of_its_own())
    other_code = ids(spec, Code("c0de" * 16, "b52f" * 16))
    # A container fetches this code and no other, and the machine passes it its role.
    changed = {name[:-8] for name in ids(spec) - other_code}
    assert (
        changed
        == {
            "AWS::IAM::Role": {"StateMachineRole", "TaskRole"},
            "AWS::IAM::Policy": {"ReportToStepFunctions"},
            "AWS::Lambda::Version": {"WorkerFunctionVersion"},
        }[kind]
    )


def test_a_version_is_published_of_the_code_that_was_built_and_of_no_other():
    stack = stack_of(planned(plain_chain(), "nano"))
    [version] = of_type(stack, "AWS::Lambda::Version").values()
    # As Lambda tells hashes: in base 64.
    assert base64.b64decode(version["CodeSha256"]).hex() == CODE.artifact_hash


def test_a_function_that_is_to_be_otherwise_has_another_version():
    def version(**needs):
        stack = stack_of(planned(Flow().task("load", **needs).returns(), "nano"))
        [name] = of_type(stack, "AWS::Lambda::Version")
        return name[-8:]

    assert version() == version()
    assert len({version(), version(memory_mb=2048), version(environment={"A": "b"})}) == 3


def test_the_stack_says_what_it_runs():
    outputs = {name: each["Value"] for name, each in made(plain_chain())["Outputs"].items()}
    assert outputs["AliasArn"] == {"Ref": "Alias"}
    assert outputs["LogGroupName"] == {"Ref": "WorkerLogGroup"}
    assert outputs["CodeHash"] == CODE.hash
    assert (outputs["FlowVersion"], outputs["ExecutionMode"]) == ("1", "micro")


def test_more_places_than_a_role_can_name_are_refused():
    flow = Flow()
    for number in range(70):
        flow.task(f"t{number}", memory_mb=2000 + number)
    with pytest.raises(LimitError, match="IAM accepts 10,240; let more tasks have the same needs"):
        made(flow.returns())


def test_what_is_attached_to_a_role_apart_from_it_counts_as_well():
    flow = Flow()
    for number in range(62):
        flow.task(f"t{number}", memory_mb=2000 + number)
    made(flow.returns())
    mapped = flow.task("each", output("t0"), map_over=[0])
    with pytest.raises(LimitError, match="bring a role of yours"):
        made(mapped.returns())
