"""Settings of a stack: where they come from, what is refused, and what each makes of the template."""

import json
import re

import pytest

from dagy.cli.settings import OPTIONS
from dagy.errors import CompileError, SettingsError
from dagy_compiler import compile_flow
from dagy_compiler.settings import Settings, settings_of
from dagy_compiler.settings_files import find_settings
from tests.compiler.cases import executor_of_its_own, mapped, plain_chain
from tests.compiler.flows import Flow
from tests.compiler.stacks import allowed, of_type, plainly, stack_of

ACCOUNT = "123456789012"
KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/teams/worker"
TOPIC = f"arn:aws:sns:eu-west-1:{ACCOUNT}:team"


@pytest.fixture
def project(tmp_path):
    """A flow's file, two folders down from where the settings may be."""
    folder = tmp_path / "flows" / "daily"
    folder.mkdir(parents=True)
    return folder / "daily.py"


def made(spec=None, mode="micro", **settings):
    plan = compile_flow(plain_chain() if spec is None else spec, mode=mode).plan
    return plainly(stack_of(plan, **settings))


# Where they come from


def test_an_option_goes_before_dagy_toml_and_that_before_pyproject(project, tmp_path):
    (tmp_path / "pyproject.toml").write_text(
        '[tool.dagy]\nlog_retention_days = 1\nxray = true\nkms_key = "' + KEY + '"\n'
        '[tool.dagy.tags]\nteam = "data"\nstage = "test"\n'
    )
    (tmp_path / "flows" / "dagy.toml").write_text(
        'log_retention_days = 3\nxray = false\n[tags]\nstage = "prod"\n'
    )
    found = find_settings(project, {"log_retention_days": 7, "tags": {"owner": "me"}})
    assert (found.log_retention_days, found.xray, found.kms_key) == (7, False, KEY)
    assert found.tags == {"team": "data", "stage": "prod", "owner": "me"}


def test_the_nearest_file_counts_and_none_is_needed(project, tmp_path):
    assert find_settings(project, {}) == Settings()
    (tmp_path / "dagy.toml").write_text("xray = true\nalarms = true\n")
    (project.parent / "dagy.toml").write_text("xray = true\n")
    assert find_settings(project, {}) == Settings(xray=True)


def test_a_project_file_of_other_tools_says_nothing(project, tmp_path):
    (tmp_path / "pyproject.toml").write_text('[tool.other]\nxray = "no"\n')
    assert find_settings(project, {}) == Settings()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("log_retention = 7", "dagy.toml: there is no setting 'log_retention'; did you mean 'log_"),
        ("xray = 'yes'", "dagy.toml: xray: should be a valid boolean"),
        ("xray =", "dagy.toml: is not TOML: Invalid value (at end of document)"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_its_name(project, tmp_path, text, message):
    (tmp_path / "dagy.toml").write_text(text)
    with pytest.raises(SettingsError, match=re.escape(message)):
        find_settings(project, {})


def test_each_setting_is_an_option_and_each_option_a_setting():
    assert list(OPTIONS) == list(Settings.model_fields)


def test_each_setting_is_in_the_documentation(request):
    text = (request.config.rootpath / "docs" / "stack.md").read_text(encoding="utf-8")
    for name, option in OPTIONS.items():
        [told] = option.__metadata__
        flag = told.default.partition("/")[0]  # typer keeps it there
        assert f"| `{name}` | `{flag}" in text


# What is refused


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"log_retention_days": 31}, "CloudWatch cannot keep logs for 31 days; 30 would do"),
        ({"log_retention_days": "7"}, "log_retention_days: should be a valid integer"),
        ({"data_retention_days": 0}, "should be greater than or equal to 1"),
        ({"worker_role": "worker"}, "'worker' is not the ARN of a role"),
        ({"kms_key": "alias/mine"}, "'alias/mine' is not the ARN of a KMS key"),
        ({"subnets": ["subnet-1", "net"]}, "subnets[1]: 'net' is not the id of a subnet"),
        ({"role_path": "teams"}, "is not a path, with / at its beginning and end"),
        ({"reserved_concurrency": 0}, "should be greater than or equal to 1"),
        ({"notify": "https://hooks.example.org/T0/B1/x"}, "the address of a webhook is a secret"),
        ({"notify": "somebody"}, "notify[0]: 'somebody' is no e-mail address"),
        ({"tags": {"aws:x": "1"}}, "'aws:x' cannot be a tag"),
        ({"tags": {"dagy:flow": "other"}}, "'dagy:flow' cannot be a tag"),
        ({"tags": {f"k{n}": "v" for n in range(46)}}, "there are 46 tags"),
    ],
)
def test_what_aws_would_not_accept_is_refused(values, message):
    with pytest.raises(SettingsError, match=re.escape(message)):
        settings_of(values)


