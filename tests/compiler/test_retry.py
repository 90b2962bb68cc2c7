"""Which attempts Step Functions makes by itself, and which need a state of their own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy.policy import RetryPolicy
from dagy_compiler.passes.retry import segments_of
from dagy_compiler.plan import Backoff, Segment
from tests.compiler.flows import Flow


def segments(retries, delay):
    return segments_of(Flow().task("load", retries=retries, delay=delay).tasks["load"])


@pytest.mark.parametrize(
    ("retries", "delay", "expected"),
    [
        (0, [1, 2], (Segment(1),)),
        (3, 5, (Segment(1, 0, Backoff(5, 1, 3)),)),
        (3, 5.0, (Segment(1, 0, Backoff(5, 1, 3)),)),
        (1_000_000, 5, (Segment(1, 0, Backoff(5, 1, 1_000_000)),)),
        (1, None, (Segment(1), Segment(2))),
        (1, [], (Segment(1), Segment(2))),
        (3, [1, 2, 4], (Segment(1, 0, Backoff(1, 2, 3)),)),
        (2, [1, 2, 4], (Segment(1, 0, Backoff(1, 2, 2)),)),
        (4, [1, 2, 4], (Segment(1), Segment(2, 1), Segment(3, 2, Backoff(4, 1, 2)))),
        (3, [2, 0, 5], (Segment(1), Segment(2, 2), Segment(3, 0, Backoff(5, 1, 1)))),
        (2, [5, 0], (Segment(1), Segment(2, 5), Segment(3))),
        (3, [4, 2, 1], (Segment(1), Segment(2, 4), Segment(3, 2, Backoff(1, 1, 1)))),
    ],
)
def test_segments(retries, delay, expected):
    assert segments(retries, delay) == expected


@given(
    st.integers(0, 20),
    st.one_of(st.none(), st.integers(0, 5), st.lists(st.integers(0, 5), max_size=8)),
)
def test_attempts_and_delays_are_those_of_the_policy(retries, delay):
    """Written out, the segments are what the interpreter does for the same policy."""
    policy = RetryPolicy(retries, delay)
    made = []
    for segment in segments(retries, delay):
        if segment.first_attempt > 1:
            made.append(segment.wait_seconds)
        assert segment.first_attempt == len(made) + 1
        if segment.backoff is not None:
            assert segment.backoff.interval_seconds >= 1
            made += [
                segment.backoff.interval_seconds * segment.backoff.rate**number
                for number in range(segment.backoff.retries)
            ]
    assert made == [policy.delay_after(attempt) for attempt in range(1, retries + 1)]
