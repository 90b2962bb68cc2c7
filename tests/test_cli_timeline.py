"""The timeline, drawn of runs that are made up for it."""

from datetime import UTC, datetime, timedelta

import pytest

from dagy.cli.timeline import ASCII, MOST_ROWS, UNICODE, draw
from dagy.history import Attempt, RunDetail, TaskRunDetail

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def at(seconds):
    return NOON + timedelta(seconds=seconds)


def task_run(name, *tries, state="SUCCEEDED"):
    """A task run by its attempts, each `(start, end)` in seconds; all but the last have failed."""
    attempts = tuple(
        Attempt(number, at(start), None if end is None else at(end), failed=number < len(tries))
        for number, (start, end) in enumerate(tries, 1)
    )
    first, last = attempts[0], attempts[-1]
    return TaskRunDetail(
        name, state, len(tries), first.started_at, last.ended_at, None, None, None, attempts
    )


def run_of(*task_runs, end=10):
    ended_at = None if end is None else at(end)
    summary = ("run-1", "etl", "1", "SUCCEEDED", NOON, ended_at, len(task_runs), len(task_runs))
    return RunDetail(*summary, "{}", 4, True, "0", None, None, None, None, tuple(task_runs))


def lines(run, flow_json=None, width=40, marks=ASCII):
    return [line.plain for line in draw(run, flow_json, width, marks)]


def test_bars_are_to_scale_and_attempts_and_waits_are_told_apart():
    run = run_of(task_run("extract", (0, 5)), task_run("load", (5, 6), (8, 10)))
    assert lines(run, '{"edges":[["extract","load"]]}', width=41) == [
        "           0             10.0 s",
        "* extract  ##########            5.0 s",
        "* load               xx....####  5.0 s",
        "  x failed attempt   . waiting to try again   * critical path",
    ]


def test_without_a_graph_there_is_no_critical_path():
    assert "critical" not in "".join(lines(run_of(task_run("extract", (0, 5)))))


def test_a_run_that_goes_on_is_drawn_up_to_where_it_is():
    drawn = lines(
        run_of(task_run("a", (0, 5)), task_run("b", (5, None), state="RUNNING"), end=None)
    )
    assert drawn[2].rstrip().endswith("running")


def test_a_run_in_which_nothing_ran_is_not_drawn():
    assert lines(run_of()) == []


def test_of_many_task_runs_what_mattered_is_shown():
    many = [task_run(f"t{n}", (n, n + 1)) for n in range(500)]
    many[7] = task_run("broken", (7, 8), state="FAILED")
    many[9] = task_run("long", (9, 400))
    drawn = lines(run_of(*many, end=500), width=80)
    assert len(drawn) == MOST_ROWS + 3
    assert [name for name in ("broken", "long") if any(name in line for line in drawn)] == [
        "broken",
        "long",
    ]
    assert drawn[-2] == f"  and {500 - MOST_ROWS} shorter ones off the critical path"


@pytest.mark.parametrize("width", [40, 60, 100, 300])
@pytest.mark.parametrize("marks", [ASCII, UNICODE], ids=["ascii", "unicode"])
def test_it_fits_the_width_and_long_names_are_cut(width, marks):
    run = run_of(task_run("a-name-" * 20, (0, 1), (2, 3), (3, 10)), task_run("b", (0, 10)))
    drawn = lines(run, '{"edges":[]}', width, marks)
    assert max(map(len, drawn[:-1])) <= width
    assert marks.cut in drawn[1]
    assert "".join(drawn).isascii() is (marks is ASCII)
