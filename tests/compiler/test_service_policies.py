"""What the role of a state machine must be allowed for service tasks."""

import pytest

from dagy.errors import CompileError
from dagy.services.catalog import OPTIMIZED, SYNC
from dagy.spec import TaskRunSpec, TaskSpec
from dagy_compiler.iam import ANY, Permission, statements
from dagy_compiler.service_policies import permissions
from tests.compiler.flows import output
from tests.compiler.iam_list import is_listed

ACCOUNT = "${AWS::Region}:${AWS::AccountId}"


def allowed(resource, **arguments):
    service = {"kind": "aws", "resource": resource}
    return of(service, arguments)


def of(service, arguments):
    task = TaskSpec("call", "x:y", None, "step-functions", 0, None, None, None, service=service)
    run = TaskRunSpec("call", "call", [], [], arguments, None, source="flows.py:3")
    return {
        found.actions: [shown(each) for each in found.resources] for found in permissions(task, run)
    }


def shown(resource):
    """An ARN as CloudFormation would make it, its pseudo parameters left in."""
    if isinstance(resource, str):
        return resource
    return resource["Fn::Sub"]


def arn(service, rest):
    return f"arn:${{AWS::Partition}}:{service}:{ACCOUNT}:{rest}"


RULE = ("events:PutTargets", "events:PutRule", "events:DescribeRule")


def test_a_call_is_allowed_on_what_it_names_and_nothing_else():
    assert allowed("glue:startJobRun", JobName="clean") == {
        ("glue:StartJobRun",): [arn("glue", "job/clean")]
    }
    assert allowed("lambda:invoke", FunctionName="f") == {
        ("lambda:InvokeFunction",): [arn("lambda", "function:f"), arn("lambda", "function:f:*")]
    }
    assert allowed("dynamodb:putItem", TableName="t", Item={}) == {
        ("dynamodb:PutItem",): [arn("dynamodb", "table/t")]
    }
    assert allowed(
        "sns:publish", TopicArn="arn:aws:sns:eu-west-1:1:t", Message="arn:aws:sqs:x"
    ) == {("sns:Publish",): ["arn:aws:sns:eu-west-1:1:t"]}
    assert allowed(
        "sqs:sendMessage", QueueUrl="https://sqs.eu-west-1.amazonaws.com/123456789012/q"
    ) == {("sqs:SendMessage",): ["arn:${AWS::Partition}:sqs:eu-west-1:123456789012:q"]}
    assert allowed("aws-sdk:s3:getObject", Bucket="b", Key="k") == {
        ("s3:GetObject",): ["arn:${AWS::Partition}:s3:::b/k"]
    }
    assert allowed("aws-sdk:s3:listObjectsV2", Bucket="b") == {
        ("s3:ListBucket",): ["arn:${AWS::Partition}:s3:::b"]
    }


def test_waiting_for_a_job_needs_to_see_it_to_stop_it_and_the_rule_that_tells_of_its_end():
    assert allowed("glue:startJobRun.sync", JobName="clean") == {
        ("glue:StartJobRun", "glue:GetJobRun", "glue:GetJobRuns", "glue:BatchStopJobRun"): [
            arn("glue", "job/clean")
        ]
    }
    assert allowed("ecs:runTask.sync", TaskDefinition="family:3", Cluster="c") == {
        ("ecs:RunTask",): [arn("ecs", "task-definition/family:3")],
        ("ecs:StopTask", "ecs:DescribeTasks"): [ANY],
        ("iam:PassRole",): [ANY],
        RULE: [arn("events", "rule/StepFunctionsGetEventsForECSTaskRule")],
    }
    machine = "arn:aws:states:eu-west-1:1:stateMachine:m"
    assert allowed("states:startExecution.sync:2", StateMachineArn=machine) == {
        ("states:StartExecution",): [machine],
        ("states:DescribeExecution", "states:StopExecution"): [
            "arn:aws:states:eu-west-1:1:execution:m:*"
        ],
        RULE: [arn("events", "rule/StepFunctionsGetEventsForStepFunctionsExecutionRule")],
    }
    role = "arn:aws:iam::1:role/r"
    assert allowed("sagemaker:createTrainingJob.sync", TrainingJobName="t", RoleArn=role) == {
        (
            "sagemaker:CreateTrainingJob",
            "sagemaker:DescribeTrainingJob",
            "sagemaker:StopTrainingJob",
            "sagemaker:AddTags",
        ): [arn("sagemaker", "training-job/t")],
        ("sagemaker:ListTags",): [ANY],
        ("iam:PassRole",): [role],
        RULE: [arn("events", "rule/StepFunctionsGetEventsForSageMakerTrainingJobsRule")],
    }


