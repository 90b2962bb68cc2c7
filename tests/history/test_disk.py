"""Disks that are full or read-only: the flow runs, and what was lost is said, once."""

import json
import random
import subprocess
import sys

import pytest

from dagy.history import Home, find_run, list_runs, results_of
from dagy.interpreter.events import Transition
from dagy.state import StateType

# A file-size limit is a full disk that needs no disk: every write beyond it fails, for Python and
# for DuckDB alike. `at_first` and `in_task` are in bytes; 0 is no limit.
ON_A_FULL_DISK = """
import json, resource, sys, warnings
from dagy import flow, task

def limit(size):
    if size:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

@task
def fill():
    limit(in_task)

@task
def double(n: int, after: None):
    return 2 * n

@flow
def doubles():
    filled = fill()
    return [double(n, filled) for n in range(40)]

at_first, in_task = map(int, sys.argv[1:])
limit(at_first)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    run = doubles.run_local()
print(json.dumps([run.run_id, run.status, sum(run.result), [str(w.message) for w in caught]]))
"""


@pytest.fixture
def run_on_a_full_disk(home, monkeypatch):
    monkeypatch.setenv("DAGY_LOCAL_DIR", str(home.root))

    def run(at_first, in_task):
        child = subprocess.run(
            [sys.executable, "-c", ON_A_FULL_DISK, str(at_first), str(in_task)],
            capture_output=True,
            text=True,
            check=True,
        )
        run_id, status, result, warned = json.loads(child.stdout)
        assert (status, result) == ("SUCCEEDED", 2 * sum(range(40)))
        return run_id, warned, child.stderr

    return run


def test_a_disk_that_is_full_from_the_start(home, run_on_a_full_disk):
    _, warned, _ = run_on_a_full_disk(16, 0)
    (message,) = warned
    assert message.startswith("this run goes on without being recorded: ")
    assert list_runs(home) == []
    assert (home.run_ids(), home.pending_ids()) == ([], [])


def test_a_disk_that_fills_while_a_flow_runs(home, run_on_a_full_disk):
    run_id, warned, at_the_end = run_on_a_full_disk(0, 3000)
    (incomplete,) = warned
    assert incomplete.startswith("the recording of this run is incomplete, its last ")
    assert str(home.database) in at_the_end
    # Once there is room: what was recorded is there, and the run does not pass for a success.
    run = find_run(home, run_id)
    assert run.status == "CRASHED"
    assert 0 < run.task_runs_succeeded < 41
    assert len(results_of(home, run_id).results) == run.task_runs_succeeded


def test_a_disk_with_room_for_a_journal_and_not_for_a_larger_database(
    home, record, run_on_a_full_disk
):
    record("earlier")
    assert len(list_runs(home)) == 1
    run_id, *said = run_on_a_full_disk(0, 16_000)
    assert said == [[], ""]  # DuckDB keeps the run in its log, beside the file, until there is room
    assert [run.status for run in list_runs(home)] == ["SUCCEEDED"] * 2
    assert find_run(home, run_id).task_runs_succeeded == 41
    assert home.pending_ids() == []


DELETE = """
import resource, sys
from dagy.history import Home, delete_runs

resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
print(delete_runs(Home.find(), sys.argv[1:]))
"""


def test_runs_can_be_deleted_to_make_room_for_what_waits(home, record, monkeypatch):
    monkeypatch.setenv("DAGY_LOCAL_DIR", str(home.root))
    record("earlier")
    assert len(list_runs(home)) == 1
    # Random, so that DuckDB cannot make it smaller.
    output = json.dumps(random.Random(0).randbytes(2_000_000).hex())
    record("large", transitions=[Transition(1.0, None, StateType.SUCCEEDED, output=output)])
    child = subprocess.run(
        [sys.executable, "-c", DELETE, "large"], capture_output=True, text=True, check=False
    )
    assert (child.stdout, child.stderr) == ("['large']\n", "")
    assert [run.run_id for run in list_runs(home)] == ["earlier"]


def test_a_home_where_no_one_may_write(monkeypatch):
    from dagy import flow, task

    @task
    def one() -> int:
        return 1

    @flow
    def ones():
        return one()

    monkeypatch.setenv("DAGY_LOCAL_DIR", "/proc/dagy")  # not even root can make a folder there
    with pytest.warns(UserWarning, match="without being recorded.*set DAGY_LOCAL_DIR") as caught:
        assert ones.run_local().result == 1
    assert len(caught) == 1
    assert list_runs(Home.find()) == []
