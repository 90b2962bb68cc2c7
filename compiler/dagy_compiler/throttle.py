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
    keeps its limit by itself (`MaxConcurrency`), as does a worker that makes several runs: each
    comes before or after every other run.

    Args:
        plan: with units.
        before: the order so far.
    """
    assert plan.units is not None
    groups: dict[str, list[int]] = {}
    for index, each in enumerate(plan.units):
        names = dict.fromkeys(plan.runs[task_run].task_name for task_run in each.task_runs)
        for name in names:
            if plan.spec.tasks[name].concurrency_limit:
                groups.setdefault(name, []).append(index)
    groups = {name: group for name, group in groups.items() if len(group) > 1}
    if not groups:
        return before
    ancestors = ancestors_of(before)
    added: list[set[int]] = [set(earlier) for earlier in before]
    for name, group in groups.items():
        limit = plan.spec.tasks[name].concurrency_limit
        assert limit is not None
        alone = any(_keeps_limit(plan, unit, name) for unit in group)
        if not alone and _sequences(group, ancestors) <= limit:
            continue
        lanes = 1 if alone else limit
        for position, unit in enumerate(group):
            # All of its lane, not the last of it alone: that may be on the side not taken.
            added[unit].update(group[position % lanes : position : lanes])
    return [sorted(earlier) for earlier in added]


def _keeps_limit(plan: Plan, unit: int, name: str) -> bool:
    """Tell whether a unit may have as many runs of a task under way as there may be at once."""
    assert plan.units is not None
    runs = [plan.runs[task_run] for task_run in plan.units[unit].task_runs]
    own = [run for run in runs if run.task_name == name]
    return len(own) > 1 or own[0].map_over is not None


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
