"""Which attempts Step Functions makes by itself, and which the worker decides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy.policy import RetryPolicy
from dagy_compiler import run_passes
from dagy_compiler.passes.retry import attempts_of
from dagy_compiler.plan import Backoff
from tests.compiler.flows import Flow, output
from tests.compiler.stacks import of_type, stack_of


def attempts(retries, delay, **policy):
    return attempts_of(Flow().task("load", retries=retries, delay=delay, **policy).tasks["load"])


@pytest.mark.parametrize(
    ("retries", "delay", "expected"),
    [
        (3, 5, Backoff(5, 1, None, 3)),
        (3, 5.0, Backoff(5, 1, None, 3)),
        (1_000_000, 5, Backoff(5, 1, None, 1_000_000)),
        (3, [1, 2, 4], Backoff(1, 2, None, 3)),
        (2, [1, 2, 4], Backoff(1, 2, None, 2)),
        (4, [1, 2, 4], Backoff(1, 2, 4, 4)),
        (5, [1, 3, 5], Backoff(1, 3, 5, 5)),
    ],
)
def test_what_grows_by_a_constant_factor_is_native(retries, delay, expected):
    made = attempts(retries, delay)
    assert (made.backoff, made.decided) == (expected, False)


@pytest.mark.parametrize(
    "delay", [None, 0, [], 0.5, [1, 1.5], [2, 0, 5], [2, 3, 5], [4, 2, 1], [1, 40_000_000]]
)
def test_every_other_delay_is_the_workers(delay):
    made = attempts(3, delay)
    assert (made.backoff, made.decided) == (None, True)


@pytest.mark.parametrize(
    "policy",
    [
        {"retry_jitter_factor": 0.1},
        {"retry_condition": "is_temporary"},
        {"hooks": {"on_failure": ["tell"]}},
        {"hooks": {"on_retry": ["tell"]}},
    ],
)
def test_what_asks_the_users_code_is_the_workers(policy):
    assert attempts(3, 5, **policy).decided


def test_one_attempt_needs_nobody_unless_somebody_is_to_be_told_of_its_end():
    assert not attempts(0, [1, 2]).decided
    assert attempts(0, None, hooks={"on_failure": ["tell"]}).decided


def test_a_state_ends_after_the_worker_would_have_ended_the_attempt():
    assert attempts(0, None, timeout_seconds=30.5).timeout_seconds == 91
    assert attempts(0, None).timeout_seconds == 660


@pytest.mark.parametrize(
    ("timeout", "function", "state"),
    [(None, 600, 660), (539, 600, 599), (540, 600, 660), (541, 660, 601), (600, 660, 720)],
)
def test_lambda_ends_after_the_worker_and_the_state_after_both(timeout, function, state):
    spec = Flow().task("load", timeout_seconds=timeout).returns(None)
    plan = run_passes(spec, mode="micro")
    [properties] = of_type(stack_of(plan), "AWS::Lambda::Function").values()
    assert (properties["Timeout"], plan.attempts[0].timeout_seconds) == (function, state)


def test_whatever_shares_a_function_with_such_a_task_outlasts_it():
    flow = Flow().task("load", timeout_seconds=600).task("report", output("load"))
    micro, nano = (run_passes(flow.returns(None), mode=mode) for mode in ("micro", "nano"))
    assert [each.timeout_seconds for each in micro.attempts] == [720, 720]
    assert [each.timeout_seconds for each in nano.attempts] == [720]


@given(
    st.integers(0, 20),
    st.one_of(st.integers(0, 5), st.lists(st.integers(0, 5), max_size=8)),
)
def test_native_delays_are_those_of_the_policy(retries, delay):
    """Written out, a retrier does what the interpreter does for the same policy."""
    policy = RetryPolicy(retries, delay)
    backoff = attempts(retries, delay).backoff
    if backoff is None:
        return
    largest = backoff.max_delay_seconds or 99_999_999
    made = [
        min(backoff.interval_seconds * backoff.rate**number, largest)
        for number in range(backoff.retries)
    ]
    assert backoff.interval_seconds >= 1
    assert made == [policy.delay_after(attempt) for attempt in range(1, retries + 1)]
