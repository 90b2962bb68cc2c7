"""How long a flow's task runs take, as `dagy build --profile-from-history` asks."""

import pytest

from dagy.history import Home, task_durations
from dagy.interpreter.events import Transition
from dagy.state import StateType


def took(task_run_id, seconds, state=StateType.SUCCEEDED, message=None):
    """The transitions of a task run that took so long."""
    return [
        Transition(1000.0, task_run_id, StateType.RUNNING, 1),
        Transition(1000.0 + seconds, task_run_id, state, 1, message=message),
    ]


@pytest.fixture
def ran(record):
    """Records a run of flow `etl`."""

    def write(run_id, *task_runs, flow_name="etl"):
        begin = Transition(1000.0, None, StateType.RUNNING)
        end = Transition(2000.0, None, StateType.SUCCEEDED, output="null")
        middle = [transition for task_run in task_runs for transition in task_run]
        record(run_id, flow_name, [begin, *middle, end])

    return write


def test_the_median_of_the_runs_that_succeeded_counts(home, ran):
    for number, seconds in enumerate([1, 9, 2]):
        ran(f"run-{number}", took("extract", seconds), took("load", 4))
    ran("run-3", took("extract", 100, StateType.FAILED))
    ran("run-4", took("extract", 200), flow_name="other")
    assert task_durations(home, "etl") == {"extract": 2.0, "load": 4.0}


def test_a_mapped_task_takes_as_long_as_its_longest_item(home, ran):
    ran("run-0", took("measure", 6), took("measure[0]", 1), took("measure[1]", 3))
    assert task_durations(home, "etl") == {"measure": 3.0}


def test_what_was_there_already_took_no_time_that_counts(home, ran):
    cached = took("measure[0]", 0, message="CACHED")
    resumed = [Transition(1000.0, "load", StateType.SUCCEEDED, 0, output="1")]
    ran("run-0", took("measure", 0), cached, took("extract", 0, message="CACHED"), resumed)
    assert task_durations(home, "etl") == {}


def test_no_history_knows_nothing(tmp_path):
    assert task_durations(Home(tmp_path / "nowhere"), "etl") == {}
