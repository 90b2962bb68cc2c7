"""Parsing source in many threads at once."""

import gc
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from dagy.syntax import parsed


class Cycle:
    """Garbage that takes its time: threads are switched while it is collected."""

    def __init__(self):
        self.me = self

    def __del__(self):
        for _ in range(50):
            pass


@pytest.fixture
def restless():
    """Threads are switched, and garbage is collected, as often as can be."""
    interval, threshold = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(1e-6)
    gc.set_threshold(5)
    yield
    sys.setswitchinterval(interval)
    gc.set_threshold(*threshold)


def test_threads_that_parse_at_different_depths_do_not_disturb_each_other(restless):
    source = "x = [a + b * c(d, e=f) for a in b if c]\n" * 5

    def at(depth):
        Cycle()
        return at(depth - 1) if depth else len(parsed(source).body)

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(at, [3, 9, 15, 20] * 200)) == {5}


@pytest.mark.parametrize("source", ["def", b"x = \xff"])
def test_what_is_not_python_is_told_at_once(source):
    with pytest.raises(SyntaxError):
        parsed(source)
