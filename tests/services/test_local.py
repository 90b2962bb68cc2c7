"""What service tasks mean in a local run."""

import io
import json
import sys
from datetime import UTC, datetime

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from moto import mock_aws
from moto.stepfunctions.parser.asl.component.state.exec.state_task.lambda_eval_utils import (
    to_payload_type,
)

from dagy import approval, aws_task, flow, sleep, sleep_until, task
from dagy.errors import NotLocalError, ServiceError, service_error
from dagy.services.integration import parse
from dagy.services.local import call
from dagy.testing import FakeClock, run_in_memory


@task
def number(n: int) -> int:
    return n


@task
def fail() -> None:
    raise RuntimeError("no")


class TestWaits:
    def test_a_sleep_takes_its_time_and_no_worker(self):
        @flow
        def pauses():
            first = sleep(60)
            sleep(90, name="longer")
            return number(1, wait_for=[first])

        clock = FakeClock()
        run = run_in_memory(pauses, clock=clock, max_workers=1)
        assert (run.status, run.result, clock.waits) == ("SUCCEEDED", 1, [60.0, 30.0])
        assert run.task_runs["sleep"].output is None

    def test_a_sleep_that_is_known_late_is_rounded_up(self):
        @flow
        def pauses():
            sleep(half(1))

        @task
        def half(n):
            return n + 0.5

        clock = FakeClock()
        run_in_memory(pauses, clock=clock).raise_on_failure()
        assert clock.waits == [2.0]

    @pytest.mark.parametrize(
        ("seconds", "error"),
        [("soon", "States.QueryEvaluationError"), (-1, "States.Runtime"), (None, "States.QueryEvaluationError")],
    )  # fmt: skip
    def test_no_number_of_seconds_fails_as_on_aws(self, seconds, error):
        @flow
        def pauses(n):
            sleep(n)

        assert run_in_memory(pauses, n=seconds).error.type == error

    def test_sleep_until_ends_at_its_time_and_not_before_now(self):
        @flow
        def until(time: str):
            return number(1, wait_for=[sleep_until(time)])

        start = datetime(2026, 1, 31, tzinfo=UTC).timestamp()
        clock = FakeClock(start)
        run_in_memory(until, time="2026-01-31T01:00:00.5+00:00", clock=clock).raise_on_failure()
        assert clock.waits == [3600.0]
        clock = FakeClock(start)
        assert run_in_memory(until, time="2025-01-31T00:00:00Z", clock=clock).result == 1
        assert clock.now() == start

    def test_a_run_that_fails_does_not_wait_for_its_sleeps(self):
        @flow
        def fails():
            sleep(3600)
            fail()

        clock = FakeClock()
        run = run_in_memory(fails, clock=clock)
        assert {each.id: each.state for each in run.task_runs} == {
            "sleep": "CANCELLED",
            "fail": "FAILED",
        }
        assert clock.waits == []

    def test_a_stand_in_takes_no_time(self):
        @flow
        def pauses():
            return sleep(3600)

        clock = FakeClock()
        run = run_in_memory(pauses, clock=clock, replace={"sleep": lambda seconds: seconds})
        assert (run.result, clock.waits) == (3600, [])


class TestStandIns:
    def test_a_stand_in_gets_the_arguments_by_their_names(self):
        @flow
        def nightly(day: str):
            run = aws_task("glue:startJobRun.sync", JobName="clean", Arguments={"--day": day})
            return run["Id"]

        def glue(JobName, Arguments):
            return {"Id": f"{JobName} {Arguments['--day']}"}

        run = run_in_memory(nightly, day="monday", replace={"glue-startJobRun": glue})
        assert run.result == "clean monday"

    def test_it_fails_under_the_names_of_step_functions_and_is_retried(self):
        @flow
        def nightly():
            aws_task("glue:startJobRun", JobName="x", retries=1, retry_delay_seconds=10)

        def glue(JobName):
            raise service_error("Glue.EntityNotFoundException", "no such job")

        clock = FakeClock()
        run = run_in_memory(nightly, clock=clock, replace={"glue-startJobRun": glue})
        assert (run.error.type, run.error.message) == (
            "Glue.EntityNotFoundException",
            "no such job",
        )
        assert (run.task_runs["glue-startJobRun"].attempts, clock.waits) == (2, [10.0])

    def test_a_timeout_is_called_as_step_functions_calls_it(self):
        @flow
        def asks():
            approval("Ship?", timeout_seconds=60)

        clock = FakeClock()
        late = {"approval": lambda message: clock.sleep(61)}
        assert run_in_memory(asks, clock=clock, replace=late).error.type == "States.Timeout"


