"""Flows with tasks that Step Functions does itself. A worker runs the rest: standard library only."""

from dagy import TASK_TOKEN, approval, aws_task, branch, flow, sleep, sleep_until, task


@task
def number(n: int) -> int:
    return n


@task
def describe(value: object) -> dict:
    return {"value": value, "text": "${x} {% 1 %}", "list": [[value]]}


@task
def numbers(n: int) -> list:
    return list(range(n))


@task
def large(n: int) -> str:
    return "x" * n


@flow
def chain(day: str, size: int = 3):
    """Values go from a worker to a service, from there to a worker and back again."""
    described = describe(day)
    started = aws_task(
        "glue:startJobRun.sync",
        JobName="clean",
        Arguments={"--day": day, "--text": described["text"], "--first": described["list"][0]},
    )
    sent = aws_task("sns:publish", TopicArn="t", Message={"of": started["Id"], "size": size})
    return {"started": describe(started), "sent": sent["MessageId"]}


@flow
def whole_answer():
    return aws_task("sns:publish", TopicArn="t", Message="{% $x %}")


@flow
def waits(seconds: int = 2):
    first = sleep(seconds)
    until = sleep_until("2026-01-31T12:00:00Z", wait_for=[first])
    return {"slept": first, "then": number(1, wait_for=[until])}


@flow
def ends_with_a_wait():
    return sleep(1, wait_for=[number(1)])


@flow
def side_by_side():
    """Services in branches of a fork, and a join that reads what they answer."""
    calls = [aws_task("sns:publish", TopicArn="t", Message={"n": number(i)}) for i in range(2)]
    return describe([*calls, sleep(1)])


@flow
def chosen(n: int):
    taken = branch(
        number(n),
        lambda: aws_task("sns:publish", TopicArn="yes", Message=number(n, wait_for=[])),
        lambda: describe("no"),
    )
    return aws_task("sns:publish", name="report", TopicArn="t", Message=taken)


@flow
def mapped(n: int = 3):
    return aws_task("sns:publish", TopicArn="t", Message=describe.map(numbers(n)))["MessageId"]


@flow
def approved():
    agreed = approval("Ship ${x}?", timeout_seconds=60, queue="q")
    return aws_task(
        "sqs:sendMessage.waitForTaskToken",
        QueueUrl="q",
        MessageBody={"token": TASK_TOKEN, "approved": agreed["approved"]},
    )


@flow
def retried():
    return aws_task("glue:startJobRun", JobName="flaky", retries=3, retry_delay_seconds=[0, 1, 1])[
        "JobRunId"
    ]


@flow
def fails():
    return aws_task("glue:startJobRun", JobName="broken", retries=1)


@flow
def too_large(n: int):
    return aws_task("sns:publish", TopicArn="t", Message=large(n))


@task
def keys(listed: dict) -> list:
    return [item["Key"] for item in listed["Contents"]]


@flow
def stored(prefix: str = "a"):
    """Real calls of a real service, in an order that only `wait_for` gives."""
    made = aws_task("aws-sdk:s3:createBucket", Bucket="dagy-test-bucket")
    body = describe(prefix)
    puts = [
        aws_task(
            "aws-sdk:s3:putObject",
            Bucket="dagy-test-bucket",
            Key=key,
            Body=body["text"],
            wait_for=[made],
        )
        for key in ("one", "two ${x}")
    ]
    listed = aws_task("aws-sdk:s3:listObjectsV2", Bucket="dagy-test-bucket", wait_for=puts)
    return keys(listed)
