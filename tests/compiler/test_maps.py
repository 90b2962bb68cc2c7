"""Maps over lists that stand in the flow, whose items nobody has to count."""

import pytest

from dagy_compiler import compile_flow, estimate
from tests.compiler.flows import Flow, output, parameter


def states(*arguments, map_over=(0,), **policy):
    """The types of the states between `load` and `total`, in order."""
    flow = Flow("mapped").task("load")
    flow.task("each", *arguments, after=["load"], map_over=list(map_over), **policy)
    flow.task("total", output("each"))
    definition = compile_flow(flow.returns(None), mode="micro").definition()
    return {
        name: state for name, state in definition["States"].items() if name not in ("load", "total")
    }


def names(*arguments, **options):
    return list(states(*arguments, **options))


@pytest.mark.parametrize("items", [[1], [1, output("load"), parameter("day")], [[]] * 40])
def test_up_to_forty_run_in_an_inline_map(items):
    found = states(items)
    assert list(found) == ["each", "each (gather)"]
    assert found["each"]["Items"] == f"{{% [0..{len(items) - 1}] %}}"
    assert found["each"]["ItemProcessor"]["ProcessorConfig"] == {"Mode": "INLINE"}


def test_more_run_in_a_distributed_map():
    found = states(list(range(41)))
    assert list(found) == ["each", "each (gather many)", "each (item failed)"]
    assert found["each"]["Items"] == "{% [0..40] %}"
    assert found["each"]["ItemProcessor"]["ProcessorConfig"]["Mode"] == "DISTRIBUTED"


def test_failures_of_items_are_counted_where_some_are_tolerated():
    assert names([1, 2], tolerated_failures=1) == [
        "each",
        "each (how many failed)",
        "each (gather)",
        "each (too many failed)",
    ]


COUNTED = [
    (([],), (0,)),  # no item would tell of it
    ((output("load"),), (0,)),
    (([1], output("load")), (0, 1)),
    (([output("load", "x")],), (0,)),  # if there is no x, the map fails as a whole
    (([1], output("load", 0)), (0,)),
    (([1], [{"$branch": output("load"), "then": 1, "otherwise": 2}]), (0,)),
]


@pytest.mark.parametrize(("arguments", "map_over"), COUNTED)
def test_a_worker_counts_what_may_not_be_there(arguments, map_over):
    assert names(*arguments, map_over=map_over)[:2] == ["each", "each (how many)"]


def test_what_is_not_mapped_over_may_be_anything_whole():
    like = {"$literal": {"$branch": [{"$literal": {"$task": None}}], "path": ["x"]}}
    found = names([1, 2], output("load"), parameter("day"), like)
    assert found == ["each", "each (gather)"]


def test_the_estimate_knows_how_many_there_are():
    def taken(items):
        flow = Flow("mapped").task("each", items, map_over=[0])
        return estimate(compile_flow(flow.returns(None), mode="micro").plan)

    assert taken([1, 2, 3]).transitions == 1 + 3 + 2
    assert taken([1]).history_events < taken([1] * 20).history_events
