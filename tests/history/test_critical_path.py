from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from dagy.history.critical_path import critical_path

NOON = datetime(2026, 1, 31, 12)


def at(**seconds):
    return {name: NOON + timedelta(seconds=second) for name, second in seconds.items()}


def test_it_goes_back_from_the_last_end_through_the_input_that_ended_last():
    ends = at(extract=1, clean=5, enrich=3, load=7, notify=6)
    edges = [["extract", "clean"], ["extract", "enrich"], ["clean", "load"], ["enrich", "load"]]
    assert critical_path(ends, edges) == ["extract", "clean", "load"]


def test_an_input_that_never_ended_is_passed_over():
    assert critical_path(at(b=2, c=3), [["a", "c"], ["b", "c"]]) == ["b", "c"]
    assert critical_path({}, [["a", "b"]]) == []


@given(st.lists(st.tuples(st.integers(1, 50), st.sets(st.integers(0, 11))), max_size=12))
def test_it_is_a_path_of_the_graph_that_ends_last(tasks):
    """Where everything starts when its inputs are there, it is as long as the whole run."""
    ends: dict[str, datetime] = {}
    edges = []
    for number, (seconds, inputs) in enumerate(tasks):
        sources = [f"t{source}" for source in inputs if source < number]
        edges += [[source, f"t{number}"] for source in sources]
        start = max((ends[source] for source in sources), default=NOON)
        ends[f"t{number}"] = start + timedelta(seconds=seconds)
    path = critical_path(ends, edges)
    assert all([a, b] in edges for a, b in pairwise(path))
    lasted = sum(tasks[int(name[1:])][0] for name in path)
    assert NOON + timedelta(seconds=lasted) == max(ends.values(), default=NOON)
