"""`dagy runs` and `dagy sql`, as a user types them; the history is recorded for the test, not run."""

import csv
import io
import json
import re
import time

import duckdb
import pytest

from dagy.cli.runs import moment
from dagy.history import Home, Journal, RunHeader
from dagy.interpreter.events import Failure, Transition
from dagy.state import StateType

RUNNING, SUCCEEDED, FAILED = StateType.RUNNING, StateType.SUCCEEDED, StateType.FAILED
HOUR = 3600.0


@pytest.fixture
def record(home):
    """Record a run of two tasks in a row, `load` failing once before it succeeds (or does not)."""
    opened = []

    def write(
        run_id, flow_name="etl", *, hours_ago=1.0, load=2.0, status=SUCCEEDED, going_on=False
    ):
        at = time.time() - hours_ago * HOUR
        root = Home(home)
        journal = Journal.create(root, RunHeader(run_id, flow_name, "1", {}, at, 4, True, "0.1.0"))
        opened.append(journal)
        error = Failure("KeyError", "'a'", "")
        for transition in [
            Transition(at, None, RUNNING),
            Transition(at, "extract", RUNNING, 1),
            Transition(at + 1, "extract", SUCCEEDED, 1, output="3"),
            Transition(at + 1, "load", RUNNING, 1),
            Transition(at + 2, "load", StateType.PENDING, 1, "retry in 1 s", error=error),
            Transition(at + 3, "load", RUNNING, 2),
        ]:
            journal.emit(transition)
        if status is not None and not going_on:
            ok = status is SUCCEEDED
            end = at + 3 + load
            journal.emit(Transition(end, "load", status, 2, error=None if ok else error,
                                    output="4" if ok else None))  # fmt: skip
            journal.emit(Transition(end, None, status, error=None if ok else error))
        graph = {"edges": [["extract", "load"]]}
        root.save_flow(run_id, json.dumps(graph))
        if not going_on:
            journal.close()

    yield write
    for journal in opened:
        journal.close()


def ids(done):
    return [line.split()[0] for line in done.stdout.splitlines()[1:]]


def test_list_filters_by_flow_status_and_time(dagy, record):
    record("old", hours_ago=50)
    record("bad", status=FAILED)
    record("dead", status=None)
    record("other", "report", hours_ago=0.5)
    record("alive", hours_ago=0.1, going_on=True)
    assert ids(dagy("runs", "list")) == ["alive", "other", "dead", "bad", "old"]
    assert ids(dagy("runs", "list", "--flow", "etl", "--since", "2h")) == ["alive", "dead", "bad"]
    assert ids(dagy("runs", "list", "--status", "failed", "--status", "crashed")) == ["dead", "bad"]
    assert ids(dagy("runs", "list", "--status", "running", "--limit", "1")) == ["alive"]
    as_json = json.loads(dagy("runs", "list", "--since", "2020-01-31", "-n", "1", "--json").stdout)
    assert [run["status"] for run in as_json] == ["RUNNING"]
    nothing = dagy("runs", "list", "--flow", "no-such")
    assert nothing.stdout == "No run fits; `dagy runs list` shows the latest of all.\n"


def test_since_is_how_long_ago_or_when():
    from datetime import UTC, datetime

    now = datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert moment("2h", now) == datetime(2026, 1, 31, 10, tzinfo=UTC)
    assert moment("1.5d", now) == datetime(2026, 1, 30, tzinfo=UTC)
    assert moment("2026-01-30T06:00+00:00", now) == datetime(2026, 1, 30, 6, tzinfo=UTC)
    assert moment("2026-01-30", now) == datetime(2026, 1, 30).astimezone()


def test_show_draws_attempts_waits_and_the_critical_path_to_scale(dagy, record):
    record("run-1", load=2.0)
    shown = dagy("runs", "show", "run").stdout.splitlines()
    start = next(n for n, line in enumerate(shown) if line.startswith("* extract"))
    extract, load, legend = shown[start : start + 3]
    assert extract.endswith("  1.0 s")
    bar = load.removeprefix("* load").removesuffix("4.0 s").strip()
    failed, waited, worked = (bar.count(mark) for mark in "x.#")
    assert bar == "x" * failed + "." * waited + "#" * worked
    assert abs(failed - waited) <= 2
    assert abs(worked - 2 * waited) <= 3  # attempts and the wait took 1 s, 1 s, 2 s
    assert len(load) <= 100
    assert legend.strip() == "x failed attempt   . waiting to try again   * critical path"


