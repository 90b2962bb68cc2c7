"""Every execution of a random graph, under random policies, obeys a small model of the semantics.

Tasks are kinds with a policy; task runs are calls of them, each with a script: what its attempts do,
one after another. The clock leaps, so that delays and timeouts of minutes cost nothing.
"""

import sys
from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagy import FlowSpec, RunContext, TaskRunSpec, TaskSpec
from dagy.code import Code
from dagy.interpreter import execute
from dagy.state import TERMINAL, TRANSITIONS
from dagy.testing import FakeClock
from tests.interpreter.recording import Recorder

TIMEOUT = 100


@dataclass
class Kind:
    """The policy of a task."""

    retries: int
    delay: float | list[float] | None
    limit: int | None
    has_timeout: bool
    hooked: bool


@dataclass
class Call:
    """A task run: what it depends on, and what its attempts do: ok, fail, fatal, or slow."""

    kind: int
    depends_on: list[int]
    script: list[str]


@dataclass
class World:
    kinds: list[Kind]
    calls: list[Call]
    hooks: list[tuple[str, str, int]] = field(default_factory=list)


@st.composite
def worlds(draw):
    kinds = [
        Kind(
            retries=draw(st.integers(0, 2)),
            delay=draw(st.sampled_from([None, 0, 2.5, [1, 3]])),
            limit=draw(st.sampled_from([None, None, 1, 2])),
            has_timeout=draw(st.booleans()),
            hooked=draw(st.booleans()),
        )
        for _ in range(draw(st.integers(1, 3)))
    ]
    calls = []
    for index in range(draw(st.integers(1, 9))):
        earlier = st.sampled_from(range(index)) if index else st.nothing()
        calls.append(
            Call(
                kind=draw(st.integers(0, len(kinds) - 1)),
                depends_on=draw(st.lists(earlier, unique=True, max_size=3)) if index else [],
                script=draw(
                    st.lists(st.sampled_from(["ok", "ok", "fail", "fatal", "slow"]), max_size=3)
                ),
            )
        )
    return World(kinds, calls)


def spec_of(world):
    task_runs = [
        TaskRunSpec(f"t{i}", f"k{call.kind}", [f"t{d}" for d in call.depends_on],
                    [i, [{"$task": f"t{d}"} for d in call.depends_on]], {}, None)
        for i, call in enumerate(world.calls)
    ]  # fmt: skip
    tasks = {
        f"k{i}": TaskSpec(
            f"k{i}", "m:f", None, None, kind.retries, kind.delay,
            TIMEOUT if kind.has_timeout else None, kind.limit,
        )
        for i, kind in enumerate(world.kinds)
    }  # fmt: skip
    edges = [[d, run.id] for run in task_runs for d in run.depends_on]
    outputs = [{"$task": run.id} for run in task_runs]
    return FlowSpec("random", "1", "", tasks, task_runs, edges, outputs, [])


def codes_of(world, clock):
    def body(index, inputs):
        attempt = RunContext.get().attempt
        script = world.calls[index].script
        step = script[attempt - 1] if attempt <= len(script) else "ok"
        if step == "slow":
            clock.sleep(TIMEOUT + 1)
        if step in ("fail", "fatal"):
            raise (ValueError if step == "fail" else KeyError)(index)
        return [index, inputs]

    def noting(event):
        def note(context, state):
            world.hooks.append((f"t{context.parameters['index']}", event, context.attempt))

        return [note]

    def codes(name):
        kind = world.kinds[int(name[1:])]
        events = ("on_running", "on_retry", "on_completion", "on_failure")
        hooks = {event: noting(event) for event in events} if kind.hooked else {}
        return Code(
            body, retry_condition=lambda error: not isinstance(error, KeyError), hooks=hooks
        )

    return codes


