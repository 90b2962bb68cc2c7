"""Flows for the checks: on Lambda and on Fargate, with secrets, a large map, services and parts."""

from dagy import aws_task, flow, sleep, task


@task
def numbers(n: int):
    return list(range(n))


@task(secrets={"TOKEN": "ssm:/prod/token", "DB": "secretsmanager:prod/db"})
def fetch(number):
    return number


@task(executor="ecs", memory_mb=4096, vcpu=2)
def train(values):
    return len(values)


@task
def report(count):
    return {"count": count}


@flow
def varied(n: int = 10):
    count = train(fetch.map(numbers(n)))
    aws_task(
        "sns:publish",
        TopicArn="arn:aws:sns:eu-west-1:123456789012:team",
        Message="done",
        wait_for=[sleep(5, wait_for=[count])],
    )
    return report(count)


@flow
def plain(n: int = 10):
    return report(numbers(n))
