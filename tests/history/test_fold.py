"""What a journal says is what the tables say."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagy.errors import HistoryError
from dagy.history import Home, find_run, list_runs, settle
from dagy.interpreter.events import Failure, Transition
from dagy.state import TERMINAL, TRANSITIONS, StateType

RUNNING, SUCCEEDED, FAILED = StateType.RUNNING, StateType.SUCCEEDED, StateType.FAILED
PENDING, SKIPPED, CANCELLED = StateType.PENDING, StateType.SKIPPED, StateType.CANCELLED


def query(home, sql):
    with duckdb.connect(str(home.database)) as connection:
        return connection.execute(sql).fetchall()


def moment(seconds):
    return datetime.fromtimestamp(seconds, UTC)


def test_an_ended_run_is_folded_into_three_tables_and_is_pending_no_more(home, record):
    record()
    settle(home)
    assert home.pending_ids() == []
    assert query(home, "SELECT run_id, flow_name, status, output FROM runs") == [
        ("run-1", "etl", "SUCCEEDED", "[3]")
    ]
    assert query(home, "SELECT run_id, task_run_id, state, attempts, output FROM task_runs") == [
        ("run-1", "extract", "SUCCEEDED", 1, '{"rows":3}')
    ]
    assert query(home, "SELECT seq, task_run_id, state FROM events ORDER BY seq") == [
        (1, None, "RUNNING"),
        (2, "extract", "RUNNING"),
        (3, "extract", "SUCCEEDED"),
        (4, None, "SUCCEEDED"),
    ]


UNENDED = [
    Transition(1.0, None, RUNNING),
    Transition(2.0, "load", RUNNING, 1),
    Transition(3.0, "mend", RUNNING, 1),
    Transition(4.0, "mend", PENDING, 1, "retry in 9 s", error=Failure("KeyError", "'a'", "")),
]


def test_a_run_that_goes_on_is_read_from_its_journal_and_stays_pending(home, record):
    record("before")
    record(transitions=UNENDED, going_on=True)
    settle(home)
    assert home.pending_ids() == ["run-1"]
    assert query(home, "SELECT run_id FROM runs") == [("before",)]
    run = find_run(home, "run-1")
    assert (run.status, run.ended_at, run.duration, run.message) == ("RUNNING", None, None, None)
    assert [(t.state, t.message) for t in run.task_runs] == [
        ("RUNNING", None),
        ("PENDING", "retry in 9 s"),
    ]
    assert [(r.run_id, r.status) for r in list_runs(home)] == [
        ("run-1", "RUNNING"),
        ("before", "SUCCEEDED"),
    ]


def test_a_run_whose_owner_is_gone_has_crashed_and_is_settled_once(home, record):
    record(transitions=UNENDED)
    run = find_run(home, "run-1")
    assert (run.status, run.ended_at) == ("CRASHED", moment(4))
    assert run.message == "its process ended before the run did"
    assert [(t.state, t.ended_at, t.message) for t in run.task_runs] == [
        ("CANCELLED", None, "the run crashed during attempt 1"),
        ("CANCELLED", None, "the run crashed before attempt 2"),
    ]
    assert run.task_runs[1].error == Failure("KeyError", "'a'", "")
    assert home.pending_ids() == []
    assert query(home, "SELECT status FROM runs") == [("CRASHED",)]


def test_a_run_of_which_there_is_only_a_header_runs_or_has_crashed(home, record):
    record("dead", transitions=[])
    record("alive", transitions=[], going_on=True)
    assert [(run.run_id, run.status, run.ended_at) for run in list_runs(home)] == [
        ("alive", "RUNNING", None),
        ("dead", "CRASHED", moment(1_764_000_000.25)),
    ]


def test_folding_again_changes_nothing(home, record):
    record()
    settle(home)
    before = [query(home, f"FROM {table}") for table in ("runs", "task_runs", "events")]
    home.mark_pending("run-1")
    settle(home)
    assert [query(home, f"FROM {table}") for table in ("runs", "task_runs", "events")] == before


def test_a_journal_that_grows_is_read_again(home, record):
    journal = record(transitions=[Transition(1.0, "load", RUNNING, 1)], going_on=True)
    assert (list_runs(home)[0].status, list_runs(home)[0].task_runs_succeeded) == ("RUNNING", 0)
    journal.emit(Transition(2.0, "load", SUCCEEDED, 1, output="1"))
    assert (list_runs(home)[0].status, list_runs(home)[0].task_runs_succeeded) == ("RUNNING", 1)
    journal.emit(Transition(3.0, None, SUCCEEDED, output="1"))
    journal.close()
    assert list_runs(home)[0].status == "SUCCEEDED"
    assert query(home, "SELECT count(*) FROM events") == [(3,)]


@pytest.mark.parametrize("kept", [0, 1, 10, -2, -1], ids=lambda kept: f"{kept} bytes")
def test_a_torn_last_line_is_left_out(home, record, kept):
    record()
    *lines, last = home.journal("run-1").read_bytes().splitlines(keepends=True)
    torn = last.rstrip(b"\n")[:kept]
    home.journal("run-1").write_bytes(b"".join(lines) + torn)
    settle(home)
    assert query(home, "SELECT count(*), max(seq) FROM events") == [(3, 3)]
    assert list_runs(home)[0].status == "CRASHED"


def test_a_last_line_that_lacks_only_its_newline_counts(home, record):
    record()
    home.journal("run-1").write_bytes(home.journal("run-1").read_bytes().rstrip(b"\n"))
    assert list_runs(home)[0].status == "SUCCEEDED"


def test_a_torn_header_is_a_run_that_has_not_begun(home, record):
    record()
    home.journal("run-1").write_bytes(home.journal("run-1").read_bytes()[:20])
    assert list_runs(home) == []
    assert (home.pending_ids(), home.run_ids()) == ([], [])


def test_the_error_is_that_of_the_last_failed_attempt(home, record):
    first, second = Failure("KeyError", "'a'", "trace 1"), Failure("ValueError", "b", "trace 2")
    record(
        transitions=[
            Transition(1.0, "load", RUNNING, 1),
            Transition(2.0, "load", PENDING, 1, "retry in 1 s", error=first),
            Transition(3.0, "load", RUNNING, 2),
            Transition(4.0, "load", FAILED, 2, error=second),
            Transition(5.0, None, FAILED, message="task 'load' failed", error=second),
        ]
    )
    run = find_run(home, "run-1")
    assert (run.status, run.message, run.error) == ("FAILED", "task 'load' failed", second)
    (load,) = run.task_runs
    assert (load.state, load.attempts, load.error, load.message) == ("FAILED", 2, second, None)
    assert (load.started_at, load.ended_at, load.duration) == (moment(1), moment(4), 3.0)


def test_a_success_after_a_failed_attempt_has_no_error(home, record):
    record(
        transitions=[
            Transition(1.0, "load", RUNNING, 1),
            Transition(2.0, "load", PENDING, 1, error=Failure("KeyError", "'a'")),
            Transition(3.0, "load", RUNNING, 2),
            Transition(4.0, "load", SUCCEEDED, 2, output="1"),
        ]
    )
    (load,) = find_run(home, "run-1").task_runs
    assert (load.error, load.attempts, load.output) == (None, 2, "1")


ODD_VALUES = {
    "quotes": 'it\'s "so" `called`',
    "newlines": "a\nb\r\nc\u2028d\te",
    "backslashes": "\\n \\u0041 \\",
    "NUL": "a\0b",
    "unicode": "naïve 漢字 \U0001f600 e\u0301",
    "half a surrogate pair": "a\ud800b",
    "an integer past 2^64": 2**70,
    "floats": [0.1, 1e308, 5e-324, -0.0, 1.0],
    "empties": ["", {}, [], None, False, 0],
    "odd keys": {"a.b": 1, "": 2, "$task": 3, "a b": 4, "é": 5, "'": 6},
    "what looks like JSON": '{"a": [1, null]}',
    "what looks like a date": "2025-11-24 16:00:00",
    "null": None,
}


@pytest.mark.parametrize("value", ODD_VALUES.values(), ids=ODD_VALUES.keys())
def test_odd_values_survive_exactly(home, record, value):
    text = json.dumps(value)
    record(
        parameters={"value": value},
        transitions=[
            Transition(1.0, "load", RUNNING, 1),
            Transition(2.0, "load", SUCCEEDED, 1, output=text),
            Transition(3.0, None, SUCCEEDED, output=text),
        ],
    )
    run = find_run(home, "run-1")
    assert run.output == run.task_runs[0].output == text
    told = run.to_dict()
    assert repr(told["output"]) == repr(told["parameters"]["value"]) == repr(value)


@pytest.mark.parametrize("text", ["", 'it\'s\n"x"', "a\0b", "漢字 \U0001f600", "\\ud800", "null"])
def test_odd_messages_survive_exactly(home, record, text):
    error = Failure(text, text, text)
    transitions = [
        Transition(1.0, text, SKIPPED, 0, text),
        Transition(2.0, None, FAILED, error=error),
    ]
    record(flow_name=text, transitions=transitions)
    run = find_run(home, "run-1")
    assert (run.flow_name, run.error) == (text, error)
    assert (run.task_runs[0].task_run_id, run.task_runs[0].message) == (text, text)


def test_half_a_surrogate_pair_in_a_message_is_shown_as_python_shows_it(home, record):
    error = Failure("ValueError", "bad name: \udcff", "")
    record(transitions=[Transition(2.0, None, FAILED, error=error)])
    assert find_run(home, "run-1").error == Failure("ValueError", "bad name: \\udcff", "")


@pytest.mark.parametrize("megabytes", [1, 20])
def test_a_large_output_survives(home, record, megabytes):
    text = json.dumps("x" * megabytes * 1_000_000)
    record(transitions=[Transition(1.0, "load", SUCCEEDED, 1, output=text)])
    assert find_run(home, "run-1").task_runs[0].output == text


@pytest.mark.parametrize("name", ["a b's", "[x]", "*", "key=value", "né", "{a,b}", '"', "%d"])
def test_the_home_may_have_any_name(tmp_path, record, name):
    home = Home(tmp_path / name / "home")
    record(at=home)
    assert [run.run_id for run in list_runs(home)] == ["run-1"]


def test_times_do_not_depend_on_the_time_zone(home, record):
    record(started_at=1_764_000_000.123456)
    script = (
        "import json, sys; from pathlib import Path; from dagy.history import Home, find_run;"
        "print(json.dumps(find_run(Home(Path(sys.argv[1])), 'run-1').to_dict()))"
    )
    told = []
    for zone in ("Pacific/Auckland", "America/New_York"):
        home.mark_pending("run-1")
        child = subprocess.run(
            [sys.executable, "-c", script, str(home.root)],
            env={**os.environ, "TZ": zone},
            capture_output=True,
            text=True,
            check=True,
        )
        told.append(json.loads(child.stdout))
    assert told[0] == told[1]
    assert told[0]["started_at"] == "2025-11-24T16:00:00.123456+00:00"
    assert told[0]["duration"] == 3.0


def test_a_journal_of_a_later_version_hides_no_other_run(home, record):
    record("old")
    record("new", schema_version=2)
    with pytest.raises(HistoryError, match="run new is not .* journal version 2, .* upgrade Dagy"):
        settle(home)
    with pytest.warns(UserWarning, match="run new is not in the local history"):
        assert [run.run_id for run in list_runs(home)] == ["old"]
    assert home.pending_ids() == ["new"]


# A legal history: tasks walk the table of transitions, interleaved in any order.

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
failures = st.builds(Failure, texts, texts, texts)


@st.composite
def histories(draw):
    states = {f"task-{n}": PENDING for n in range(draw(st.integers(0, 3)))}
    attempts = dict.fromkeys(states, 0)
    at, transitions = 1_764_000_000.0, []
    for _ in range(draw(st.integers(0, 14))):
        open_tasks = [name for name, state in states.items() if state not in TERMINAL]
        if not open_tasks:
            break
        name = draw(st.sampled_from(open_tasks))
        state = draw(st.sampled_from(sorted(TRANSITIONS[states[name]])))
        states[name] = state
        attempts[name] += state is RUNNING
        at += draw(st.floats(0, 100))
        transitions.append(
            Transition(
                at,
                name,
                state,
                attempts[name],
                draw(st.none() | texts),
                json.dumps(draw(texts)) if state is SUCCEEDED else None,
                draw(failures) if state is FAILED or (state is PENDING) else None,
            )
        )
    if draw(st.booleans()):
        transitions.append(Transition(at, None, draw(st.sampled_from([SUCCEEDED, CANCELLED]))))
    return transitions


def reference(transitions):
    """The fold, as one would write it without a database."""
    tasks = {}
    for event in transitions:
        if event.task_run_id is None:
            continue
        task = tasks.setdefault(
            event.task_run_id, {"started_at": None, "ended_at": None, "error": None}
        )
        task.update(state=event.state.value, attempts=event.attempt)
        task.update(message=event.message, output=event.output)
        at = datetime.fromtimestamp(0, UTC).timestamp() + round(event.at * 1e6) / 1e6
        if event.state is RUNNING and task["started_at"] is None:
            task["started_at"] = moment(at)
        if event.state in TERMINAL:
            task["ended_at"] = moment(at)
        task["error"] = None if event.state is SUCCEEDED else event.error or task["error"]
    return tasks


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory):
    return Home(tmp_path_factory.mktemp("histories"))


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(transitions=histories())
def test_folding_gives_what_a_fold_in_python_gives(shared_home, record, transitions):
    run_id = f"run-{len(shared_home.run_ids())}."
    journal = record(run_id, transitions=transitions, at=shared_home, going_on=True)
    run = find_run(shared_home, run_id)
    folded = {
        task.task_run_id: {
            name: value
            for name, value in vars(task).items()
            if name not in {"task_run_id", "tries"}
        }
        for task in run.task_runs
    }
    assert folded == reference(transitions)
    assert list(folded) == list(reference(transitions))
    ended = bool(transitions) and transitions[-1].task_run_id is None
    assert run.status == (transitions[-1].state if ended else "RUNNING")
    # The same once it is in the file.
    journal.close()
    over = find_run(shared_home, run_id)
    assert run_id not in shared_home.pending_ids()
    assert over == run if ended else over.status == "CRASHED"
