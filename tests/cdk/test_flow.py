"""`DagyFlow` in an app of somebody's own: many flows in one stack, and the handles of each.

One app is synthesized once, for synthesizing takes seconds.
"""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from dagy.building import BuildOptions, build
from dagy.errors import CompileError, DefinitionError
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
        many, "Second", flow=f"{AGREEING}:diamond", execution_mode="micro", flow_version="7"
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
    assert set(app.second.functions) == {"WorkerFunction"}
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


def test_a_variable_is_in_a_version_of_its_own(app, bundle):
    """Lambda publishes nothing where the logical id of a version stays."""
    template = json.loads((bundle.path / "template.json").read_bytes())
    published = [
        name
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Lambda::Version"
    ]
    alone = resources_of(app.alone, "AWS::Lambda::Version")
    assert set(alone) == set(published)
    many = resources_of(app.many, "AWS::Lambda::Version", "First")
    assert len(many) == len(published)
    endings = {name[-8:] for name in published}
    assert not {name[-8:] for name in many} & endings


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


def test_any_property_can_be_overridden(bundle):
    from aws_cdk import Stack

    import dagy_cdk

    flow = dagy_cdk.DagyFlow(Stack(), "Default", bundle=bundle.path)
    flow.template.get_resource("WorkerFunction").memory_size = 3008
    assert flow.template.get_resource("WorkerFunction").memory_size == 3008


@pytest.mark.parametrize("given", [{}, {"flow": "a.py", "bundle": "a"}])
def test_a_construct_takes_a_flow_or_a_bundle(given):
    from aws_cdk import Stack

    import dagy_cdk

    with pytest.raises(CompileError, match="flow=, or bundle="):
        dagy_cdk.DagyFlow(Stack(), "Flow", **given)