def test_the_address_of_a_webhook_is_not_repeated_in_the_refusal():
    with pytest.raises(SettingsError) as caught:
        settings_of({"notify": "https://hooks.example.org/T0/B1/secret"})
    assert "secret;" in str(caught.value)
    assert "T0" not in str(caught.value)


# What each makes of the template


def test_logs_and_values_are_kept_as_long_as_is_asked():
    stack = made(log_retention_days=7, data_retention_days=2, keep_data=False)
    assert of_type(stack, "AWS::Logs::LogGroup")["WorkerLogGroup"]["RetentionInDays"] == 7
    [rule] = of_type(stack, "AWS::S3::Bucket")["DataBucket"]["LifecycleConfiguration"]["Rules"]
    assert rule["ExpirationInDays"] == 2
    assert stack["Resources"]["DataBucket"]["DeletionPolicy"] == "Delete"


def test_values_go_to_a_bucket_of_ones_own_below_the_name_of_the_stack():
    stack = made(executor_of_its_own(), data_bucket="my-values")
    assert not of_type(stack, "AWS::S3::Bucket")
    own = "arn:s3:::my-values/${AWS::StackName}/*"
    for role in ("WorkerRole", "TaskRole"):
        assert {("s3:GetObject", own), ("s3:PutObject", own)} <= allowed(stack)[role]
    variable = {"Fn::Sub": "my-values/${AWS::StackName}"}
    function = of_type(stack, "AWS::Lambda::Function")["WorkerFunction"]
    assert function["Environment"]["Variables"]["DAGY_BUCKET"] == variable
    [definition] = of_type(stack, "AWS::ECS::TaskDefinition").values()
    [container] = definition["ContainerDefinitions"]
    assert {"Name": "DAGY_BUCKET", "Value": variable} in container["Environment"]
    outputs = {name: each["Value"] for name, each in stack["Outputs"].items()}
    assert outputs["DataBucketName"] == "my-values"
    assert outputs["DataPrefix"] == {"Fn::Sub": "${AWS::StackName}/"}


def test_roles_of_ones_own_are_taken_as_they_are():
    stack = made(
        executor_of_its_own(), worker_role=ROLE, state_machine_role=ROLE, execution_role=ROLE
    )
    assert not of_type(stack, "AWS::IAM::Role")
    assert not of_type(stack, "AWS::IAM::Policy")
    assert of_type(stack, "AWS::Lambda::Function")["WorkerFunction"]["Role"] == ROLE
    assert of_type(stack, "AWS::StepFunctions::StateMachine")["StateMachine"]["RoleArn"] == ROLE
    [definition] = of_type(stack, "AWS::ECS::TaskDefinition").values()
    assert (definition["TaskRoleArn"], definition["ExecutionRoleArn"]) == (ROLE, ROLE)


def test_with_a_role_of_ones_own_dagy_need_not_know_what_iam_calls_a_call():
    flow = Flow("spaces").service("space", "aws-sdk:codecatalyst:getSpace", Name="s").returns(None)
    with pytest.raises(CompileError, match="aws_task 'aws-sdk:codecatalyst:getSpace'"):
        made(flow)
    stack = made(flow, state_machine_role=ROLE)
    assert of_type(stack, "AWS::StepFunctions::StateMachine")["StateMachine"]["RoleArn"] == ROLE