class TestApprovals:
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    @pytest.mark.parametrize("answer", ["y\n", "Yes\n"])
    def test_yes_at_the_terminal_approves(self, monkeypatch, capsys, answer):
        monkeypatch.setattr(sys, "stdin", self.Terminal(answer))
        assert approval("Ship?", timeout_seconds=60) == {"approved": True}
        assert capsys.readouterr().out == "Ship?\nApprove? [y/N]\n"

    @pytest.mark.parametrize("answer", ["n\n", "\n", ""])
    def test_anything_else_rejects(self, monkeypatch, answer):
        monkeypatch.setattr(sys, "stdin", self.Terminal(answer))
        with pytest.raises(ServiceError) as caught:
            approval("Ship?", timeout_seconds=60)
        assert type(caught.value).__name__ == "ApprovalRejected"

    def test_without_a_terminal_it_says_how_to_answer(self):
        with pytest.raises(NotLocalError, match=r"replace=\{'approval': lambda message"):
            approval("Ship?", timeout_seconds=60)


class Clients:
    """A client whose answers are stubbed, checked against the service's model."""

    def __init__(self, service):
        self.client = boto3.client(
            service, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
        )
        self.stub = Stubber(self.client)
        self.stub.activate()
        self.pauses = []

    def call(self, resource, arguments, **options):
        found = call(
            parse(resource),
            arguments,
            client=lambda name: self.client,
            pause=self.pauses.append,
            **options,
        )
        self.stub.assert_no_pending_responses()
        return json.loads(json.dumps(found))


STARTED = datetime(2026, 1, 31, 12, 0, 0, 250_000, tzinfo=UTC)


