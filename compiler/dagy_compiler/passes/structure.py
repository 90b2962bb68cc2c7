"""structure: turn the graph of units into a tree of sequence and parallel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from dagy_compiler.decompose import decompose
from dagy_compiler.plan import Plan, Unit


@dataclass(frozen=True)
class Structure:
    """Decompose the order of the units, by their durations; see `dagy_compiler.decompose`.

    Before: units come after all those they depend on. After: the tree has each unit once; whatever
    the graph orders, the tree orders the same way; it orders nothing else if the graph is
    series-parallel.
    """

    def __call__(self, plan: Plan) -> Plan:
        """Return the plan with `tree`."""
        assert plan.units is not None
        durations = [_duration(unit, plan.durations) for unit in plan.units]
        return replace(plan, tree=decompose([unit.after for unit in plan.units], durations))


def _duration(unit: Unit, durations: Mapping[str, float]) -> float | None:
    """Return how long a unit takes if its task runs take turns; None unless each is known."""
    known = [durations.get(task_run_id) for task_run_id in unit.task_runs]
    return None if None in known else sum(seconds for seconds in known if seconds is not None)