def test_roles_are_bounded_and_made_where_is_asked():
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/bounds"
    stack = made(executor_of_its_own(), permissions_boundary=boundary, role_path="/teams/data/")
    for role in of_type(stack, "AWS::IAM::Role").values():
        assert role["PermissionsBoundary"] == boundary
        assert role["Path"] == {"Fn::Sub": "/teams/data/dagy/${AWS::StackName}/"}


@pytest.mark.parametrize(
    ("given", "arn"),
    [
        (f"arn:aws:ecs:eu-west-1:{ACCOUNT}:cluster/ours", None),
        ("ours", {"Fn::Sub": "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:cluster/ours"}),
    ],
)  # fmt: skip
def test_containers_run_in_a_cluster_of_ones_own(given, arn):
    stack = made(executor_of_its_own(), cluster=given)
    assert not of_type(stack, "AWS::ECS::Cluster")
    machine = of_type(stack, "AWS::StepFunctions::StateMachine")["StateMachine"]
    assert machine["DefinitionSubstitutions"]["ClusterArn"] == (arn or given)


def test_the_network_is_what_the_parameters_have_by_default():
    network = {"subnets": ["subnet-1", "subnet-2"], "security_groups": "sg-1", "public_ip": False}
    parameters = made(executor_of_its_own(), **network)["Parameters"]
    assert parameters["SubnetIds"]["Default"] == "subnet-1,subnet-2"
    assert parameters["SecurityGroupIds"]["Default"] == "sg-1"
    assert parameters["AssignPublicIp"]["Default"] == "DISABLED"
    assert "SubnetIds" not in made(**network)["Parameters"]


def test_functions_run_in_the_network_where_that_is_asked():
    stack = made(subnets="subnet-1", security_groups="sg-1", functions_in_vpc=True)
    function = of_type(stack, "AWS::Lambda::Function")["WorkerFunction"]
    assert function["VpcConfig"] == {
        "SubnetIds": {"Ref": "SubnetIds"}, "SecurityGroupIds": {"Ref": "SecurityGroupIds"}
    }  # fmt: skip
    assert stack["Parameters"]["SubnetIds"]["Default"] == "subnet-1"
    assert ("ec2:CreateNetworkInterface", "*") in allowed(stack)["WorkerRole"]


def test_everything_is_encrypted_by_ones_own_key():
    stack = made(executor_of_its_own(), kms_key=KEY, notify="me@example.org")
    assert of_type(stack, "AWS::Logs::LogGroup")["WorkerLogGroup"]["KmsKeyId"] == KEY
    assert KEY in json.dumps(of_type(stack, "AWS::S3::Bucket")["DataBucket"]["BucketEncryption"])
    assert of_type(stack, "AWS::Lambda::Function")["WorkerFunction"]["KmsKeyArn"] == KEY
    machine = of_type(stack, "AWS::StepFunctions::StateMachine")["StateMachine"]
    assert machine["EncryptionConfiguration"]["KmsKeyId"] == KEY
    assert of_type(stack, "AWS::SNS::Topic")["Notifications"]["KmsMasterKeyId"] == KEY
    for role in ("WorkerRole", "TaskRole", "StateMachineRole"):
        assert {("kms:Decrypt", KEY), ("kms:GenerateDataKey", KEY)} <= allowed(stack)[role]


def test_executions_and_functions_are_traced():
    stack = made(xray=True)
    function = of_type(stack, "AWS::Lambda::Function")["WorkerFunction"]
    assert function["TracingConfig"] == {"Mode": "Active"}
    machine = of_type(stack, "AWS::StepFunctions::StateMachine")["StateMachine"]
    assert machine["TracingConfiguration"] == {"Enabled": True}
    for role in ("WorkerRole", "StateMachineRole"):
        assert ("xray:PutTraceSegments", "*") in allowed(stack)[role]


