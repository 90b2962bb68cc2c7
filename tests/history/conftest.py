"""A home of its own for each test, and a way to record a run in it without running one."""

import itertools

import pytest

from dagy.history import Home, Journal, RunHeader
from dagy.interpreter.events import Transition
from dagy.state import StateType

START = 1_764_000_000.25  # 2025-11-24T16:00:00.25Z


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home")


@pytest.fixture
def header():
    """Makes the header of a run; runs start a second apart, in the order of the calls."""
    count = itertools.count()

    def make(run_id="run-1", flow_name="etl", **changes):
        fields = {
            "flow_version": "1",
            "parameters": {},
            "started_at": START + next(count),
            "max_workers": 4,
            "fail_fast": True,
            "dagy_version": "0.1.0",
        }
        return RunHeader(run_id=run_id, flow_name=flow_name, **{**fields, **changes})

    return make


@pytest.fixture
def record(home, header):
    """Writes the journal of a run; one task that succeeds, unless other transitions are given.

    With `going_on`, this process goes on owning the run, until the test closes the journal or ends.
    """
    open_journals = []

    def write(
        run_id="run-1", flow_name="etl", transitions=None, *, at=home, going_on=False, **changes
    ):
        run = header(run_id, flow_name, **changes)
        begin = run.started_at
        if transitions is None:
            transitions = [
                Transition(begin, None, StateType.RUNNING),
                Transition(begin + 0.5, "extract", StateType.RUNNING, 1),
                Transition(begin + 2, "extract", StateType.SUCCEEDED, 1, output='{"rows":3}'),
                Transition(begin + 3, None, StateType.SUCCEEDED, output="[3]"),
            ]
        journal = Journal.create(at, run)
        for transition in transitions:
            journal.emit(transition)
        assert journal.error is None
        if going_on:
            open_journals.append(journal)
        else:
            journal.close()
        return journal

    yield write
    for journal in open_journals:
        journal.close()
