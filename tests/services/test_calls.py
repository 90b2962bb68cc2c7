"""`aws_task`, `sleep`, `sleep_until` and `approval` as users write them."""

import math
from datetime import UTC, datetime

import pytest

from dagy import TASK_TOKEN, FlowSpec, approval, aws_task, flow, sleep, sleep_until, task
from dagy.errors import DefinitionError, TraceError


@task
def day():
    return {"iso": "2026-01-31"}


@flow
def nightly(job: str = "clean"):
    when = day()
    run = aws_task(
        "glue:startJobRun.sync",
        JobName=job,
        Arguments={"--day": when["iso"], "--mode": "full"},
        retries=2,
        retry_delay_seconds=[10, 60],
        timeout_seconds=3600,
    )
    pause = sleep(30, wait_for=[run])
    agreed = approval("Publish?", timeout_seconds=86400, wait_for=[pause])
    return run["Id"], agreed


def runs(spec):
    return {run.id: run for run in spec.task_runs}


def test_each_call_is_a_task_run_with_a_readable_id():
    spec = nightly.build()
    assert list(runs(spec)) == ["day", "glue-startJobRun", "sleep", "approval"]
    assert spec.edges == [
        ["day", "glue-startJobRun"],
        ["glue-startJobRun", "sleep"],
        ["sleep", "approval"],
    ]


def test_arguments_hold_outputs_and_parameters_at_any_depth():
    assert runs(nightly.build())["glue-startJobRun"].kwargs == {
        "JobName": {"$param": "job"},
        "Arguments": {"--day": {"$task": "day", "path": ["iso"]}, "--mode": "full"},
    }


def test_the_spec_says_what_step_functions_does_and_reads_back():
    spec = nightly.build()
    glue = spec.tasks["glue-startJobRun"]
    assert glue.service == {"kind": "aws", "resource": "glue:startJobRun.sync"}
    assert (glue.default_executor, glue.retries, glue.timeout_seconds) == (
        "step-functions",
        2,
        3600,
    )
    assert spec.tasks["sleep"].service == {"kind": "sleep"}
    assert spec.tasks["approval"].service == {"kind": "approval"}
    assert spec.tasks["day"].service is None
    assert FlowSpec.from_json(spec.to_json()) == spec


def test_building_twice_gives_the_same_bytes():
    assert nightly.build().digest() == nightly.build().digest()


def test_a_call_can_be_made_twice_and_given_a_name():
    @flow
    def twice():
        aws_task("sns:publish", TopicArn="t", Message="a")
        aws_task("sns:publish", TopicArn="t", Message="b")
        aws_task("sns:publish", name="alarm", TopicArn="t", Message="c", retries=3)

    spec = twice.build()
    assert list(runs(spec)) == ["sns-publish", "sns-publish-2", "alarm"]
    assert list(spec.tasks) == ["sns-publish", "alarm"]


def test_calls_with_other_policies_need_another_name():
    @flow
    def mixed():
        aws_task("sns:publish", TopicArn="t", Message="a")
        aws_task("sns:publish", TopicArn="t", Message="b", retries=3)

    with pytest.raises(TraceError, match=r"two different tasks are called 'sns-publish'.*name="):
        mixed.build()


def test_a_call_may_say_how_long_it_is_likely_to_take():
    @flow
    def hinted():
        job = aws_task("glue:startJobRun.sync", JobName="clean", expected_seconds=1800)
        approval("Go on?", timeout_seconds=9000, expected_seconds=600, wait_for=[job])

    spec = hinted.build()
    assert [task.expected_seconds for task in spec.tasks.values()] == [1800, 600]


def test_the_task_token_is_marked_where_it_stands():
    @flow
    def asked():
        aws_task(
            "sqs:sendMessage.waitForTaskToken",
            QueueUrl="q",
            MessageBody={"answer": [1, TASK_TOKEN]},
        )

    spec = asked.build()
    assert runs(spec)["sqs-sendMessage"].kwargs["MessageBody"] == {"answer": [1, None]}
    assert spec.tasks["sqs-sendMessage"].service["token_at"] == [["MessageBody", "answer", 1]]


