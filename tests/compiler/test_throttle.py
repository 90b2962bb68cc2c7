"""concurrency_limit: where more runs could be under way than may be, the order says who waits."""

import pytest

from dagy_compiler import run_passes
from dagy_compiler.waits import waits_of
from tests.compiler.flows import Flow, output


def limited(limit):
    """Two runs of a task that share a worker, one that is elsewhere, and two that follow it."""
    flow = Flow("limited").task("load", concurrency_limit=limit).again("load-2", "load")
    flow.task("train", executor="ecs")
    flow.again("load-3", "load", output("train"))
    return flow.again("load-4", "load", output("train")).returns()


def for_limit(spec, mode):
    """What each unit waits for only because of a limit."""
    plan = run_passes(spec, mode=mode)
    names = [unit.name for unit in plan.units]
    waits = zip(names, waits_of(plan), strict=True)
    return {name: [names[other] for other in wait.for_limit] for name, wait in waits}


@pytest.mark.parametrize("mode", ["nano", "small"])
@pytest.mark.parametrize("limit", [1, 2, 5])
def test_a_worker_that_makes_several_runs_keeps_the_limit_and_so_has_it_for_itself(mode, limit):
    found = for_limit(limited(limit), mode)
    assert found == {"load, load-2": [], "train": [], "load-3, load-4": ["load, load-2"]}


def test_runs_that_share_workers_with_other_tasks_are_dealt_out_like_any_others():
    flow = Flow().task("load", concurrency_limit=1).task("more").task("train", executor="ecs")
    flow.again("load-2", "load", output("train")).task("last", output("train"))
    assert for_limit(flow.returns(), "nano")["load-2, last"] == ["load, more"]


def test_a_map_that_shares_a_worker_comes_before_or_after_every_other_run():
    flow = Flow().task("list").task("load", output("list"), map_over=[0], concurrency_limit=3)
    flow.task("train", executor="ecs").again("load-2", "load", output("train"))
    assert for_limit(flow.returns(), "nano")["load-2"] == ["list, load"]


def test_what_is_in_order_anyway_waits_for_no_limit():
    flow = Flow().task("load", concurrency_limit=1).task("train", output("load"), executor="ecs")
    spec = flow.again("load-2", "load", output("train")).returns()
    assert not any(for_limit(spec, "nano").values())
