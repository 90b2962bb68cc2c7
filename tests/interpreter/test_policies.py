"""Retry policies: delays, jitter, conditions, and the retries of a flow as a whole."""

import statistics

import pytest

from dagy import RunContext, flow, task
from dagy.policy import RetryPolicy
from dagy.testing import FakeClock, run_in_memory
from tests.interpreter.recording import Recorder


def failing_until(attempt, *, name="flaky", **options):
    """A flow of one task that succeeds at an attempt, and returns its number."""

    @task(name=name, **options)
    def flaky():
        number = RunContext.get().attempt
        if number < attempt:
            raise ConnectionError(f"attempt {number}")
        return number

    @flow
    def flaky_flow():
        return flaky()

    return flaky_flow


def test_a_callable_delay_is_given_the_number_of_the_attempt_that_failed():
    asked = []

    def delay(attempt):
        asked.append(attempt)
        return attempt * 10

    clock = FakeClock()
    run = run_in_memory(failing_until(4, retries=3, retry_delay_seconds=delay), clock=clock)
    assert (run.result, asked, clock.waits) == (4, [1, 2, 3], [10, 20, 30])


@pytest.mark.parametrize(
    ("delay", "problem"),
    [
        (lambda attempt: 1 / 0, "ZeroDivisionError: division by zero"),
        (lambda attempt: "soon", "it returned 'soon', which is not a number of seconds"),
        (lambda attempt: -1, "it returned -1"),
        (lambda attempt: float("nan"), "it returned nan"),
        (lambda attempt: True, "it returned True"),
        (lambda: 1, "TypeError"),
    ],
)
def test_a_callable_delay_that_is_of_no_use_fails_the_task_with_both_errors(delay, problem):
    run = run_in_memory(failing_until(9, retries=3, retry_delay_seconds=delay))
    record = run.task_runs["flaky"]
    assert (record.state, record.attempts) == ("FAILED", 1)
    assert record.error[:2] == ("ConnectionError", "attempt 1")
    assert "not retried: retry_delay_seconds(1) raised" in record.message
    assert problem in record.message


def test_jitter_stretches_each_delay_by_up_to_its_factor():
    clock = FakeClock()
    quick = failing_until(501, retries=500, retry_delay_seconds=10, retry_jitter_factor=0.5)
    run_in_memory(quick, clock=clock, seed=7).raise_on_failure()
    assert len(clock.waits) == 500
    assert all(10 <= delay <= 15 for delay in clock.waits)
    # U(10, 15): mean 12.5, deviation 5 / sqrt(12) = 1.44; 500 draws are within 0.3 of either.
    assert statistics.mean(clock.waits) == pytest.approx(12.5, abs=0.3)
    assert statistics.stdev(clock.waits) == pytest.approx(1.44, abs=0.3)
    again = FakeClock()
    run_in_memory(quick, clock=again, seed=7)
    assert again.waits == clock.waits


def test_a_condition_is_asked_with_the_exception_itself():
    asked = []

    def is_temporary(error):
        asked.append(error)
        return "1" in str(error)

    run = run_in_memory(failing_until(9, retries=5, retry_condition_fn=is_temporary))
    record = run.task_runs["flaky"]
    assert [(type(error), str(error)) for error in asked] == [
        (ConnectionError, "attempt 1"),
        (ConnectionError, "attempt 2"),
    ]
    assert (record.attempts, record.error[:2]) == (2, ("ConnectionError", "attempt 2"))
    assert record.message == "not retried: retry_condition_fn said no"


def test_a_condition_that_raises_counts_as_no_and_both_errors_are_shown():
    def broken(error):
        raise KeyError("oops")

    record = run_in_memory(failing_until(9, retries=5, retry_condition_fn=broken)).task_runs[0]
    assert (record.attempts, record.error.type) == (1, "ConnectionError")
    assert record.message == "not retried: retry_condition_fn raised KeyError: 'oops'"


def test_a_condition_is_not_asked_after_the_last_attempt():
    asked = []
    run_in_memory(failing_until(9, retries=2, retry_condition_fn=lambda e: asked.append(e) or True))
    assert len(asked) == 2


def test_a_flow_is_run_again_as_a_whole_by_its_own_policy():
    calls = []

    @task
    def extract():
        calls.append("extract")
        return len(calls)

    @task(retries=1)
    def load(n):
        calls.append("load")
        if len(calls) < 6:
            raise OSError("full")
        return n

    @flow(retries=2, retry_delay_seconds=[60, 5])
    def stubborn():
        return load(extract())

    clock, recorder = FakeClock(), Recorder()
    run = run_in_memory(stubborn, clock=clock, sink=recorder)
    assert calls == ["extract", "load", "load"] * 2
    assert (run.status, run.result, clock.waits) == ("SUCCEEDED", 4, [60])
    assert recorder.of(None) == ["RUNNING 1", "PENDING 1", "RUNNING 2", "SUCCEEDED 2"]
    again = next(t for t in recorder.transitions if t.state == "PENDING" and not t.task_run_id)
    assert again.message == "task 'load' failed; the flow runs again in 60 s"
    assert again.error.type == "OSError"


def test_the_condition_of_a_flow_sees_the_error_of_the_task():
    @task
    def broken():
        raise ValueError("bad data")

    @flow(retries=5, retry_condition_fn=lambda error: isinstance(error, OSError))
    def picky():
        broken()

    recorder = Recorder()
    run = run_in_memory(picky, sink=recorder)
    assert recorder.of(None) == ["RUNNING 1", "FAILED 1"]
    assert run.error.type == "ValueError"
    assert "not retried: retry_condition_fn said no" in recorder.transitions[-1].message


def test_a_policy_without_jitter_asks_for_no_random_number():
    def never():
        raise AssertionError

    assert RetryPolicy(1, 5).decide(1, OSError(), never) == (True, 5.0, None)
    assert RetryPolicy(1, 5).decide(2, OSError(), never) == (False, 0.0, None)
