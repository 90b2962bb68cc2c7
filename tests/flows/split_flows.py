"""Flows for tests of what is split into several state machines."""

from dagy import flow, task


@task
def add(a, b=1):
    return a + b


@task
def refuse(a):
    raise KeyError(a)


@flow
def adding(n: int = 1):
    total = add(n)
    for _ in range(6):
        total = add(add(total), add(total, 2))
    return total


@flow
def refusing(n: int = 1):
    total = add(n)
    for _ in range(3):
        total = add(add(total), add(total, 2))
    return add(refuse(add(total)), add(total))
