import pytest

from dagy.errors import HistoryError
from dagy.history import find_run, find_run_id, list_runs, results_of
from dagy.interpreter.events import Failure, Transition
from dagy.state import StateType

PENDING, RUNNING = StateType.PENDING, StateType.RUNNING
SUCCEEDED, FAILED = StateType.SUCCEEDED, StateType.FAILED

HALF_DONE = [
    Transition(1.0, None, RUNNING),
    Transition(2.0, "extract", RUNNING, 1),
    Transition(3.0, "extract", SUCCEEDED, 1, output='{"rows":3}'),
    Transition(3.0, "load", RUNNING, 1),
]


def test_a_crashed_run_is_read_without_the_database(home, record):
    record(transitions=HALF_DONE, parameters={"day": "monday"}, resumed_from="run-0")
    home.save_flow("run-1", '{"name":"etl"}')
    home.database.write_bytes(b"not a database")
    run = results_of(home, "run-1")
    assert (run.run_id, run.status, run.flow_json) == ("run-1", "CRASHED", '{"name":"etl"}')
    assert (run.header.parameters, run.header.resumed_from) == ({"day": "monday"}, "run-0")
    assert run.results == {"extract": '{"rows":3}'}
    assert run.task_runs["load"].state is RUNNING


def test_a_run_that_goes_on_and_one_that_failed(home, record):
    record("alive", transitions=HALF_DONE, going_on=True)
    error = Failure("KeyError", "'a'")
    record(
        "failed",
        transitions=[
            *HALF_DONE,
            Transition(4.0, "load", FAILED, 2, error=error),
            Transition(5.0, None, FAILED, error=error),
        ],
    )
    assert [results_of(home, run).status for run in ("alive", "failed")] == ["RUNNING", "FAILED"]
    load = results_of(home, "failed").task_runs["load"]
    assert (load.state, load.attempts, load.output) == (FAILED, 2, None)
    assert results_of(home, "failed").flow_json is None


def test_a_flow_that_runs_again_uses_nothing_that_its_earlier_attempt_made(home, record):
    record(
        transitions=[
            *HALF_DONE,
            Transition(4.0, "load", FAILED, 1, error=Failure("KeyError", "'a'")),
            Transition(5.0, None, PENDING, 1),
            Transition(6.0, None, RUNNING, 2),
            Transition(7.0, "extract", RUNNING, 1),
        ]
    )
    run = results_of(home, "run-1")
    assert (run.status, run.results, list(run.task_runs)) == ("CRASHED", {}, ["extract"])


def test_a_torn_tail_is_left_out(home, record):
    record()
    journal = home.journal("run-1")
    journal.write_bytes(journal.read_bytes()[:-10])
    assert results_of(home, "run-1").status == "CRASHED"
    assert results_of(home, "run-1").results == {"extract": '{"rows":3}'}


def test_a_run_is_found_by_its_id_a_prefix_or_as_the_latest(home, record):
    for run_id in ("b", "aa", "ab"):
        record(run_id)
    assert [find_run_id(home, name) for name in ("b", "ab", "latest")] == ["b", "ab", "ab"]
    with pytest.raises(HistoryError, match="several runs .* begins with 'a': ab, aa; give more"):
        results_of(home, "a")
    with pytest.raises(HistoryError, match="no run has an id that begins with 'x'"):
        results_of(home, "x")


def test_nothing_is_found_where_nothing_was_recorded(home):
    with pytest.raises(HistoryError, match="no run has been recorded in .* yet; `dagy run FILE"):
        results_of(home, "latest")


def test_the_history_says_what_a_run_came_from(home, record):
    record("first")
    record("second", resumed_from="first")
    list_runs(home)
    assert [find_run(home, run).resumed_from for run in ("first", "second")] == [None, "first"]
