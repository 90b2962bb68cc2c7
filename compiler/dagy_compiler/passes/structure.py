"""structure: turn the graph of units into a tree of sequence and parallel."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dagy_compiler.decompose import decompose
from dagy_compiler.plan import Plan


@dataclass(frozen=True)
class Structure:
    """Decompose the order of the units; see `dagy_compiler.decompose`.

    Before: units come after all those they depend on. After: the tree has each unit once; whatever
    the graph orders, the tree orders the same way; it orders nothing else if the graph is
    series-parallel.
    """

    def __call__(self, plan: Plan) -> Plan:
        """Return the plan with `tree`."""
        assert plan.units is not None
        return replace(plan, tree=decompose([unit.after for unit in plan.units]))
