"""A folder with flows whose tasks wait to be told to go on, so that a test sees each moment."""

import pytest

from tests.terminal.terminal import Terminal

FLOWS = '''
import logging
import os
import sys
import time
from pathlib import Path

from dagy import RunContext, flow, task

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")


def wait_for(name):
    """Wait until the test makes a file of this name."""
    while not Path(name).exists():
        time.sleep(0.01)


@task
def extract():
    print("read", end=" ")
    print("400 rows")
    logging.info("all of them")
    return 400


@task(retries=1, retry_delay_seconds=0.05)
def transform(rows: int):
    print("attempt", RunContext.get().attempt)
    if RunContext.get().attempt == 1:
        raise ConnectionError("try again")
    wait_for("go")
    return rows


@task
def load(rows: int):
    print("connecting to \\033[31mthe\\033[0m database")
    wait_for("load")
    raise ValueError("duplicate key")


@task
def report(rows):
    """Never runs."""


@flow
def daily():
    """What the tests look at most."""
    report(load(transform(extract())))


@task
def item(n: int):
    if n == 50:
        print("item 50 waits")
        wait_for("go")
    if n % 60 == 7:
        raise KeyError(n)
    return n


@flow
def many():
    return [item(n) for n in range(1000)][0]


@task
def flood(n: int):
    for i in range(2000):
        print(f"flood {n} line {i}")


@flow
def flooding():
    for n in range(4):
        flood(n)


@task
def hold():
    sys.stdout.write("holding")  # no end of the line
    sys.stdout.flush()
    Path("held").touch()
    wait_for("never")


@flow
def holding():
    hold()


@task
def child():
    os.system("echo from a child process")
    print("from the task")
    return 1


@flow(name="with child")
def with_child():
    return child()
'''


@pytest.fixture
def folder(tmp_path, home):
    """A folder that holds `flows.py`, with a history of its own."""
    (tmp_path / "flows.py").write_text(FLOWS)
    return tmp_path


@pytest.fixture
def dagy_on_a_terminal(folder):
    """Start `dagy ...` on a terminal; all are ended with the test."""
    started = []

    def start(*arguments, **options):
        started.append(Terminal(*arguments, cwd=folder, **options))
        return started[-1]

    yield start
    for terminal in started:
        terminal.__exit__()


@pytest.fixture
def dagy(dagy, folder):
    """Run the command line without a terminal, beside `flows.py`."""
    return dagy
