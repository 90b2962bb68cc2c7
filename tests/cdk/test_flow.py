"""`DagyFlow` in an app of somebody's own: many flows in one stack, and the handles of each.

One app is synthesized once, for synthesizing takes seconds.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from dagy.building import BuildOptions, build
from dagy.errors import CompileError, DefinitionError, SettingsError
from dagy.loader import load_flow

FLOWS = Path(__file__).parents[1] / "flows"
PLACED = FLOWS / "placed_flows.py"
AGREEING = FLOWS / "agreement_flows.py"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """The bundle of a flow that runs on Lambda and on Fargate."""
    loaded = load_flow(f"{PLACED}:mixed")
    return build(loaded, BuildOptions(mode="micro"), tmp_path_factory.mktemp("bundle")).bundle


@pytest.fixture(scope="module")
def app(bundle, tmp_path_factory):
    """An app with a stack of one flow, and a stack of several with all that goes with them."""
    from aws_cdk import App, Stack, assertions
    from aws_cdk import aws_ec2 as ec2
    from aws_cdk import aws_events as events
    from aws_cdk import aws_events_targets as targets
    from aws_cdk import aws_iam as iam
    from aws_cdk import aws_s3 as s3

    import dagy_cdk

    app = App(outdir=str(tmp_path_factory.mktemp("cdk.out")))
    alone = Stack(app, "Alone")
    single = dagy_cdk.DagyFlow(
        alone, "Default", bundle=bundle.path, parameters={"SubnetIds": ["subnet-1"]}
    )

    many = Stack(app, "Many")
    vpc = ec2.Vpc(many, "Vpc", nat_gateways=0)
    first = dagy_cdk.DagyFlow(
        many, "First", bundle=bundle.path, vpc=vpc, environment={"STAGE": "prod"}
    )
    second = dagy_cdk.DagyFlow(
        many,
        "Second",
        flow=f"{AGREEING}:diamond",
        execution_mode="micro",
        flow_version="7",
        default_memory_mb=3008,
    )
    role = iam.Role(many, "Somebody", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    first.grant_start_execution(role)
    second.grant_read(role)
    inputs = s3.Bucket(many, "Inputs")
    for worker in second.roles.values():
        inputs.grant_read(worker)
    ec2.SecurityGroup(many, "Database", vpc=vpc).connections.allow_from(first, ec2.Port.tcp(5432))
    second.metric_failed().create_alarm(many, "Failed", threshold=1, evaluation_periods=1)
    events.Rule(
        many,
        "Arrived",
        event_pattern=events.EventPattern(source=["shop"]),
        targets=[targets.SfnStateMachine(first.alias)],
    )
    return SimpleNamespace(
        single=single,
        first=first,
        second=second,
        vpc=vpc,
        alone=assertions.Template.from_stack(alone),
        many=assertions.Template.from_stack(many),
    )


def resources_of(template, kind, prefix=""):
    found = template.find_resources(kind)
    return {name: each for name, each in found.items() if name.startswith(prefix)}


def test_the_id_default_keeps_the_logical_ids_of_the_bundle(app, bundle):
    template = json.loads((bundle.path / "template.json").read_bytes())
    made = app.alone.to_json()
    types = {name: resource["Type"] for name, resource in template["Resources"].items()}
    assert {name: resource["Type"] for name, resource in made["Resources"].items()} == types
    assert made["Outputs"].keys() == template["Outputs"].keys()


def test_what_is_given_is_no_parameter_of_the_stack_any_more(app):
    parameters = app.alone.to_json()["Parameters"]
    assert not parameters.keys() & {"SubnetIds", "ArtifactBucket", "ArtifactKey"}
    assert "SecurityGroupIds" in parameters


def test_flows_of_one_stack_have_ids_and_names_of_their_own(app):
    app.many.resource_count_is("AWS::StepFunctions::StateMachine", 2)
    [family] = {
        json.dumps(each["Properties"]["Family"]).partition("-First-")[0]
        for each in resources_of(app.many, "AWS::ECS::TaskDefinition").values()
    }
    assert family == '{"Fn::Sub": "${AWS::StackName}'


def test_a_flow_is_built_when_the_app_is_synthesized(app):
    [machine] = resources_of(app.many, "AWS::StepFunctions::StateMachine", "Second").values()
    assert {"Key": "dagy:flow", "Value": "diamond"} in machine["Properties"]["Tags"]
    functions = resources_of(app.many, "AWS::Lambda::Function", "Second").values()
    assert {each["Properties"]["MemorySize"] for each in functions} >= {3008}
    assert app.second.task_definitions == {}


def test_containers_run_in_the_network_that_is_given(app):
    [machine] = resources_of(app.many, "AWS::StepFunctions::StateMachine", "First").values()
    substitutions = machine["Properties"]["DefinitionSubstitutions"]
    [group] = resources_of(app.many, "AWS::EC2::SecurityGroup", "First")
    assert group in json.dumps(substitutions["SecurityGroupIds"])
    # Nothing in it has a NAT gateway, so they are in public subnets, with an address.
    assert "PublicSubnet" in json.dumps(substitutions["SubnetIds"])
    assert substitutions["AssignPublicIp"] == "ENABLED"
    app.many.has_resource_properties(
        "AWS::EC2::SecurityGroupIngress",
        {"FromPort": 5432, "SourceSecurityGroupId": {"Fn::GetAtt": [group, "GroupId"]}},
    )


def test_a_variable_reaches_every_worker(app):
    functions = resources_of(app.many, "AWS::Lambda::Function", "First")
    assert functions
    for function in functions.values():
        assert function["Properties"]["Environment"]["Variables"]["STAGE"] == "prod"
    containers = resources_of(app.many, "AWS::ECS::TaskDefinition", "First")
    assert containers
    for definition in containers.values():
        [container] = definition["Properties"]["ContainerDefinitions"]
        assert {"Name": "STAGE", "Value": "prod"} in container["Environment"]
        assert len({each["Name"] for each in container["Environment"]}) == len(
            container["Environment"]
        )


def test_a_name_that_dagy_uses_is_no_variable(app):
    with pytest.raises(DefinitionError, match="'DAGY_BUCKET'"):
        app.single.add_environment("DAGY_BUCKET", "mine")


def test_what_others_start_is_the_alias(app):
    from aws_cdk.assertions import Match

    [alias] = resources_of(app.many, "AWS::StepFunctions::StateMachineAlias", "First")
    app.many.has_resource_properties(
        "AWS::Events::Rule",
        {"Targets": [Match.object_like({"Arn": {"Ref": alias}})]},
    )


def test_who_may_start_may_start_through_the_alias_too(app):
    from aws_cdk.assertions import Match

    [machine] = resources_of(app.many, "AWS::StepFunctions::StateMachine", "First")
    app.many.has_resource_properties(
        "AWS::IAM::Policy",
        {
            "PolicyDocument": {
                "Statement": Match.array_with(
                    [
                        {
                            "Action": "states:StartExecution",
                            "Effect": "Allow",
                            "Resource": [
                                {"Ref": machine},
                                {"Fn::Join": ["", [{"Ref": machine}, ":*"]]},
                            ],
                        }
                    ]
                )
            }
        },
    )


def test_who_may_read_sees_executions_logs_and_large_values(app):
    [policy] = resources_of(app.many, "AWS::IAM::Policy", "Somebody").values()
    actions = {
        action
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        for action in statement["Action"]
    }
    assert {"states:GetExecutionHistory", "logs:GetLogEvents", "s3:GetObject*"} <= actions


def test_tasks_are_granted_what_they_need_through_their_role(app):
    granted = [
        (each["Properties"]["Roles"], each["UpdateReplacePolicy"])
        for name, each in resources_of(app.many, "AWS::IAM::Policy", "Second").items()
        if "s3:GetObject*" in json.dumps(each)
    ]
    [([worker], when_replaced)] = granted
    assert worker["Ref"].startswith("SecondWorkerRole")
    assert when_replaced == "Retain"  # executions of the older version still need it


def test_metrics_are_of_the_state_machine(app):
    [machine] = resources_of(app.many, "AWS::StepFunctions::StateMachine", "Second")
    app.many.has_resource_properties(
        "AWS::CloudWatch::Alarm",
        {
            "MetricName": "ExecutionsFailed",
            "Dimensions": [{"Name": "StateMachineArn", "Value": {"Ref": machine}}],
        },
    )
    names = {
        metric.metric_name
        for metric in (
            app.first.metric_started(),
            app.first.metric_succeeded(),
            app.first.metric_timed_out(),
            app.first.metric_throttled(),
            app.first.metric_duration(),
        )
    }
    assert names == {
        "ExecutionsStarted",
        "ExecutionsSucceeded",
        "ExecutionsTimedOut",
        "ExecutionThrottled",
        "ExecutionTime",
    }


def test_any_property_can_be_overridden(settled):
    functions = resources_of(settled.template, "AWS::Lambda::Function", "FirstWorkerFunction")
    assert {each["Properties"]["MemorySize"] for each in functions.values()} == {2048, 3008}


@pytest.mark.parametrize(
    "change",
    [
        lambda flow, value: flow.add_environment("STAGE", value),
        lambda flow, value: flow.add_override("WorkerFunction", "Description", value),
    ],
    ids=["add_environment", "add_override"],
)
def test_a_changed_function_is_published_anew(bundle, change):
    """Lambda publishes nothing where the logical id of a version stays."""
    from aws_cdk import Stack

    import dagy_cdk

    def version_of(*values):
        stack = Stack()
        flow = dagy_cdk.DagyFlow(stack, "Default", bundle=bundle.path)
        for value in values:
            change(flow, value)
        resources = json.loads((bundle.path / "template.json").read_bytes())["Resources"]
        [version] = [name for name in resources if name.startswith("WorkerFunctionVersion")]
        return stack.resolve(flow.template.get_resource(version).logical_id)

    assert len({version_of(), version_of("a"), version_of("b"), version_of("a", "b")}) == 3
    assert version_of("a") == version_of("a")


@pytest.fixture(scope="module")
def settled(bundle, tmp_path_factory):
    """Two flows that share a cluster, a bucket and a key, and differ in other settings."""
    from aws_cdk import App, Stack, assertions
    from aws_cdk import aws_ecs as ecs
    from aws_cdk import aws_iam as iam
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_s3 as s3
    from aws_cdk import aws_sns as sns

    import dagy_cdk

    stack = Stack(App(outdir=str(tmp_path_factory.mktemp("cdk.out"))), "Settled")
    shared = {
        "cluster": ecs.CfnCluster(stack, "Cluster").attr_arn,
        "data_bucket": s3.Bucket(stack, "Values"),
        "kms_key": kms.Key(stack, "Key"),
    }
    role = iam.Role(stack, "Worker", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    first = dagy_cdk.DagyFlow(
        stack, "First", bundle=bundle.path, log_retention_days=7, worker_role=role, **shared
    )
    second = dagy_cdk.DagyFlow(
        stack, "Second", bundle=bundle.path, notify=[sns.Topic(stack, "Told")], **shared
    )
    first.add_override("WorkerFunction", "MemorySize", 3008)
    first.grant_read(iam.User(stack, "Reader"))
    return SimpleNamespace(
        first=first, second=second, role=role, template=assertions.Template.from_stack(stack)
    )


def test_flows_share_a_cluster_a_bucket_and_a_key_that_are_constructs(settled):
    [cluster] = resources_of(settled.template, "AWS::ECS::Cluster")
    [bucket] = resources_of(settled.template, "AWS::S3::Bucket")
    [key] = resources_of(settled.template, "AWS::KMS::Key")
    machines = resources_of(settled.template, "AWS::StepFunctions::StateMachine")
    for machine in machines.values():
        given = machine["Properties"]["DefinitionSubstitutions"]["ClusterArn"]
        assert given == {"Fn::GetAtt": [cluster, "Arn"]}
    functions = resources_of(settled.template, "AWS::Lambda::Function")
    workers = [each for each in functions.values() if "S3Key" in each["Properties"]["Code"]]
    assert workers
    for function in workers:
        assert function["Properties"]["KmsKeyArn"] == {"Fn::GetAtt": [key, "Arn"]}
        variable = json.dumps(function["Properties"]["Environment"]["Variables"]["DAGY_BUCKET"])
        assert bucket in variable
    assert "given-" not in json.dumps(settled.template.to_json())


def test_flows_that_share_a_bucket_keep_to_keys_of_their_own(settled):
    functions = resources_of(settled.template, "AWS::Lambda::Function")
    variables = {
        json.dumps(each["Properties"]["Environment"]["Variables"]["DAGY_BUCKET"])
        for each in functions.values()
        if "S3Key" in each["Properties"]["Code"]
    }
    assert {"StackName}-First" in each for each in variables} == {True, False}
    assert {"StackName}-Second" in each for each in variables} == {True, False}


def test_a_setting_is_of_one_flow(settled):
    logs = resources_of(settled.template, "AWS::Logs::LogGroup").items()
    retention = {name[:5]: each["Properties"]["RetentionInDays"] for name, each in logs}
    assert retention == {"First": 7, "Secon": 30}
    alarms = resources_of(settled.template, "AWS::CloudWatch::Alarm")
    assert {name[:6] for name in alarms} == {"Second"}
    [topic] = resources_of(settled.template, "AWS::SNS::Topic", "Told")
    assert all(topic in json.dumps(each["Properties"]["AlarmActions"]) for each in alarms.values())


def test_a_role_of_ones_own_is_what_tasks_are_granted_things_through(settled):
    assert set(settled.first.roles.values()) == {settled.role}


def test_the_key_lets_logs_be_written_and_who_may_read_read_them(settled):
    [key] = resources_of(settled.template, "AWS::KMS::Key").values()
    assert "logs." in json.dumps(key["Properties"]["KeyPolicy"])
    assert "cloudwatch.amazonaws.com" in json.dumps(key["Properties"]["KeyPolicy"])
    [policy] = resources_of(settled.template, "AWS::IAM::Policy", "Reader").values()
    assert "kms:Decrypt" in json.dumps(policy)


def test_arguments_have_the_names_of_the_settings():
    from dagy_cdk.settings import FlowSettings
    from dagy_compiler.settings import NAMES

    network = {"security_groups"}  # which are constructs, beside the VPC
    assert set(FlowSettings.__annotations__) == set(NAMES) - network


def test_a_setting_that_there_is_not_is_refused(bundle):
    from aws_cdk import Stack

    import dagy_cdk

    with pytest.raises(SettingsError, match="log_retention_day.*log_retention_days"):
        dagy_cdk.DagyFlow(Stack(), "Flow", bundle=bundle.path, log_retention_day=7)


def test_the_code_of_a_bundle_stays_as_it_is(bundle):
    from aws_cdk import Stack

    import dagy_cdk

    with pytest.raises(CompileError, match="version cannot be changed in a bundle"):
        dagy_cdk.DagyFlow(Stack(), "Flow", bundle=bundle.path, flow_version="2")


def test_a_bundle_is_built_anew_in_another_mode(bundle):
    from aws_cdk import Stack

    import dagy_cdk

    flow = dagy_cdk.DagyFlow(Stack(), "Flow", bundle=bundle.path, execution_mode="large")
    assert any("Large" in name for name in flow.task_definitions)


@pytest.mark.parametrize("given", [{}, {"flow": "a.py", "bundle": "a"}])
def test_a_construct_takes_a_flow_or_a_bundle(given):
    from aws_cdk import Stack

    import dagy_cdk

    with pytest.raises(CompileError, match="flow=, or bundle="):
        dagy_cdk.DagyFlow(Stack(), "Flow", **given)


def test_a_flow_of_the_app_itself_is_refused_for_no_worker_could_import_it(tmp_path):
    app = (
        "from aws_cdk import Stack\n"
        "from dagy import flow\n"
        "from dagy_cdk import DagyFlow\n"
        "@flow\n"
        "def daily():\n"
        "    return None\n"
        "DagyFlow(Stack(), 'Daily', flow=daily)\n"
    )
    (tmp_path / "app.py").write_text(app)
    done = subprocess.run(
        [sys.executable, "app.py"], cwd=tmp_path, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 1
    assert "flow 'daily' is defined in the CDK app itself" in done.stderr


def test_logical_ids_stay_for_another_one_would_be_another_resource(app):
    ids = {name for name in app.many.to_json()["Resources"] if name.startswith("Second")}
    # Roles and versions are named after their content, which this leaves out.
    assert {re.sub(r"[0-9a-f]{8}(Policy)?[0-9A-F]{8}$", r"\1", name) for name in ids} == {
        "SecondAlias7FD046C2",
        "SecondDataBucket56578847",
        "SecondDataBucketPolicy5C180044",
        "SecondStateMachine51C868F2",
        "SecondStateMachineRole",
        "SecondStateMachineVersion29630FCD",
        "SecondWorkerFunction3008Mb65BAA5D4",
        "SecondWorkerFunction3008MbVersion",
        "SecondWorkerLogGroupDB9498E5",
        "SecondWorkerRole",
        "SecondWorkerRolePolicy",
    }
