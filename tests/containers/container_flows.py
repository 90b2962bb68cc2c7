"""Flows whose containers meet what containers meet."""

import hashlib
import os
import time

from dagy import RunContext, flow, task


@task
def extract(n):
    return list(range(n))


@task
def report(model, rows):
    return {"rows": len(rows), **model}


@task(executor="ecs", environment={"CONTAINERS_STAGE": "prod"})
def train(rows):
    return {"sum": sum(rows), "stage": os.environ["CONTAINERS_STAGE"], "big": 2**63 + 1}


@flow
def mixed(n: int = 4):
    rows = extract(n)
    return report(train(rows), rows)


@task(executor="ecs")
def fail(rows):
    raise LookupError(f"no row {rows}")


@flow
def failing(n: int = 2):
    return fail(extract(n))


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
def mapped(n: int = 2):
    return square.map(extract(n))


@task(executor="ecs", retries=1, retry_delay_seconds=0)
def flaky():
    attempt = RunContext.get().attempt
    if attempt == 1:
        raise OSError("not yet")
    return attempt


@flow
def retried():
    return flaky()


@task(executor="ecs", timeout_seconds=1)
def slow():
    time.sleep(60)


@flow
def late():
    return slow()


@task(executor="ecs", secrets={"CONTAINERS_TOKEN": "secretsmanager:containers/token"})
def fingerprint():
    return hashlib.sha256(os.environ["CONTAINERS_TOKEN"].encode()).hexdigest()


@flow
def secretive():
    return fingerprint()


@task(executor="ecs")
def lengthy():
    began = time.monotonic()
    while time.monotonic() - began < 55:
        sum(range(10_000))
        time.sleep(0.1)
    return "done"


@flow
def patient():
    return lengthy()


def eat():
    """Take memory until there is none."""
    held = []
    while True:
        held.append(b"\1" * 2**24)
        time.sleep(0.05)


@task(executor="ecs", memory_mb=512, vcpu=0.25)
def greedy():
    eat()


@flow
def hungry():
    return greedy()


# The first attempt works for longer than any test, until something ends it; the second returns.
# What a native retrier of Step Functions can do it does; no delay at all is decided by the worker.


@task(executor="ecs", memory_mb=512, vcpu=0.25, retries=1, retry_delay_seconds=1)
def greedy_once():
    attempt = RunContext.get().attempt
    if attempt == 1:
        eat()
    return attempt


@flow
def hungry_once_native():
    return greedy_once()


@flow
def hungry_once_decided():
    return greedy_once.with_options(retry_delay_seconds=0)()


def work():
    print("working", flush=True)
    time.sleep(600)


@task(executor="ecs")
def steady():
    work()


@flow
def steady_work():
    return steady()


@task(executor="ecs", retries=1, retry_delay_seconds=1)
def steady_once():
    attempt = RunContext.get().attempt
    if attempt == 1:
        work()
    return attempt


@flow
def struck_once_native():
    return steady_once()


@flow
def struck_once_decided():
    return steady_once.with_options(retry_delay_seconds=0)()
