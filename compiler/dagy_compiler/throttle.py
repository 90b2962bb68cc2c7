"""`concurrency_limit` between states, as order: n runs of a task at once are n sequences."""

from __future__ import annotations

from collections.abc import Sequence

from dagy_compiler.order import ancestors_of
from dagy_compiler.plan import Plan

Before = Sequence[Sequence[int]]
"""For each unit, the units that must have ended before, by index; all of smaller index."""


def throttled(plan: Plan, before: Before) -> Before:
    """Return the order of the units, with as much added as concurrency limits ask for.

    Step Functions has no semaphore. So where more runs of a task could be under way than may be,
    they are dealt out to as many sequences as there may be at once, in the flow's order. A map
    keeps its limit by itself (`MaxConcurrency`), and so comes before or after every other run.

    Args:
        plan: with units.
        before: the order so far.
    """
    assert plan.units is not None
    groups: dict[str, list[int]] = {}
    for index, each in enumerate(plan.units):
        if len(each.task_runs) == 1 and plan.task_of(each.task_runs[0]).concurrency_limit:
            groups.setdefault(plan.runs[each.task_runs[0]].task_name, []).append(index)
    groups = {name: group for name, group in groups.items() if len(group) > 1}
    if not groups:
        return before
    ancestors = ancestors_of(before)
    added: list[set[int]] = [set(earlier) for earlier in before]
    for name, group in groups.items():
        limit = plan.spec.tasks[name].concurrency_limit
        assert limit is not None
        mapped = {unit for unit in group if plan.runs[_id(plan, unit)].map_over is not None}
        if not mapped and _sequences(group, ancestors) <= limit:
            continue
        lanes = 1 if mapped else limit
        for position, unit in enumerate(group):
            # All of its lane, not the last of it alone: that may be on the side not taken.
            added[unit].update(group[position % lanes : position : lanes])
    return [sorted(earlier) for earlier in added]


def _id(plan: Plan, unit: int) -> str:
    assert plan.units is not None
    return plan.units[unit].task_runs[0]


def _sequences(group: Sequence[int], ancestors: Sequence[int]) -> int:
    """Return a number of sequences that the order makes of some units already.

    First fit: at least as many as the fewest there are (Dilworth's number), seldom more.
    """
    last: list[int] = []
    for unit in group:
        for lane, other in enumerate(last):
            if ancestors[unit] >> other & 1:
                last[lane] = unit
                break
        else:
            last.append(unit)
    return len(last)