def test_alarms_ring_for_executions_that_fail_time_out_or_are_throttled():
    alarms = of_type(made(alarms=True), "AWS::CloudWatch::Alarm")
    assert {name: each["MetricName"] for name, each in alarms.items()} == {
        "FailedAlarm": "ExecutionsFailed",
        "TimedOutAlarm": "ExecutionsTimedOut",
        "ThrottledAlarm": "ExecutionThrottled",
    }
    for each in alarms.values():
        assert each["Dimensions"] == [{"Name": "StateMachineArn", "Value": {"Ref": "StateMachine"}}]
        assert "AlarmActions" not in each


def test_who_is_to_be_told_makes_alarms_and_a_topic_where_one_is_needed():
    stack = made(notify=TOPIC)
    assert not of_type(stack, "AWS::SNS::Topic")
    for each in of_type(stack, "AWS::CloudWatch::Alarm").values():
        assert each["AlarmActions"] == [TOPIC]

    stack = made(notify=["me@example.org", TOPIC, "ssm:/ops/slack"])
    for each in of_type(stack, "AWS::CloudWatch::Alarm").values():
        assert each["AlarmActions"] == [TOPIC, {"Ref": "Notifications"}]
    told = {
        each["Protocol"]: each["Endpoint"]
        for each in of_type(stack, "AWS::SNS::Subscription").values()
    }
    assert set(told) == {"email", "lambda"}
    assert told["email"] == "me@example.org"
    found = allowed(stack)["WebhookRole"]
    assert ("ssm:GetParameter", "arn:ssm:::parameter/ops/slack") in found


def test_a_dashboard_shows_executions_and_functions():
    [board] = of_type(made(dashboard=True), "AWS::CloudWatch::Dashboard").values()
    assert board["DashboardName"] == {"Fn::Sub": "${AWS::StackName}-plain-chain"}
    body = json.loads(board["DashboardBody"]["Fn::Sub"])
    assert len(body["widgets"]) == 3
    assert set(re.findall(r"\$\{(.*?)\}", board["DashboardBody"]["Fn::Sub"])) == {
        "AWS::Region", "StateMachine", "WorkerFunction"
    }  # fmt: skip


TAGLESS = {
    "AWS::IAM::Policy", "AWS::Lambda::Version", "AWS::Lambda::Permission", "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription", "AWS::SNS::TopicPolicy", "AWS::CloudWatch::Dashboard",
    "AWS::StepFunctions::StateMachineVersion", "AWS::StepFunctions::StateMachineAlias",
}  # fmt: skip
"""CloudFormation takes no tags of these."""


def test_everything_that_can_be_tagged_is():
    notified = ["me@example.org", "ssm:/ops/slack"]
    for spec in (executor_of_its_own(), mapped()):
        stack = made(spec, tags={"team": "data"}, notify=notified, dashboard=True)
        for name, resource in stack["Resources"].items():
            if resource["Type"] not in TAGLESS:
                assert {"Key": "team", "Value": "data"} in resource["Properties"]["Tags"], name


def test_reserved_concurrency_is_taken_only_where_it_is_asked_for_and_makes_no_version():
    function = of_type(made(), "AWS::Lambda::Function")["WorkerFunction"]
    assert "ReservedConcurrentExecutions" not in function
    function = of_type(made(reserved_concurrency=5), "AWS::Lambda::Function")["WorkerFunction"]
    assert function["ReservedConcurrentExecutions"] == 5

    plan = compile_flow(plain_chain(), mode="micro").plan
    versions = [
        set(of_type(stack_of(plan, **settings), "AWS::Lambda::Version"))
        for settings in ({}, {"reserved_concurrency": 5}, {"tags": {"a": "b"}})
    ]
    assert versions[0] == versions[1] == versions[2]


def test_the_stack_says_by_which_settings_it_was_made():
    def hashed(**settings):
        return made(**settings)["Outputs"]["SettingsHash"]["Value"]

    assert hashed() == hashed(xray=False) != hashed(xray=True)