def expected(world):
    """What each task run ends as, and after how many attempts, when nothing stops the rest."""
    model = []
    for call in world.calls:
        kind = world.kinds[call.kind]
        if any(model[d][0] != "SUCCEEDED" for d in call.depends_on):
            model.append(("SKIPPED", 0))
            continue
        for attempt in range(1, kind.retries + 2):
            step = call.script[attempt - 1] if attempt <= len(call.script) else "ok"
            if step == "ok" or (step == "slow" and not kind.has_timeout):
                model.append(("SUCCEEDED", attempt))
                break
            if step == "fatal" or attempt == kind.retries + 1:
                model.append(("FAILED", attempt))
                break
    return model


def expected_value(world, index):
    return [index, [expected_value(world, d) for d in world.calls[index].depends_on]]


def obey(world, max_workers, fail_fast):
    spec, clock, recorder = spec_of(world), FakeClock(), Recorder()
    result = execute(
        spec, codes_of(world, clock), {}, sink=recorder, clock=clock,
        max_workers=max_workers, fail_fast=fail_fast,
    )  # fmt: skip
    model = expected(world)
    ended = [(str(run.state), run.attempt) for run in result.task_runs.values()]
    failing = any(state == "FAILED" for state, _ in model)
    # With one worker nothing else is under way when an attempt is slow. With several, the clock
    # that one moves is that of all, and another's attempt may be late before it has begun.
    alone = max_workers == 1 or not any("slow" in call.script for call in world.calls)
    if alone:
        assert result.status == ("FAILED" if failing else "SUCCEEDED")
    if alone and not (failing and fail_fast):
        assert ended == model
    if result.status == "SUCCEEDED":
        assert result.output == [expected_value(world, i) for i in range(len(world.calls))]
    assert_order_is_legal(world, spec, recorder.transitions, max_workers, fail_fast)
    if alone:
        assert_hooks_are_in_order(world, recorder.transitions)


def assert_order_is_legal(world, spec, transitions, max_workers, fail_fast):
    states = {run.id: "PENDING" for run in spec.task_runs}
    runs = {run.id: run for run in spec.task_runs}
    failed = False
    for transition in transitions[1:-1]:
        name, state = transition.task_run_id, transition.state
        assert state in TRANSITIONS[states[name]]
        states[name] = state
        if state == "RUNNING":
            assert all(states[d] == "SUCCEEDED" for d in runs[name].depends_on)
            assert not (fail_fast and failed)
            assert transition.attempt <= spec.tasks[runs[name].task_name].retries + 1
        running = [run for run, state in states.items() if state == "RUNNING"]
        assert len(running) <= max_workers
        for kind, count in Counter(runs[name].task_name for name in running).items():
            assert count <= (spec.tasks[kind].concurrency_limit or count)
        failed = failed or state == "FAILED"
    assert all(state in TERMINAL for state in states.values())
    assert transitions[0].task_run_id is transitions[-1].task_run_id is None
    assert [t.at for t in transitions] == sorted(t.at for t in transitions)


def assert_hooks_are_in_order(world, transitions):
    """The hooks of each task run are those of its transitions, one for one."""
    for index, call in enumerate(world.calls):
        name = f"t{index}"
        wanted = []
        for transition in transitions:
            if transition.task_run_id != name or not world.kinds[call.kind].hooked:
                continue
            if transition.state == "RUNNING":
                wanted += [("on_retry", transition.attempt)] * (transition.attempt > 1)
                wanted.append(("on_running", transition.attempt))
            elif transition.state in ("SUCCEEDED", "FAILED"):
                event = "on_completion" if transition.state == "SUCCEEDED" else "on_failure"
                wanted.append((event, transition.attempt))
        assert [(event, attempt) for run, event, attempt in world.hooks if run == name] == wanted


@settings(max_examples=300, deadline=None)
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
    @settings(max_examples=150, deadline=None, database=None)
    @given(worlds(), st.integers(2, 8), st.booleans())
    def obeys(world, max_workers, fail_fast):
        obey(world, max_workers, fail_fast)

    obeys()