REFUSED = [
    (lambda: aws_task("glue:startJobRuns.sync"), "did you mean 'startJobRun'"),
    (lambda: aws_task("gleu:startJobRun.sync"), "did you mean 'glue'"),
    (lambda: aws_task("glue:startJobRun.snyc"), "did you mean 'sync'"),
    (lambda: aws_task("glue"), "for example 'glue:startJobRun.sync'"),
    (lambda: aws_task("glue:startJobRun", JobNme="x"), "did you mean 'JobName'"),
    (lambda: aws_task("glue:startJobRun", JobName="x", retrys=1), "did you mean 'retries'"),
    (lambda: aws_task("glue:startJobRun", jobName="x"), "did you mean 'JobName'"),
    (lambda: aws_task("glue:startJobRun"), "needs JobName"),
    (lambda: aws_task("glue:startJobRun", JobName="x", expected_seconds=0), "a number above 0"),
    (lambda: aws_task("glue:startJobRun.waitForTaskToken", JobName="x"), "it has .sync"),
    (lambda: aws_task("s3:getObject"), "did you mean 'aws-sdk:s3:getObject'"),
    (lambda: aws_task("aws-sdk:s3:getObjekt"), "did you mean 'getObject'"),
    (lambda: aws_task("aws-sdk:logs:putLogEvents"), "'aws-sdk:cloudwatchlogs'"),
    (lambda: aws_task("aws-sdk:glue:startJobRun.sync"), "did you mean 'glue:startJobRun.sync'"),
    (lambda: aws_task("sns:publish", Message=TASK_TOKEN), "has no task token"),
    (
        lambda: aws_task("sqs:sendMessage.waitForTaskToken", QueueUrl="q", MessageBody="x"),
        "put dagy.TASK_TOKEN",
    ),
    (lambda: aws_task("glue:startJobRun", JobName="x", retries=-1), "retries must be"),
    (lambda: aws_task("glue:startJobRun", JobName="x", timeout_seconds=1.5), "whole number"),
    (lambda: aws_task("glue:startJobRun", JobName="x", retry_delay_seconds=abs), "no worker"),
    (
        lambda: aws_task("glue:startJobRun", JobName="x", retries=2, retry_delay_seconds=[1, 0.5]),
        "retry_delay_seconds must be whole seconds",
    ),
    (lambda: aws_task("sns:publish", topic_arn="t", Message="m"), "did you mean 'TopicArn'?"),
    (lambda: aws_task("glue:startJobRun", job_name="x"), "did you mean 'JobName'?"),
    (lambda: aws_task("http:invoke", api_endpont="x"), "did you mean 'ApiEndpoint'?"),
    (lambda: aws_task("glue:startJobRun", JobName="x", wholly_other=1), "'wholly_other'. Arg"),
    (lambda: aws_task("glue:startJobRun", JobName="x", memory_mb=512), "takes no 'memory_mb': it"),
    (lambda: aws_task("glue:startJobRun", JobName="x", cache=True), "tasks that a worker runs"),
    (lambda: aws_task("glue:startJobRun", JobName="x", isolation="process"), "the options are n"),
    (lambda: aws_task("glue:startJobRun", JobName="x", on_failure=[]), "takes no 'on_failure'"),
    (
        lambda: aws_task("glue:startJobRun", "x"),
        "too many positional arguments; it is called as aws_task(resource, ",
    ),
    (lambda: aws_task(), "missing a required argument: 'resource'"),
    (lambda: aws_task(5), "such as 'glue:startJobRun.sync', and is not 5"),
    (lambda: aws_task("glue:startJobRun", JobName="x", name=5), "aws_task: name must be text"),
    (
        lambda: aws_task("glue:startJobRun", JobName="x", retry_delay_seconds=math.inf),
        "must be whole seconds",
    ),
    (lambda: aws_task("lambda:invoke", FunctionName="f", Payload=math.nan), "'Payload' of task"),
    (lambda: aws_task("lambda:invoke", FunctionName="f", Payload=object()), "type object"),
    (lambda: sleep(), "sleep: missing a required argument: 'seconds'; it is called as"),
    (lambda: sleep(1, retries=2), "sleep takes no 'retries'; the options are seconds, name"),
    (lambda: sleep(1, expected_seconds=2), "sleep takes no 'expected_seconds'; the options are se"),
    (lambda: sleep(1, memory_mb=2), "sleep takes no 'memory_mb': it is for tasks that a worker"),
    (lambda: sleep(math.inf), "not inf"),
    (lambda: sleep(math.nan), "not nan"),
    (lambda: sleep(10**400), "not 1000000000000"),
    (lambda: sleep(1.5), "whole seconds"),
    (lambda: sleep(-1), "whole seconds"),
    (lambda: sleep("1"), "whole seconds"),
    (lambda: sleep_until("2026-01-31T12:00:00"), "no time zone"),
    (lambda: sleep_until("tomorrow"), "ISO 8601"),
    (lambda: sleep_until(5), "ISO 8601"),
    (lambda: sleep_until("9999-12-31T23:59:59-05:00"), "in no year from 1 to 9999"),
    (lambda: approval("Ship?"), "approval: missing a required argument: 'timeout_seconds'"),
    (lambda: approval("Ship?", 60), "approval: too many positional arguments; it is called as"),
    (lambda: approval("Ship?", timeout_seconds=None), "would wait for a year"),
    (lambda: approval("Ship?", timeout_seconds=60, topic=5), "topic must be text, not 5"),
    (lambda: approval("Ship?", timeout_seconds=60, que="q"), "'que'; did you mean 'queue'"),
    (lambda: approval("Ship?", timeout_seconds=60, topic="t", queue="q"), "one way"),
    (lambda: approval(1, timeout_seconds=60), "must be text"),
    (lambda: approval("Ship?", timeout_seconds=0), "whole number"),
]


