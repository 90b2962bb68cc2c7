"""What a service answers here is what it answers a state machine: the same call, twice.

The state machine runs on moto's engine, which descends from the one that was checked against
recordings of AWS, and calls the same services.
"""

import json
import uuid
from contextlib import ExitStack

import boto3
import pytest
from moto import mock_aws

from dagy.errors import ServiceError
from dagy.services.calls import aws_task
from dagy.spec import TaskRunSpec, TaskSpec
from dagy_compiler.asl import StateMachine
from dagy_compiler.names import UniqueNames
from dagy_compiler.service_attempts import service_states
from dagy_compiler.service_states import OUTPUT, service_state
from dagy_compiler.states import Ending, expression
from tests.engines.moto import CONFIG, ROLE, corrected, execute


@pytest.fixture(autouse=True)
def aws(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with ExitStack() as stack:
        stack.enter_context(corrected(None))
        stack.enter_context(mock_aws(config=CONFIG))
        boto3.client("s3").create_bucket(Bucket="bucket")
        boto3.client("s3").put_object(Bucket="bucket", Key="text", Body=b"hello")
        boto3.client("sqs").create_queue(QueueName="q")
        boto3.client("sns").create_topic(Name="t")
        boto3.client("dynamodb").create_table(
            TableName="table",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        boto3.client("secretsmanager").create_secret(Name="s", SecretString="x")
        yield


def on_step_functions(resource, arguments):
    """Run one state; return its answer, or the name of its error."""
    service = {"kind": "aws", "resource": resource}
    task = TaskSpec("call", "x:y", None, None, 0, None, None, None, service=service)
    run = TaskRunSpec("call", "call", [], [], arguments, None)
    text = Ending(None, {"text": expression(OUTPUT)})
    states = service_states(
        "call", service_state(task, run, {}, []), task, text, "call", UniqueNames("-", 80)
    )
    machine = StateMachine(query_language="JSONata", start_at="call", states=states)
    client = boto3.client("stepfunctions")
    arn = client.create_state_machine(
        name=f"m{uuid.uuid4().hex}", definition=json.dumps(machine.to_json()), roleArn=ROLE
    )["stateMachineArn"]
    outcome = execute(arn, {})
    return outcome.error or plain(json.loads(outcome.output["text"]))


def here(resource, arguments):
    try:
        return plain(aws_task(resource, **arguments))
    except ServiceError as error:
        return type(error).__name__


def plain(value):
    """An answer without what is another in each call: how it went, ids and times."""
    if isinstance(value, dict):
        other = ("Sdk", "MessageId", "EventId", "LastModified", "Date", "NextRotation", "Checksum")
        return {key: plain(item) for key, item in value.items() if not key.startswith(other)}
    return [plain(item) for item in value] if isinstance(value, list) else value


ITEM = {"id": {"S": "1"}, "odd name": {"M": {"n": {"N": "5"}}}}


@pytest.mark.parametrize(
    ("resource", "arguments"),
    [
        ("sqs:sendMessage", {"QueueUrl": "http://sqs.us-east-1.amazonaws.com/123456789012/q", "MessageBody": "${x}"}),
        ("sns:publish", {"TopicArn": "arn:aws:sns:us-east-1:123456789012:t", "Message": {"n": 1}}),
        ("dynamodb:putItem", {"TableName": "table", "Item": ITEM}),
        ("aws-sdk:dynamodb:getItem", {"TableName": "table", "Key": {"id": {"S": "none"}}}),
        ("aws-sdk:s3:putObject", {"Bucket": "bucket", "Key": "new", "Body": "text ${x} {%"}),
        ("events:putEvents", {"Entries": [{"Source": "s", "DetailType": "t", "Detail": {"n": 1}}]}),
        ("sns:publish", {"TopicArn": "arn:aws:sns:us-east-1:123456789012:none", "Message": "m"}),
        ("glue:startJobRun.sync", {"JobName": "none"}),
        ("dynamodb:getItem", {"TableName": "none", "Key": {"id": {"S": "1"}}}),
        ("aws-sdk:dynamodb:getItem", {"TableName": "none", "Key": {"id": {"S": "1"}}}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_the_answer_is_that_of_the_state_machine(resource, arguments):
    assert here(resource, arguments) == on_step_functions(resource, arguments)