class TestJobs:
    def test_glue_is_polled_until_the_run_ends(self):
        glue = Clients("glue")
        glue.stub.add_response("start_job_run", {"JobRunId": "jr"}, {"JobName": "clean"})
        for state in ("STARTING", "RUNNING", "SUCCEEDED"):
            described = {"JobRun": {"Id": "jr", "JobRunState": state, "StartedOn": STARTED}}
            glue.stub.add_response("get_job_run", described, {"JobName": "clean", "RunId": "jr"})
        assert glue.call("glue:startJobRun.sync", {"JobName": "clean"}) == {
            "Id": "jr",
            "JobRunState": "SUCCEEDED",
            "StartedOn": 1769860800250,
        }
        assert glue.pauses == [1, 2]

    def test_a_failed_job_is_a_failed_task_with_its_description_as_the_cause(self):
        glue = Clients("glue")
        glue.stub.add_response("start_job_run", {"JobRunId": "jr"})
        glue.stub.add_response("get_job_run", {"JobRun": {"Id": "jr", "JobRunState": "FAILED"}})
        with pytest.raises(ServiceError) as caught:
            glue.call("glue:startJobRun.sync", {"JobName": "clean"})
        assert type(caught.value).__name__ == "States.TaskFailed"
        assert json.loads(str(caught.value)) == {"Id": "jr", "JobRunState": "FAILED"}

    def test_looking_ends_with_the_timeout(self):
        glue = Clients("glue")
        glue.stub.add_response("start_job_run", {"JobRunId": "jr"})
        for _ in range(3):
            glue.stub.add_response("get_job_run", {"JobRun": {"JobRunState": "RUNNING"}})
        with pytest.raises(ServiceError) as caught:
            glue.call("glue:startJobRun.sync", {"JobName": "clean"}, timeout_seconds=2)
        assert type(caught.value).__name__ == "States.Timeout"

    def test_batch_spells_its_answer_with_capitals(self):
        batch = Clients("batch")
        asked = {
            "jobName": "j",
            "jobQueue": "q",
            "jobDefinition": "d",
            "containerOverrides": {"environment": [{"name": "a", "value": "1"}]},
        }
        batch.stub.add_response("submit_job", {"jobName": "j", "jobId": "1"}, asked)
        job = {"jobName": "j", "jobId": "1", "jobQueue": "q", "jobDefinition": "d"}
        described = {"jobs": [{**job, "status": "SUCCEEDED", "startedAt": 5, "tags": {"own": "x"}}]}
        batch.stub.add_response("describe_jobs", described, {"jobs": ["1"]})
        given = {
            "JobName": "j",
            "JobQueue": "q",
            "JobDefinition": "d",
            "ContainerOverrides": {"Environment": [{"Name": "a", "Value": "1"}]},
        }
        answer = batch.call("batch:submitJob.sync", given)
        assert (answer["JobId"], answer["Status"], answer["Tags"]) == (
            "1",
            "SUCCEEDED",
            {"own": "x"},
        )

    @pytest.mark.parametrize(("code", "error"), [(0, None), (1, "States.TaskFailed")])
    def test_an_ecs_task_fails_by_the_exit_code_of_a_container(self, code, error):
        ecs = Clients("ecs")
        started = {"tasks": [{"taskArn": "t", "clusterArn": "c"}], "failures": []}
        ecs.stub.add_response("run_task", started, {"taskDefinition": "d"})
        stopped = {"taskArn": "t", "lastStatus": "STOPPED", "containers": [{"exitCode": code}]}
        ecs.stub.add_response(
            "describe_tasks", {"tasks": [stopped]}, {"cluster": "c", "tasks": ["t"]}
        )
        raised = None
        try:
            assert ecs.call("ecs:runTask.sync", {"TaskDefinition": "d"})["TaskArn"] == "t"
        except ServiceError as caught:
            raised = type(caught).__name__
        assert raised == error

    def test_an_ecs_task_that_cannot_be_placed_fails_by_its_own_name(self):
        ecs = Clients("ecs")
        ecs.stub.add_response("run_task", {"tasks": [], "failures": [{"reason": "AGENT"}]})
        with pytest.raises(ServiceError, match="AGENT") as caught:
            ecs.call("ecs:runTask.sync", {"TaskDefinition": "d"})
        assert type(caught.value).__name__ == "AmazonECS.Unknown"

    def test_an_emr_step_is_added_and_described_under_the_names_of_step_functions(self):
        emr = Clients("emr")
        jar = {"Name": "s", "HadoopJarStep": {"Jar": "j"}}
        emr.stub.add_response(
            "add_job_flow_steps", {"StepIds": ["s1"]}, {"JobFlowId": "c", "Steps": [jar]}
        )
        described = {"Step": {"Id": "s1", "Status": {"State": "COMPLETED"}}}
        emr.stub.add_response("describe_step", described, {"ClusterId": "c", "StepId": "s1"})
        assert (
            emr.call("elasticmapreduce:addStep.sync", {"ClusterId": "c", "Step": jar}) == described
        )

    @pytest.mark.parametrize(("pattern", "output"), [("sync", '{"n":1}'), ("sync:2", {"n": 1})])
    def test_an_execution_answers_with_text_or_with_json(self, pattern, output):
        sfn = Clients("stepfunctions")
        arn = "arn:aws:states:us-east-1:123456789012:stateMachine:m"
        sfn.stub.add_response(
            "start_execution",
            {"executionArn": arn, "startDate": STARTED},
            {"stateMachineArn": arn, "input": '{"n":0}'},
        )
        ended = {
            "executionArn": arn,
            "stateMachineArn": arn,
            "status": "SUCCEEDED",
            "startDate": STARTED,
            "output": '{"n":1}',
        }
        sfn.stub.add_response("describe_execution", ended, {"executionArn": arn})
        given = {"StateMachineArn": arn, "Input": {"n": 0}}
        assert sfn.call(f"states:startExecution.{pattern}", given)["Output"] == output

    def test_a_training_job_is_found_by_its_name(self):
        sagemaker = Clients("sagemaker")
        sagemaker.stub.add_response(
            "create_training_job", {"TrainingJobArn": "arn:aws:sagemaker:x"}
        )
        described = {
            "TrainingJobName": "t",
            "TrainingJobArn": "arn:aws:sagemaker:x",
            "ModelArtifacts": {"S3ModelArtifacts": "s3://m"},
            "TrainingJobStatus": "Completed",
            "SecondaryStatus": "Completed",
            "StoppingCondition": {},
            "ResourceConfig": {"VolumeSizeInGB": 1},
            "CreationTime": STARTED,
            "AlgorithmSpecification": {"TrainingInputMode": "File"},
        }
        sagemaker.stub.add_response("describe_training_job", described, {"TrainingJobName": "t"})
        given = {
            "TrainingJobName": "t",
            "RoleArn": "arn:aws:iam::123456789012:role/r",
            "OutputDataConfig": {"S3OutputPath": "s3://o"},
            "AlgorithmSpecification": {"TrainingInputMode": "File"},
            "ResourceConfig": {"VolumeSizeInGB": 1},
            "StoppingCondition": {},
        }
        assert (
            sagemaker.call("sagemaker:createTrainingJob.sync", given)["CreationTime"]
            == 1769860800250
        )


