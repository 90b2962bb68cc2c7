"""Checking arguments against botocore's models."""

import subprocess
import sys

import pytest

from dagy.services.catalog import CUSTOM, OPTIMIZED, SDK_NAMES
from dagy.services.check import check_arguments
from dagy.services.integration import Integration, parse
from dagy.services.models import client_name, operation_of
from dagy.services.naming import java


def check(resource, **arguments):
    return check_arguments(parse(resource), arguments, lambda value: value is ...)


ACTIONS = [
    Integration(service, action) for service, actions in OPTIMIZED.items() for action in actions
]


@pytest.mark.parametrize("integration", ACTIONS, ids=lambda each: each.resource)
def test_every_optimized_action_is_one_of_the_service_or_has_its_own_arguments(integration):
    if (integration.service, integration.action) not in CUSTOM:
        assert operation_of(integration).name


# Services that AWS has closed since the list was written.
CLOSED = {
    *("alexaforbusiness", "codestar", "elasticinference", "elastictranscoder", "evidently"),
    *("honeycode", "iot1clickprojects", "iotanalytics", "iotevents", "ioteventsdata"),
    *("iotfleethub", "lookoutvision", "macie", "mobile", "opsworks", "opsworkscm", "panorama"),
    *("qldb", "qldbsession", "robomaker", "sms"),
}


@pytest.mark.parametrize("service", sorted(set(SDK_NAMES) - CLOSED))
def test_botocore_knows_the_sdk_services(service):
    assert client_name(Integration(service, "x", sdk=True))


@pytest.mark.parametrize(
    ("resource", "arguments"),
    [
        ("aws-sdk:s3:getObject", {"Bucket": "b", "Key": ...}),
        ("aws-sdk:sts:getCallerIdentity", {}),
        ("aws-sdk:rds:startDBInstance", {"DbInstanceIdentifier": "x"}),
        ("aws-sdk:rds:startDBInstance", {"DBInstanceIdentifier": "x"}),
        ("aws-sdk:s3:putObject", {"Bucket": "b", "Key": "k", "Body": {"text": "may be JSON"}}),
        ("aws-sdk:bedrockruntime:converse", {"ModelId": "m"}),
        ("lambda:invoke", {"FunctionName": "f", "Payload": [1, {"any": "JSON"}]}),
        ("states:startExecution.sync:2", {"StateMachineArn": "a", "Input": {"n": 1}}),
        ("elasticmapreduce:addStep.sync", {"ClusterId": ..., "Step": {"Name": "s"}}),
        ("batch:submitJob.sync", {
            "JobName": "j", "JobQueue": "q", "JobDefinition": "d", "RetryStrategy": {"attempts": 5},
            "ContainerOverrides": {"Environment": [{"Name": "a", "Value": ...}]},
        }),
        ("dynamodb:putItem", {"TableName": "t", "Item": {"id": {"S": "1"}, "n": {"M": {"any name": {"N": "1"}}}}}),
    ],
)  # fmt: skip
def test_what_the_service_takes_passes(resource, arguments):
    assert check(resource, **arguments)


@pytest.mark.parametrize(
    ("resource", "arguments", "message"),
    [
        ("aws-sdk:s3:getObject", {"Bucket": "b"}, "needs Key"),
        ("aws-sdk:nosuch:getObject", {}, "there is no service 'aws-sdk:nosuch'"),
        ("aws-sdk:emr-serverless:getJobRun", {}, "'emrserverless'"),
        ("aws-sdk:sts:getCallerIdentity", {"X": 1}, "takes no 'X'"),
        ("elasticmapreduce:addStep.sync", {"ClusterId": "c"}, "needs Step"),
        ("eks:call", {"ClusterNam": "c"}, "did you mean 'ClusterName'"),
        (
            "ecs:runTask.sync",
            {
                "TaskDefinition": "d",
                "NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": "s"}},
            },
            "NetworkConfiguration: AwsvpcConfiguration: Subnets must be a list, not 's'",
        ),
        (
            "batch:submitJob.sync",
            {
                "JobName": "j",
                "JobQueue": "q",
                "JobDefinition": "d",
                "Timeout": {"AttemptDuration": 1},
            },
            "did you mean 'AttemptDurationSeconds'",
        ),
        (
            "glue:startJobRun",
            {"JobName": "j", "NumberOfWorkers": [2]},
            "must be a number, a boolean or text",
        ),
    ],
)
def test_what_it_does_not_take_is_refused_with_the_path(resource, arguments, message):
    with pytest.raises(ValueError) as caught:
        check(resource, **arguments)
    assert message in str(caught.value)


def test_acronyms_are_words_in_sdk_integrations():
    names = ("VPCZoneIdentifier", "SSECustomerKey", "ETag", "S3BucketName", "roleArn")
    assert [java(name) for name in names] == [
        *("VpcZoneIdentifier", "SseCustomerKey", "ETag", "S3BucketName", "RoleArn")
    ]


def test_without_botocore_a_line_says_that_nothing_was_checked():
    code = """
import sys, warnings
sys.modules["botocore"] = sys.modules["boto3"] = None
from dagy import aws_task, flow
@flow
def f():
    aws_task("glue:startJobRun", JobNme="x")
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    f.build()
print(*(warning.message for warning in told))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("the arguments of aws_task were not checked")
