"""Every execution of a random world obeys a small model of the semantics; see `worlds` and `model`.

A run is recorded in a journal, which may end in its midst as after a crash, and resumed from there.
The clock leaps, so that delays and timeouts of minutes cost nothing.
"""

import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagy import RunContext
from dagy.code import Code
from dagy.context import current_task_run_id
from dagy.history import Home, RunHeader, results_of
from dagy.history.journal import Journal
from dagy.interpreter import Assignment, execute
from dagy.interpreter.caching import CACHED
from dagy.interpreter.frontier import NOT_TAKEN
from dagy.policy import RetryPolicy
from dagy.resume import Recorded, reusable
from dagy.state import TERMINAL, TRANSITIONS
from dagy.testing import FakeClock
from tests.interpreter.model import (
    RESUMED,
    End,
    cache_key,
    expected,
    got_by,
    listed,
    output,
    short,
    tolerated,
    value_of,
)
from tests.interpreter.recording import Recorder, Shelf
from tests.interpreter.worlds import TIMEOUT, World, spec_of, worlds


@dataclass
class Play:
    """A world that is being run, with how many workers, and whether the first failure stops it."""

    world: World
    max_workers: int
    fail_fast: bool
    round: int = -1
    hooks: list[tuple[str, str, int]] = field(default_factory=list)
    clock: FakeClock = field(default_factory=FakeClock)
    shelf: Shelf = field(default_factory=Shelf)

    def run(self, sink, given):
        return execute(
            spec_of(self.world), self.code_of, {}, sink=sink, flow_code=self.flow_code(),
            clock=self.clock, max_workers=self.max_workers, fail_fast=self.fail_fast,
            assignment=Assignment(results=given, reason=RESUMED), cache=self.shelf,
        )  # fmt: skip

    def flow_code(self):
        def begin(context, state):
            self.round += 1

        return Code(len, hooks={"on_running": [begin]})

    def code_of(self, task_name):
        kind = self.world.kinds[int(task_name[1:])]
        events = ("on_running", "on_retry", "on_completion", "on_failure")
        hooks = {event: [self.noting(event)] for event in events} if kind.hooked else {}
        return Code(self.body, retry_condition=is_not_fatal, hooks=hooks)

    def noting(self, event):
        def note(context, state):
            self.hooks.append((current_task_run_id.get(), event, context.attempt))

        return note

    def body(self, index, each, inputs):
        call, name, round = self.world.calls[index], current_task_run_id.get(), self.round
        item = int(name.partition("[")[2].rstrip("]") or 0)
        match call.step(round, item, RunContext.get().attempt):
            case "slow":
                self.clock.sleep(TIMEOUT + 1)
            case "fail":
                raise ValueError(name)
            case "fatal":
                raise KeyError(name)
        return output(call, name, round, short([each, inputs]))

    @property
    def is_exact(self):
        """Whether the model knows how each attempt ends.

        With one worker nothing else is under way when an attempt is slow. With several, the clock
        that one moves is that of all, and another's attempt may be late before it has begun.
        """
        return self.max_workers == 1 or not any("slow" in call.script for call in self.world.calls)


def is_not_fatal(error):
    return not isinstance(error, KeyError)


def obey(world, max_workers, fail_fast):
    play, kept = Play(world, max_workers, fail_fast), {}
    with TemporaryDirectory() as folder:
        home = Home(Path(folder))
        check(play, home, "first", {}, kept)
        if world.crash_after is not None:
            journal = home.journal("first")
            lines = journal.read_bytes().splitlines(keepends=True)
            journal.write_bytes(b"".join(lines[: world.crash_after + 1]))
            check(play, home, "second", results_to_resume(world, home), kept)


def results_to_resume(world, home):
    run, spec = results_of(home, "first"), spec_of(world)
    not_taken = {name for name, each in run.task_runs.items() if each.message == NOT_TAKEN}
    recorded = Recorded("first", spec, {}, run.results, frozenset(not_taken))
    return reusable(recorded, spec, {}, force=False)


