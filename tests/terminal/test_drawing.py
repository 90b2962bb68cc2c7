"""The drawing fits the terminal, whatever happens in the run and however small the terminal is."""

import hypothesis.strategies as st
from hypothesis import given

from dagy import flow, task
from dagy.cli.board import Board
from dagy.cli.drawing import draw
from dagy.interpreter import Failure, Transition
from dagy.logs import LogLine
from dagy.state import StateType


@task(retries=2)
def many(n: int):
    """Runs often."""


@task
def once():
    """Runs once."""


def board_of(size):
    @flow
    def sized():
        once()
        for n in range(size - 1):
            many(n)

    return Board(sized.build())


happenings = st.lists(
    st.tuples(
        st.integers(0, 39),
        st.sampled_from(list(StateType)),
        st.integers(0, 3),
        st.text(max_size=5),
    ),
    max_size=60,
)


@given(
    size=st.integers(1, 40), happen=happenings, width=st.integers(1, 120), height=st.integers(1, 50)
)
def test_it_is_never_higher_than_the_terminal_and_counts_are_right(size, happen, width, height):
    board = board_of(size)
    ids = list(board.rows)
    last = {}
    for at, (index, state, attempt, text) in enumerate(happen):
        task_run_id = ids[index % size]
        error = Failure("Error", text) if state is StateType.FAILED else None
        board.apply(Transition(at, task_run_id, state, attempt, error=error))
        board.hear(LogLine(at, text, "stdout", task_run_id))
        last[task_run_id] = state
    lines = draw(board, width, height)
    assert len(lines) <= max(height, 2)
    assert not any("\n" in line.plain for line in lines)
    for state in StateType:
        expected = sum(last.get(id, StateType.PENDING) is state for id in ids)
        assert board.counts[state] == expected
        assert sum(counts[state] for counts in board.groups.values()) == expected


def test_the_items_of_a_map_are_shown_and_counted_in_its_place():
    @task(retries=2)
    def page(n):
        return n

    @flow
    def pages():
        page.map([1, 2])

    board = Board(pages.build())
    assert draw(board, 80, 12)[0].plain.split() == ["·", "page"]
    board.apply(Transition(1.0, "page", StateType.RUNNING, 1))
    for item in ("page[0]", "page[1]"):
        board.apply(Transition(1.0, item, StateType.RUNNING, 2))
    drawn = [line.plain.split() for line in draw(board, 80, 12)]
    assert [line[1] for line in drawn[:-1]] == ["page[0]", "page[1]"]
    assert drawn[0][-4:] == ["attempt", "2", "of", "3"]
    assert +board.groups["page"] == {StateType.RUNNING: 2}


def test_a_flow_that_is_retried_as_a_whole_starts_over_on_the_board():
    board = board_of(3)
    board.apply(Transition(1.0, None, StateType.RUNNING, 1))
    board.apply(Transition(2.0, "once", StateType.FAILED, 1, error=Failure("E", "no")))
    board.apply(Transition(3.0, None, StateType.PENDING, 1))
    board.apply(Transition(4.0, None, StateType.RUNNING, 2))
    assert board.rows["once"].state is StateType.PENDING
    assert board.active == {}
    assert +board.counts == {StateType.PENDING: 3}


def test_failures_leave_room_for_what_is_running():
    board = board_of(100)
    ids = list(board.rows)
    for at, task_run_id in enumerate(ids[:50]):
        board.apply(Transition(at, task_run_id, StateType.FAILED, 1, error=Failure("E", "no")))
    for at, task_run_id in enumerate(ids[50:53]):
        board.apply(Transition(at, task_run_id, StateType.RUNNING, 1))
    drawn = [line.plain for line in draw(board, 80, 12)]
    assert len(drawn) == 12
    assert drawn[0].startswith("many  ")
    assert sum(line.startswith("✗") for line in drawn) == 6
    assert sum(line.startswith("▸") for line in drawn) == 3
    assert "… and 44 more failed" in drawn
    assert drawn[-1].endswith("50/100  50 failed  3 running")


def test_the_bar_is_full_only_when_all_has_ended():
    board = board_of(40)
    ids = list(board.rows)
    for at, task_run_id in enumerate(ids):
        board.apply(Transition(at, task_run_id, StateType.SUCCEEDED, 1))
        full = "╴" not in draw(board, 60, 10)[-1].plain
        assert full == (task_run_id == ids[-1])
