"""`aws_task`, `sleep`, `sleep_until` and `approval` as users write them."""

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
    (lambda: sleep(1.5), "whole seconds"),
    (lambda: sleep(-1), "whole seconds"),
    (lambda: sleep("1"), "whole seconds"),
    (lambda: sleep_until("2026-01-31T12:00:00"), "no time zone"),
    (lambda: sleep_until("tomorrow"), "ISO 8601"),
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


def test_outside_of_a_flow_the_same_is_refused():
    with pytest.raises(DefinitionError, match="did you mean 'glue'"):
        aws_task("gleu:startJobRun")


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
        sleep(2.0)

    assert [run.kwargs for run in waits.build().task_runs] == [
        {"time": "2026-01-31T12:00:00Z"},
        {"time": "2026-01-31T10:00:00Z"},
        {"seconds": 2},
    ]