def check(play, home, run_id, given, kept):
    """Run a world once, and hold each attempt of its flow against the model."""
    header = RunHeader(run_id, "random", "1", {}, 0.0, play.max_workers, play.fail_fast, "0")
    journal, recorder = Journal(home, header), Recorder()
    first_round = play.round + 1
    play.hooks.clear()
    result = play.run(Both(journal, recorder), given)
    journal.close()
    attempts = list(attempts_of(recorder.transitions))
    known = {name: json.loads(text) for name, text in given.items()}
    for round, transitions in enumerate(attempts, start=first_round):
        ends = ends_of(transitions)
        assert_order_is_legal(play, transitions, ends)
        assert_outputs_agree(play.world, ends)
        model = expected(play.world, round, known, kept)
        if play.is_exact:
            may_retry = round - first_round < play.world.retries
            assert_ends_are_those_of(model, ends, play, transitions[-1].state, may_retry)
        kept |= kept_by(play.world, ends)
    if result.status == "SUCCEEDED":
        assert result.output == [value_of(source, ends) for source in play.world.returned]
    if play.is_exact:
        assert_hooks_are_in_order(play, recorder.transitions)


class Both:
    """Two sinks as one."""

    def __init__(self, *sinks):
        self.sinks = sinks

    def emit(self, transition):
        for sink in self.sinks:
            sink.emit(transition)


def attempts_of(transitions):
    """Yield the transitions of each attempt of the flow as a whole."""
    starts = [
        position
        for position, transition in enumerate(transitions)
        if transition.task_run_id is None and transition.state == "RUNNING"
    ]
    assert starts[0] == 0
    for start, end in zip(starts, [*starts[1:], len(transitions)], strict=True):
        yield transitions[start:end]


def ends_of(transitions):
    """Return the last word on each task run."""
    return {
        transition.task_run_id: End(
            str(transition.state),
            transition.attempt,
            None if transition.output is None else json.loads(transition.output),
            transition.message if transition.message in (CACHED, NOT_TAKEN, RESUMED) else None,
        )
        for transition in transitions[1:-1]
    }


def kept_by(world, ends):
    """Return what the cache has got from an attempt of the flow."""
    return {
        cache_key(name, end.value["got"]): end.value
        for name, end in ends.items()
        if isinstance(end.value, dict)
        and end.note != RESUMED
        and world.kinds[call_of(world, name).kind].cached
    }


def call_of(world, name):
    return world.calls[int(name.partition("[")[0][1:])]


def assert_ends_are_those_of(model, ends, play, state_of_flow, may_retry):
    if not failed_for(play.world, {name: end.state for name, end in model.items()}, model):
        assert state_of_flow == "SUCCEEDED"
        assert ends == model
        return
    assert state_of_flow == ("PENDING" if may_retry else "FAILED")
    if not play.fail_fast:
        assert ends == model
    for name, end in ends.items():  # what still went on when the first one failed had its way
        assert end == model.get(name) or end.state in ("FAILED", "SKIPPED", "CANCELLED")


def failed_for(world, states, ends):
    """Return what has failed by now but for items whose failure is tolerated.

    Args:
        world: the world.
        states: of the task runs by now, by id.
        ends: how they end; what a map is over has its value there.
    """
    failed = [name for name, state in states.items() if state == "FAILED"]
    counts = Counter(name.partition("[")[0] for name in failed if "[" in name)
    found = [name for name in failed if "[" not in name]
    for name, count in counts.items():
        call = call_of(world, name)
        items = len(listed(value_of(call.over, ends)))
        found += [name] * (count > tolerated(world.kinds[call.kind], items))
    return found


