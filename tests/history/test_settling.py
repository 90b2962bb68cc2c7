"""When runs go into the database, and which go out of it."""

import subprocess
import sys

import duckdb
import pytest

from dagy import flow, task
from dagy.history import find_run, list_runs, settle, settling
from dagy.interpreter.events import Transition
from dagy.state import StateType

UNENDED = [Transition(1.0, None, StateType.RUNNING)]


def ids(home):
    return [run.run_id for run in list_runs(home)]


def folded(home):
    with duckdb.connect(str(home.database)) as connection:
        return connection.execute("SELECT run_id FROM runs ORDER BY started_at").fetchall()


@pytest.fixture
def use(home, monkeypatch):
    """Runs of flows are recorded in the test's home."""
    monkeypatch.setenv("DAGY_LOCAL_DIR", str(home.root))


@task
def say(text: str) -> str:
    return text


@flow
def quote(text: str = "x"):
    return say(text)


def test_a_run_waits_in_its_journal_for_the_next_reader(home, use):
    run = quote.run_local()
    assert home.pending_ids() == [run.run_id]
    assert not home.database.exists()
    assert ids(home) == [run.run_id]
    assert home.pending_ids() == []
    assert folded(home) == [(run.run_id,)]


def test_the_process_settles_what_it_has_left_before_it_ends(home, use):
    script = "from tests.history.test_settling import quote; print(quote.run_local().run_id)"
    child = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert child.stderr == ""
    assert home.pending_ids() == []
    assert folded(home) == [(child.stdout.strip(),)]


def test_a_home_that_is_gone_when_the_process_ends_is_not_made_again(home, use):
    script = (
        "import shutil; from tests.history.test_settling import quote; from dagy.history import *;"
        "quote.run_local(); shutil.rmtree(Home.find().root)"
    )
    child = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert child.stderr == ""
    assert not home.root.exists()


def test_the_run_with_which_too_many_wait_settles_them_all(home, use, record):
    for number in range(settling.MOST_RUNS):
        record(f"etl-{number:02}")
    quote.run_local()
    assert home.pending_ids() == []
    assert len(folded(home)) == settling.MOST_RUNS + 1


def test_a_run_that_leaves_much_is_settled_at_its_end(home, use):
    run = quote.run_local("x" * settling.MOST_BYTES)
    assert home.pending_ids() == []
    assert folded(home) == [(run.run_id,)]


def test_of_each_flow_the_newest_runs_are_kept_as_the_last_to_end_says(home, record):
    record("other-0", "other", keep_last=1)
    for number in range(4):
        record(f"etl-{number}", "etl", keep_last=4 - number + 1)
    home.save_flow("etl-0", "{}")
    settle(home)
    assert ids(home) == ["etl-3", "etl-2", "other-0"]
    assert home.run_ids() == ["etl-2", "etl-3", "other-0"]


def test_a_run_of_an_older_dagy_removes_nothing(home, record):
    for number in range(3):
        record(f"etl-{number}", keep_last=None)
    assert len(ids(home)) == 3


def test_a_run_that_has_not_ended_is_neither_counted_nor_removed(home, record):
    record("etl-0", transitions=UNENDED, going_on=True)
    for number in range(1, 4):
        record(f"etl-{number}", keep_last=1)
    settle(home)
    assert ids(home) == ["etl-3", "etl-0"]


def test_a_run_that_crashed_is_like_one_that_ended(home, record):
    record("etl-0", transitions=UNENDED, keep_last=1)
    record("etl-1", keep_last=1)
    assert ids(home) == ["etl-1"]


def test_the_last_run_to_end_is_kept_although_others_began_later(home, record):
    start = 1_764_000_000.0
    ends = [Transition(start + 60, None, StateType.SUCCEEDED, output="1")]
    record("long", transitions=ends, keep_last=1, started_at=start)
    record("short-0", keep_last=1, started_at=start + 1)
    record("short-1", keep_last=1, started_at=start + 2)
    assert ids(home) == ["short-1", "long"]
    assert find_run(home, "long").duration == 60
