"""`run_local`: what it returns, what it records, and what it survives."""

import duckdb
import pytest

from dagy import flow, task
from dagy.errors import (
    DefinitionError,
    HistoryError,
    ParameterError,
    RunFailedError,
    TraceError,
)
from dagy.history import Home, find_run, list_runs, settle


@task
def double(n: int) -> int:
    return 2 * n


@task(retries=1)
def fail():
    raise ValueError("no luck")


@flow
def doubles(n: int = 1):
    return {"once": double(n), "twice": double(double(n))}


@flow
def broken():
    return double(fail())


def test_a_run_comes_back_with_its_result_and_its_task_runs(home):
    run = doubles.run_local(n=3, max_workers=2)
    assert (run.status, run.result) == ("SUCCEEDED", {"once": 6, "twice": 12})
    assert run.raise_on_failure() is run
    assert [record.id for record in run.task_runs] == ["double", "double-2", "double-3"]
    record = run.task_runs["double-2"]
    assert record is run.task_runs[1]
    assert (record.state, record.attempts, record.output, record.error) == ("SUCCEEDED", 1, 6, None)
    assert record.start <= record.end
    assert record.start.tzinfo is not None


def test_a_failed_run_does_not_raise_unless_asked_to(home):
    run = broken.run_local()
    assert (run.status, run.result, run.failed_task) == ("FAILED", None, "fail")
    assert [(r.id, r.state, r.attempts) for r in run.task_runs] == [
        ("fail", "FAILED", 2),
        ("double", "SKIPPED", 0),
    ]
    assert run.task_runs["fail"].error.message == "no luck"
    with pytest.raises(RunFailedError) as failure:
        run.raise_on_failure()
    assert str(failure.value) == (
        f"flow 'broken' ended as FAILED (run {run.run_id})\n  task 'fail': ValueError: no luck"
    )
    assert 'raise ValueError("no luck")' in failure.value.__notes__[0]
    with pytest.raises(RunFailedError):
        broken.run_local(raise_on_failure=True)


def test_a_run_is_in_duckdb_once_the_history_is_settled(home):
    run = doubles.run_local()
    settle(Home.find())
    with duckdb.connect(str(Home.find().database), read_only=True) as connection:
        statuses = connection.execute("select run_id, status from runs").fetchall()
        task_runs = connection.execute("select count(*) from task_runs").fetchall()
        events = connection.execute("select count(*) from events").fetchall()
    assert statuses == [(run.run_id, "SUCCEEDED")]
    assert (task_runs, events) == ([(3,)], [(8,)])
    detail = find_run(Home.find(), run.run_id[:5])
    assert detail.to_dict()["output"] == {"once": 2, "twice": 4}


def test_the_history_keeps_the_last_runs_of_each_flow(home):
    other = broken.run_local()
    kept = [doubles.run_local(cleanup_keep_last=2).run_id for _ in range(4)][2:]
    assert {run.run_id for run in list_runs(Home.find())} == {other.run_id, *kept}
    assert set(Home.find().run_ids()) == {other.run_id, *kept}


@flow
def wide(n: int, label: str = "x"):
    return [double(i) for i in range(n)]


def test_a_parameter_that_shapes_the_graph_is_bound_and_said(home):
    with pytest.warns(UserWarning, match=r"'n' shapes the graph .*for i in range\(n\)"):
        run = wide.run_local(3)
    assert run.result == [0, 2, 4]


def test_a_parameter_that_is_not_given_cannot_be_bound(home):
    with pytest.raises(TraceError, match="the parameter 'n'"):
        wide.run_local()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"m": 1}, "no parameter 'm'"),
        ({"n": "three"}, "'n' must be int"),
        ({"n": object()}, "of type object"),
    ],
)
def test_parameters_that_do_not_fit_are_refused_before_anything_runs(home, given, message):
    with pytest.raises(ParameterError, match=message):
        doubles.run_local(**given)
    assert not home.exists()


def test_options_that_make_no_sense_are_refused(home):
    for options in ({"max_workers": 0}, {"cleanup_keep_last": 0}, {"fail_fast": 1}):
        with pytest.raises(DefinitionError, match=f"run_local: {next(iter(options))} must be"):
            doubles.run_local(**options)


def test_a_run_whose_home_cannot_be_written_goes_on_and_says_that_it_is_not_recorded(
    tmp_path, monkeypatch
):
    in_the_way = tmp_path / "file"
    in_the_way.write_text("not a folder")
    monkeypatch.setenv("DAGY_LOCAL_DIR", str(in_the_way))
    with pytest.warns(UserWarning, match="without being recorded.*DAGY_LOCAL_DIR") as caught:
        run = doubles.run_local(n=3)
    assert (run.result, len(caught)) == ({"once": 6, "twice": 12}, 1)
    assert caught[0].filename == __file__
    assert in_the_way.read_text() == "not a folder"


def test_a_corrupt_database_costs_no_run_and_can_be_rebuilt(home):
    first = doubles.run_local()
    database = Home.find().database
    database.write_bytes(b"this is not a database" * 1000)
    second = doubles.run_local()
    assert second.status == "SUCCEEDED"
    with pytest.raises(HistoryError, match=r"history\.duckdb cannot be used.*dagy runs list"):
        settle(Home.find())
    database.rename(home / "damaged")
    assert {run.run_id for run in list_runs(Home.find())} == {first.run_id, second.run_id}
