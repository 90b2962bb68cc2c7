"""Hooks: which are called, when, in what order, and that none can do harm."""

import logging
import threading

import pytest

from dagy import Hook, RunContext, flow, task
from dagy.interpreter import Assignment
from dagy.testing import FakeClock, run_in_memory
from tests.interpreter.recording import Recorder, run

EVENTS = ("on_running", "on_completion", "on_failure", "on_retry")


def noting(calls):
    """Hooks for every event that note what they are told."""

    def hook(event):
        def note(context, state):
            calls.append((event, context.name, context.attempt, state.type, state.message))

        return note

    return {event: [hook(event)] for event in EVENTS}


def test_the_hooks_of_a_task_that_succeeds_at_its_second_attempt():
    calls = []

    @task(retries=3, retry_delay_seconds=9, **noting(calls))
    def flaky(n: int):
        if RunContext.get().attempt == 1:
            raise OSError("busy")

    @flow
    def hooked():
        flaky(3)

    run_in_memory(hooked)
    assert calls == [
        ("on_running", "flaky", 1, "RUNNING", None),
        ("on_retry", "flaky", 2, "PENDING", "attempt 1 of 4 failed"),
        ("on_running", "flaky", 2, "RUNNING", None),
        ("on_completion", "flaky", 2, "SUCCEEDED", None),
    ]


def test_on_failure_is_called_after_the_last_attempt_only():
    calls = []

    @task(retries=1, **noting(calls))
    def broken():
        raise OSError("busy")

    @flow
    def hooked():
        broken()

    run_in_memory(hooked)
    assert [call[0] for call in calls] == ["on_running", "on_retry", "on_running", "on_failure"]
    assert calls[-1] == ("on_failure", "broken", 2, "FAILED", "OSError: busy")


@pytest.mark.parametrize("reason", ["condition", "delay", "timeout", "arguments"])
def test_on_failure_is_called_whatever_ended_the_last_attempt(reason):
    calls, clock = [], FakeClock()
    options = {
        "condition": {"retries": 5, "retry_condition_fn": lambda error: False},
        "delay": {"retries": 5, "retry_delay_seconds": lambda attempt: 1 / 0},
        "timeout": {"timeout_seconds": 1},
        "arguments": {},
    }[reason]

    @task
    def nothing():
        return {}

    @task(**options, **noting(calls))
    def broken(value=None):
        clock.sleep(2)
        raise OSError("busy")

    @flow
    def hooked():
        broken(nothing()["missing"] if reason == "arguments" else 1)

    run_in_memory(hooked, clock=clock)
    assert [call[0] for call in calls if call[0] != "on_running"] == ["on_failure"]


def test_the_hooks_of_a_flow_go_around_those_of_its_tasks():
    calls = []

    @task(**noting(calls))
    def broken():
        if len(calls) < 5:
            raise OSError("busy")

    @flow(retries=1, retry_delay_seconds=9, **noting(calls))
    def hooked(n: int):
        broken()

    run_in_memory(hooked, n=3)
    assert [(event, name, attempt) for event, name, attempt, *_ in calls] == [
        ("on_running", "hooked", 1),
        ("on_running", "broken", 1),
        ("on_failure", "broken", 1),
        ("on_retry", "hooked", 2),
        ("on_running", "hooked", 2),
        ("on_running", "broken", 1),
        ("on_completion", "broken", 1),
        ("on_completion", "hooked", 2),
    ]


def test_hooks_are_called_in_order_and_one_that_raises_is_logged_and_changes_nothing(caplog):
    calls = []

    class Notify(Hook):
        def __call__(self, context, state):
            calls.append("class")

    def broken(context, state):
        raise SystemExit("no network")

    @task(on_completion=[broken, Notify(), lambda context, state: calls.append("lambda")])
    def quick():
        return 1

    @flow(on_completion=[broken])
    def hooked():
        return quick()

    with caplog.at_level(logging.WARNING, logger="dagy"):
        assert run_in_memory(hooked).result == 1
    assert calls == ["class", "lambda"]
    assert [record.getMessage() for record in caplog.records] == [
        f"hook {broken.__qualname__} of {kind} at state SUCCEEDED; the run goes on"
        for kind in ("task 'quick' raised", "flow 'hooked' raised")
    ]
    assert "no network" in caplog.text


def test_a_hook_sees_the_context_of_what_it_is_about():
    seen = []

    def look(context, state):
        seen.append(RunContext.get() is context and (context.kind, context.parameters))

    @task(on_running=[look], on_completion=[look])
    def quick(a, b=2):
        return a

    @flow(on_running=[look])
    def hooked(n):
        quick(n)

    run_in_memory(hooked, n=7)
    assert seen == [("flow", {"n": 7}), ("task", {"a": 7}), ("task", {"a": 7})]


def test_the_run_does_not_end_before_its_hooks():
    ended, go = [], threading.Event()

    def slow(context, state):
        go.wait(10)
        ended.append(context.name)

    @task(on_completion=[slow])
    def first():
        pass

    @task
    def second(previous):
        go.set()

    @flow
    def hooked():
        second(first())

    run_in_memory(hooked, max_workers=2)
    assert ended == ["first"]


def test_a_single_attempt_calls_on_failure_only_if_it_is_the_last():
    calls = []

    @task(retries=1, **noting(calls))
    def broken():
        raise OSError("busy")

    @flow
    def hooked():
        broken()

    for attempt in (1, 2):
        result, _ = run(hooked, assignment=Assignment(frozenset({"broken"}), attempt=attempt))
        assert (result.status, result.task_runs["broken"].attempt) == ("FAILED", attempt)
    assert [(event, attempt) for event, _, attempt, *_ in calls] == [
        ("on_running", 1),
        ("on_retry", 2),
        ("on_running", 2),
        ("on_failure", 2),
    ]


def test_a_task_that_is_not_retried_because_the_run_stops_has_failed():
    calls = []
    recorder = Recorder()

    @task
    def fails():
        raise OSError("first")

    @task(retries=3, retry_delay_seconds=1, **noting(calls))
    def flaky():
        while not any(
            t.task_run_id == "fails" and t.state == "FAILED" for t in recorder.transitions
        ):
            pass
        raise OSError("second")

    @flow
    def both():
        flaky()
        fails()

    run_in_memory(both, max_workers=2, sink=recorder)
    assert recorder.of("flaky") == ["RUNNING 1", "FAILED 1"]
    assert [call[0] for call in calls] == ["on_running", "on_failure"]
