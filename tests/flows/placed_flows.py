"""Flows some of whose tasks run in containers."""

import os

from dagy import flow, task


@task
def extract(n):
    return list(range(n))


@task(executor="ecs", memory_mb=2048, environment={"PLACED_STAGE": "prod"})
def train(rows):
    return {"sum": sum(rows), "stage": os.environ["PLACED_STAGE"], "big": 2**63 + 1}


@task(memory_mb=2048)
def report(model, rows):
    return {"rows": len(rows), **model}


@flow
def mixed(n: int = 4):
    rows = extract(n)
    return report(train(rows), rows)


@task(executor="ecs")
def fail(n):
    raise LookupError(f"no row {n}")


@flow
def failing(n: int = 4):
    return fail(extract(n))


@task(executor="ecs")
def die(n):
    os._exit(7)


@flow
def dying(n: int = 4):
    return die(n)


@task(executor="ecs")
def length(text):
    return len(text)


@flow
def large(text: str = ""):
    return length(text)


@task(executor="ecs")
def square(n):
    return n * n


@flow
def mapped(n: int = 3):
    return square.map(extract(n))


@task(executor="ecs", tolerated_failures=2)
def even(n):
    if n == 1:
        raise LookupError(f"{n} is odd")
    if n == 3:
        os._exit(7)
    return n


@flow
def mapped_but_for_some(n: int = 4):
    return even.map(extract(n))


@task(executor="ecs", retries=2, retry_delay_seconds=[0, 1])
def flaky(n):
    from dagy import RunContext

    attempt = RunContext.get().attempt
    if attempt < n:
        raise TimeoutError(f"attempt {attempt}")
    return attempt


@flow
def retried(n: int = 3):
    return flaky(n)