@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_a_timeline_fits_the_terminal(dagy, record, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    record("run-1")
    shown = dagy("runs", "show", "run-1").stdout
    drawing = shown.split("\n\n")[1]
    assert max(map(len, drawing.splitlines()[:-1])) <= int(columns)


def test_a_crashed_run_says_so(dagy, record):
    record("dead", status=None)
    shown = dagy("runs", "show", "latest")
    assert "etl  run dead  CRASHED" in shown.stdout
    assert re.search(r"load +CANCELLED +2 ", shown.stdout)
    assert shown.stderr == "error: the run crashed: its process ended before the run did\n"


def test_compare_says_what_got_slower(dagy, record):
    record("quick", hours_ago=2, load=1.0)
    record("slow", load=3.0)
    compared = dagy("runs", "compare", "quick", "latest").stdout
    assert "in all 2.0 s slower (+50%)" in compared
    assert "load      3.0 s in 2 attempts  5.0 s in 2 attempts  2.0 s slower (+67%)" in compared
    assert "1 task run about as before" in compared
    told = json.loads(dagy("runs", "compare", "slow", "quick", "--json").stdout)
    assert told["seconds"] == pytest.approx(-2.0)
    assert [(t["task_run_id"], t["change"]) for t in told["task_runs"]] == [
        ("load", "same"),
        ("extract", "same"),
    ]


def test_compare_says_what_changed_its_state_and_what_is_new(dagy, record):
    record("good", hours_ago=2)
    record("bad", status=FAILED)
    told = json.loads(dagy("runs", "compare", "good", "bad", "--json").stdout)
    (load, _) = told["task_runs"]
    assert (load["change"], load["before"]["state"], load["after"]["state"]) == (
        "state",
        "SUCCEEDED",
        "FAILED",
    )


def test_delete_removes_all_of_a_run_and_never_one_that_goes_on(dagy, record, home):
    record("run-1", hours_ago=3)
    record("run-2", hours_ago=2)
    record("alive", going_on=True)
    asked = dagy("runs", "delete", "run-1")
    assert asked.returncode == 2
    assert "error: to delete run run-1 and all that it left, say --yes" in asked.stderr
    refused = dagy("runs", "delete", "run-1", "alive", "--yes")
    assert refused.returncode == 2
    assert "run alive goes on; stop it first" in refused.stderr
    assert sorted(Home(home).run_ids()) == ["alive", "run-1", "run-2"]
    assert dagy("runs", "delete", "run-1", "run-2", "-y").stdout == (
        "Deleted 2 runs (run-1, run-2).\n"
    )
    assert Home(home).run_ids() == ids(dagy("runs", "list")) == ["alive"]


def test_export_writes_parquet_for_anyone_to_read(dagy, record, tmp_path):
    record("run-1")
    record("run-2", "report")
    record("alive", going_on=True)
    one = dagy("runs", "export", "all.parquet")
    assert one.stdout == "all.parquet: 6 rows\n"
    some = dagy("runs", "export", "it's here", "--flow", "report")
    assert some.stdout.splitlines() == [
        "it's here/runs.parquet: 1 row",
        "it's here/task_runs.parquet: 2 rows",
        "it's here/events.parquet: 8 rows",
    ]
    rows = duckdb.read_parquet(str(tmp_path / "all.parquet")).fetchall()
    assert {row[0] for row in rows} == {"run-1", "run-2", "alive"}
    unwritable = dagy("runs", "export", "all.parquet/x")
    assert (unwritable.returncode, unwritable.stderr.count("\n")) == (2, 1)


def test_sql_answers_as_a_table_json_or_csv(dagy, record):
    record("run-1")
    record("alive", going_on=True)
    question = "select run_id, status, output from runs order by run_id"
    assert dagy("sql", question).stdout.splitlines()[1:] == [
        "alive   RUNNING    NULL  ",
        "run-1   SUCCEEDED  NULL  ",
    ]
    assert json.loads(dagy("sql", question, "--json").stdout)[1] == {
        "run_id": "run-1",
        "status": "SUCCEEDED",
        "output": None,
    }
    told = list(csv.reader(io.StringIO(dagy("sql", question, "--csv").stdout)))
    assert told == [["run_id", "status", "output"], ["alive", "RUNNING", ""], ["run-1", "SUCCEEDED", ""]]  # fmt: skip
    assert dagy("sql", "select 1 as one where false").stdout == "No rows (one).\n"


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ("insert into runs select * from runs", "this is an INSERT statement"),
        ("drop table runs", "this is a DROP statement"),
        ("delete from events", "this is a DELETE statement"),
        ("attach 'x.duckdb'", "this is an ATTACH statement"),
        ("copy runs to 'x.csv'", "this is a COPY statement"),
        ("set threads = 1", "this is a SET statement"),
        ("install httpfs", "this is a LOAD statement"),
        ("select 1; drop table runs", "one statement at a time, not 2"),
        ("select * from read_csv('/etc/passwd')", "can read its tables only, no files"),
        ("selct", 'syntax error at or near "selct"'),
        ("select nothing from runs", 'column "nothing" not found'),
        ("", "no question was given"),
    ],
)
def test_sql_only_reads(home, record, question, message):
    from dagy.errors import HistoryError
    from dagy.history.sql import ask

    record("run-1")
    record("alive", going_on=True)
    with pytest.raises(HistoryError) as caught:
        ask(Home(home), question)
    assert message in str(caught.value)
    assert ask(Home(home), "select count(*) from runs").rows == [(2,)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["list", "--since", "yesterday"], "--since yesterday: write how long ago (30m, 2h, 3d)"),
        (["list", "--status", "bad"], "there is no such status; there are running, succeeded"),
        (["show", "zzz"], "no run has an id that begins with 'zzz'; the latest are run-1 (etl)"),
        (["compare", "run-1", "zzz"], "no run has an id that begins with 'zzz'"),
        (["delete", "zzz", "--yes"], "no run has an id that begins with 'zzz'"),
    ],
)
def test_a_mistake_exits_with_2_and_one_message(dagy, record, arguments, message):
    record("run-1")
    done = dagy("runs", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["runs", "show", "latest"],
        ["runs", "compare", "a", "b"],
        ["runs", "delete", "a", "--yes"],
        ["runs", "export", "x"],
        ["sql", "select 1"],
    ],
)
def test_where_nothing_was_recorded_every_command_says_how_to_begin(dagy, arguments):
    done = dagy(*arguments)
    assert done.returncode == 2
    assert "`dagy run FILE.py` makes one" in done.stderr