@pytest.mark.parametrize(("call", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_what_step_functions_does_not_take_is_refused_at_the_call(call, message):
    @flow
    def wrong():
        call()

    with pytest.raises(TraceError) as caught:
        wrong.build()
    assert message in str(caught.value)
    assert "test_calls.py:" in str(caught.value)
    assert "in flow 'wrong'" in str(caught.value)


@pytest.mark.parametrize(("call", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_outside_of_a_flow_the_same_is_refused(call, message):
    with pytest.raises(DefinitionError) as caught:
        call()
    assert message in str(caught.value)
    assert "test_calls.py:" in str(caught.value)


def test_what_is_called_must_be_known_when_the_flow_is_built():
    @flow
    def later(what: str):
        aws_task(what)

    with pytest.raises(TraceError, match=r"cannot be an output or a parameter; call one of sev"):
        later.build()


def test_what_is_known_only_later_is_not_checked():
    @flow
    def later(job: str, overrides: dict):
        aws_task(
            "batch:submitJob.sync",
            JobName=job,
            JobQueue="q",
            JobDefinition=day()["iso"],
            ContainerOverrides=overrides,
        )

    assert "batch-submitJob" in runs(later.build())


def test_times_are_kept_in_utc_to_the_second():
    @flow
    def waits():
        sleep_until(datetime(2026, 1, 31, 12, 0, 0, 999, tzinfo=UTC))
        sleep_until("2026-01-31T12:00:00+02:00")
        sleep_until("0099-01-31T12:00:00Z")
        sleep(2.0)

    assert [run.kwargs for run in waits.build().task_runs] == [
        {"time": "2026-01-31T12:00:00Z"},
        {"time": "2026-01-31T10:00:00Z"},
        {"time": "0099-01-31T12:00:00Z"},
        {"seconds": 2},
    ]