class TestCalls:
    @pytest.fixture(autouse=True)
    def aws(self, monkeypatch):
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        with mock_aws():
            yield

    def test_an_sdk_integration_answers_with_text_for_times_and_bytes(self):
        aws_task("aws-sdk:s3:createBucket", Bucket="bucket")
        aws_task("aws-sdk:s3:putObject", Bucket="bucket", Key="k", Body={"any": "JSON"})
        found = aws_task("aws-sdk:s3:getObject", Bucket="bucket", Key="k")
        assert found["Body"] == '{"any":"JSON"}'
        assert found["LastModified"].endswith(".000Z")
        assert found["ETag"]
        assert "ResponseMetadata" not in found

    def test_an_optimized_integration_says_how_the_call_went(self):
        url = boto3.client("sqs").create_queue(QueueName="q")["QueueUrl"]
        answer = aws_task("sqs:sendMessage", QueueUrl=url, MessageBody={"n": 1})
        assert answer["SdkHttpMetadata"]["HttpStatusCode"] == 200
        received = boto3.client("sqs").receive_message(QueueUrl=url)["Messages"][0]
        assert received["Body"] == '{"n":1}'

    def test_values_of_a_table_pass_as_they_are(self):
        boto3.client("dynamodb").create_table(
            TableName="t",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        item = {"id": {"S": "1"}, "any name": {"M": {"some_key": {"NULL": True}}}}
        aws_task("dynamodb:putItem", TableName="t", Item=item)
        assert aws_task("dynamodb:getItem", TableName="t", Key={"id": {"S": "1"}})["Item"] == item

    @pytest.mark.parametrize(
        ("resource", "arguments", "error"),
        [
            ("glue:startJobRun", {"JobName": "none"}, "Glue.EntityNotFoundException"),
            ("aws-sdk:dynamodb:getItem", {"TableName": "none", "Key": {"k": {"S": "1"}}},
             "DynamoDb.ResourceNotFoundException"),
            ("dynamodb:getItem", {"TableName": "none", "Key": {"k": {"S": "1"}}},
             "DynamoDB.ResourceNotFoundException"),
            ("aws-sdk:s3:getObject", {"Bucket": "none", "Key": "k"}, "S3.NoSuchBucketException"),
            ("aws-sdk:sfn:describeExecution", {"ExecutionArn":
             "arn:aws:states:us-east-1:123456789012:execution:a:b"},
             "Sfn.ExecutionDoesNotExistException"),
            ("states:startExecution", {"StateMachineArn":
             "arn:aws:states:us-east-1:123456789012:stateMachine:x"},
             "StepFunctions.StateMachineDoesNotExistException"),
            ("sns:publish", {"TopicArn": "arn:aws:sns:us-east-1:123456789012:x", "Message": "m"},
             "SNS.NotFoundException"),
        ],
    )  # fmt: skip
    def test_errors_have_the_names_of_step_functions(self, resource, arguments, error):
        with pytest.raises(ServiceError) as caught:
            aws_task(resource, **arguments)
        assert type(caught.value).__name__ == error
        assert "Service: " in str(caught.value)


def test_a_lambda_function_answers_with_json_and_fails_by_its_own_error():
    function = Clients("lambda")
    payloads = iter(
        [
            {"Payload": io.BytesIO(b'{"n": 1}'), "StatusCode": 200},
            {
                "Payload": io.BytesIO(b'{"errorType": "KeyError", "errorMessage": "n"}'),
                "FunctionError": "Unhandled",
                "StatusCode": 200,
            },
        ]
    )
    for answer in payloads:
        function.stub.add_response("invoke", answer)
    first = call(parse("lambda:invoke"), {"FunctionName": "f"}, client=lambda name: function.client)
    assert first["Payload"] == {"n": 1}
    with pytest.raises(ServiceError) as caught:
        function.call("lambda:invoke", {"FunctionName": "f"})
    assert type(caught.value).__name__ == "KeyError"


@pytest.mark.parametrize(
    ("payload", "sent"),
    [
        (5, b"5"),
        (-0.5, b"-0.5"),
        (True, b"true"),
        (None, b"{}"),
        ("text", b'"text"'),
        ('{"a": 1}', b'{"a": 1}'),
        ("5", b"5"),
        ([1, "x"], b'[1,"x"]'),
        ({}, b"{}"),
    ],
)
def test_a_function_is_given_any_json_as_the_state_of_its_call_gives_it(payload, sent):
    function = Clients("lambda")
    answer = {"Payload": io.BytesIO(b"null"), "StatusCode": 200}
    function.stub.add_response("invoke", answer, {"FunctionName": "f", "Payload": sent})
    function.call("lambda:invoke", {"FunctionName": "f", "Payload": payload})
    assert json.loads(to_payload_type(payload)) == json.loads(sent)


def test_throttling_is_named_with_the_service():
    glue = Clients("glue")
    glue.stub.add_client_error("start_job_run", "ThrottlingException", "slow down")
    with pytest.raises(ServiceError, match="slow down") as caught:
        glue.call("glue:startJobRun", {"JobName": "x"})
    assert type(caught.value).__name__ == "Glue.ThrottlingException"
    assert isinstance(caught.value.__cause__, ClientError)


def test_arguments_that_the_client_does_not_take_cannot_start_the_task():
    glue = Clients("glue")
    glue.stub.deactivate()  # it looks at the arguments itself, and later
    with pytest.raises(ServiceError) as caught:
        glue.call("glue:startJobRun", {"JobName": "x", "Timeout": "soon"})
    assert type(caught.value).__name__ == "States.Runtime"


def test_events_that_are_not_taken_fail_the_task():
    events = Clients("events")
    events.stub.add_response("put_events", {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "X"}]})
    with pytest.raises(ServiceError) as caught:
        events.call("events:putEvents", {"Entries": [{"Source": "s"}]})
    assert type(caught.value).__name__ == "EventBridge.FailedEntry"


@pytest.mark.parametrize(
    ("resource", "reason"),
    [
        ("sqs:sendMessage.waitForTaskToken", "task token"),
        ("eks:runJob.sync", "no operation of the AWS SDK"),
        ("apigateway:invoke", "no operation of the AWS SDK"),
        ("eks:createCluster.sync", "of a kind that local runs cannot wait for"),
    ],
)
def test_what_only_step_functions_does_asks_for_a_stand_in(resource, reason):
    with pytest.raises(NotLocalError, match=reason) as caught:
        call(parse(resource), {})
    assert "replace={" in str(caught.value)