def test_a_query_that_only_reads_may_not_write_tables():
    reads = allowed("athena:startQueryExecution.sync", QueryString="select 1")
    writes = allowed("athena:startQueryExecution.sync", QueryString="create table x as select 1")
    granted = [{action for actions in found for action in actions} for found in (reads, writes)]
    assert "glue:CreateTable" not in granted[0]
    assert granted[1] - granted[0] >= {"glue:CreateTable", "glue:DeletePartition"}
    assert granted[0] >= {"glue:GetTable", "athena:GetQueryExecution", "s3:PutObject"}


@pytest.mark.parametrize("later", [output("load"), "x*", "a?", "${Name}", "", None])
def test_what_is_not_named_literally_is_everything_with_the_reason(later):
    service = {"kind": "aws", "resource": "glue:startJobRun"}
    task = TaskSpec("call", "x:y", None, "step-functions", 0, None, None, None, service=service)
    run = TaskRunSpec("call", "call", [], [], {"JobName": later}, None)
    [found] = permissions(task, run)
    assert (found.resources, found.reason) == ((ANY,), "the arguments do not name it literally")


def test_services_without_a_rule_of_their_own_are_allowed_by_the_name_of_the_operation():
    secret = "arn:aws:secretsmanager:eu-west-1:1:secret:s"
    assert allowed("aws-sdk:secretsmanager:getSecretValue", SecretId=secret) == {
        ("secretsmanager:GetSecretValue",): [secret]
    }
    assert allowed("aws-sdk:cloudwatchlogs:describeLogGroups") == {
        ("logs:DescribeLogGroups",): [ANY]
    }
    assert allowed(
        "sagemaker:createModel", ModelName="m", ExecutionRoleArn="arn:aws:iam::1:role/r"
    ) == {
        ("sagemaker:CreateModel",): [ANY],
        ("iam:PassRole",): ["arn:aws:iam::1:role/r"],
    }


def test_a_service_that_iam_is_not_known_to_call_anything_is_refused_with_the_way_out():
    with pytest.raises(CompileError) as raised:
        allowed("aws-sdk:codecatalyst:getSpace", Name="s")
    assert str(raised.value) == (
        "task run 'call' (flows.py:3): aws_task 'aws-sdk:codecatalyst:getSpace': its calls are "
        "signed with a token of a user, which Step Functions has not. Make the call in a task of "
        "Python, or give the state machine a role of your own (setting state_machine_role)"
    )


def test_jobs_of_such_services_can_be_followed_and_stopped():
    assert allowed("eks:createCluster.sync", Name="c", RoleArn="arn:aws:iam::1:role/r") == {
        ("eks:CreateCluster", "eks:DescribeCluster", "eks:DeleteCluster"): [ANY],
        ("iam:PassRole",): ["arn:aws:iam::1:role/r"],
    }


def test_an_approval_may_do_nothing_but_ask():
    approval = {"kind": "approval"}
    assert of(approval, {"message": "?", "topic": "arn:aws:sns:x:1:t"}) == {
        ("sns:Publish",): ["arn:aws:sns:x:1:t"]
    }
    assert of(approval, {"message": "?"}) == {
        ("events:PutEvents",): [arn("events", "event-bus/default")]
    }
    assert of({"kind": "sleep"}, {"seconds": 1}) == {}


def test_what_is_allowed_on_the_same_resources_is_one_statement():
    made = statements(
        [
            Permission(("s3:GetObject",), ("arn",)),
            Permission(("s3:GetObject", "s3:PutObject"), ("arn",)),
            Permission(("iam:PassRole",), ("*",), "why", "ecs-tasks.amazonaws.com"),
            Permission(("iam:PassRole",), ("*",), "why", "ecs-tasks.amazonaws.com"),
        ]
    )
    assert [each.model_dump(by_alias=True, exclude_none=True) for each in made] == [
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": ["arn"]},
        {
            "Effect": "Allow",
            "Action": ["iam:PassRole"],
            "Resource": ["*"],
            "Condition": {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        },
    ]


ALL = [
    f"{service}:{action}{ending}"
    for service, actions in OPTIMIZED.items()
    for action, patterns in actions.items()
    for ending in ("", *(f".{pattern}" for pattern in patterns if pattern == SYNC))
]


@pytest.mark.parametrize("resource", ALL)
def test_every_optimized_integration_is_allowed_something_exact(resource):
    for actions, resources in allowed(resource).items():
        assert resources
        assert all(map(is_listed, actions)), actions