def assert_outputs_agree(world, ends):
    """What each task run was given is what its inputs came to in this very run."""
    for name, end in ends.items():
        call = call_of(world, name)
        if end.state != "SUCCEEDED":
            continue
        if call.over is not None and "[" not in name:
            items = {key: each.value for key, each in ends.items() if key.startswith(f"{name}[")}
            assert not items or [items[f"{name}[{i}]"] for i in range(len(items))] == end.value
            mapped = zip(end.value, short(listed(value_of(call.over, ends))), strict=True)
            assert all(made is None or made["got"][0] == given for made, given in mapped)
        else:
            assert end.value["got"][1] == got_by(call, None, ends)[1]


def assert_order_is_legal(play, transitions, ends):
    states, due = {}, {}
    for transition in transitions[1:-1]:
        name, state, attempt = transition.task_run_id, transition.state, transition.attempt
        kind = play.world.kinds[call_of(play.world, name).kind]
        assert state in TRANSITIONS[states.get(name, "PENDING")]
        if state == "RUNNING":
            assert not (play.fail_fast and failed_for(play.world, states, ends))
            assert_inputs_are_there(play.world, name, states)
            assert attempt <= kind.retries + 1
            assert transition.at >= due.get(name, 0)
        elif state == "PENDING":
            due[name] = transition.at + RetryPolicy(delay=kind.delay).delay_after(attempt)
        states[name] = state
        assert_limits_are_kept(play, states)
    assert all(state in TERMINAL for state in states.values())
    assert states.keys() >= {f"t{index}" for index in range(len(play.world.calls))}
    assert transitions[0].task_run_id is transitions[-1].task_run_id is None
    assert [t.at for t in transitions] == sorted(t.at for t in transitions)


def assert_inputs_are_there(world, name, states):
    """All that a task run needs has succeeded; of a join, one side may have been skipped."""
    call = call_of(world, name)
    for number in call.depends_on:
        allowed = {"SUCCEEDED"} if number in call.needs else {"SUCCEEDED", "SKIPPED"}
        assert states[f"t{number}"] in allowed


def assert_limits_are_kept(play, states):
    calls = {
        name: call_of(play.world, name) for name, state in states.items() if state == "RUNNING"
    }
    # A mapped call runs as long as its items do, and takes no worker meanwhile.
    running = [call for name, call in calls.items() if call.over is None or "[" in name]
    assert len(running) <= play.max_workers
    for number, count in Counter(call.kind for call in running).items():
        assert count <= (play.world.kinds[number].limit or count)


def assert_hooks_are_in_order(play, transitions):
    """The hooks of each task run are those of its transitions, one for one."""
    wanted, noted = {}, {}
    for transition in transitions:
        name = transition.task_run_id
        if name is None or transition.message == RESUMED:
            continue
        call, attempt = call_of(play.world, name), transition.attempt
        is_whole = call.over is not None and "[" not in name
        if is_whole or not play.world.kinds[call.kind].hooked:
            continue
        events = wanted.setdefault(name, [])
        if transition.state == "RUNNING":
            events += [("on_retry", attempt)] * (attempt > 1)
            events.append(("on_running", attempt))
        elif transition.state in ("SUCCEEDED", "FAILED"):
            if transition.message == CACHED:
                events.pop()  # its body did not run
            event = "on_completion" if transition.state == "SUCCEEDED" else "on_failure"
            events.append((event, attempt))
    for name, event, attempt in play.hooks:
        noted.setdefault(name, []).append((event, attempt))
    assert noted == {name: events for name, events in wanted.items() if events}


@settings(max_examples=200, deadline=None)
@given(worlds(), st.integers(1, 4), st.booleans())
def test_every_execution_obeys_the_model(world, max_workers, fail_fast):
    obey(world, max_workers, fail_fast)


@pytest.fixture
def switching_all_the_time():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("switching_all_the_time")
def test_it_does_so_too_when_threads_are_switched_all_the_time():
    @settings(max_examples=100, deadline=None, database=None)
    @given(worlds(), st.integers(2, 8), st.booleans())
    def obeys(world, max_workers, fail_fast):
        obey(world, max_workers, fail_fast)

    obeys()
