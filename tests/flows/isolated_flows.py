"""Flows whose tasks run in processes of their own, and what can happen to these."""

import ctypes
import os
import signal
import sys
import time
from datetime import date
from pathlib import Path

from dagy import RunContext, flow, task


class UnpicklableError(Exception):
    def __init__(self, code, text):
        super().__init__(f"{code}: {text}")


@task(isolation="process", retries=1)
def pid(marker: str) -> list:
    context = RunContext.get()
    if context.attempt == 1:
        raise ConnectionError("busy")
    return [os.getpid(), context.name, context.attempt, context.parameters]


@task(isolation="process")
async def asynchronous(n: int) -> int:
    return n + 1


@task(isolation="process", retries=1)
def dies(how: str) -> str:
    if RunContext.get().attempt == 2:
        return "survived"
    match how:
        case "segfault":
            ctypes.string_at(0)
        case "exit":
            os._exit(3)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "unpicklable":
            raise UnpicklableError(7, "odd")
    return "nothing happened"


@task(isolation="process", timeout_seconds=1.5)
def hangs(marker: str) -> None:
    Path(marker).write_text(str(os.getpid()))
    time.sleep(600)


@task(isolation="process")
def odd() -> object:
    return object()


@task(isolation="process", retries=1)
def speaks() -> int:
    attempt = RunContext.get().attempt
    print("attempt", attempt)
    print("to stderr", file=sys.stderr)
    if attempt == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return sys.stdout.write("four")


@flow
def speaking():
    return speaks()


@flow
def identified(marker: str):
    return pid(marker)


@flow
def awaited(n: int):
    return asynchronous(n)


@flow
def dying(how: str):
    return dies(how)


@flow
def hanging(marker: str):
    hangs(marker)


@flow
def returning_an_object():
    odd()


@task
def letters() -> bytes:
    return b"abc"


@task(isolation="process")
def reversed_bytes(data: bytes, day: date) -> bytes:
    assert day == date(2026, 1, 31)
    assert RunContext.get().parameters == {"data": data, "day": day}
    return data[::-1]


@flow
def reversing():
    return reversed_bytes(letters(), date(2026, 1, 31))


class Point:
    def __init__(self, x):
        self.x = x


@task(isolation="process", serializer="pickle")
def moved(point: Point, by: int) -> Point:
    return Point(point.x + by)


@task(serializer="pickle")
def origin() -> Point:
    return Point(0)


@flow
def moving():
    return moved(origin(), 5)
