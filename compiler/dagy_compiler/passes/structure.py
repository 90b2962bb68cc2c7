"""structure: turn the graph of units into a tree of sequence, parallel and branches."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from dagy.spec import BranchReference
from dagy.spec.references import as_reference
from dagy_compiler.decompose import decompose
from dagy_compiler.plan import Plan, Unit
from dagy_compiler.throttle import throttled
from dagy_compiler.tree import EMPTY, Choose, Leaf, Tree, replaced


@dataclass(frozen=True)
class Structure:
    """Decompose the order of the units; see `dagy_compiler.decompose`.

    Before: units come after all those they depend on. After: the tree has each unit once; whatever
    the graph orders, the tree orders the same way; without branches and concurrency limits it
    orders nothing else if the graph is series-parallel.

    A `concurrency_limit` becomes order: see `dagy_compiler.throttle`. A branch becomes one node,
    with the order of each side inside it. Its task runs were traced one after another, so no path
    leads out of it and back in, and taking it for one node makes no cycle.
    """

    def __call__(self, plan: Plan) -> Plan:
        """Return the plan with `tree`."""
        assert plan.units is not None
        before = throttled(plan, [unit.after for unit in plan.units])
        order = _Order(plan, plan.units, before)
        return replace(plan, tree=order.tree(range(len(plan.units)), 0))


class _Order:
    """The order of units within branches within one another."""

    def __init__(self, plan: Plan, units: Sequence[Unit], before: Sequence[Sequence[int]]) -> None:
        self._before = before
        self._when = [_when(plan, unit) for unit in units]

    def tree(self, units: Sequence[int], depth: int) -> Tree:
        """Return the order of units that are in the same `depth` branches.

        Args:
            units: in the flow's order.
            depth: branches around them.
        """
        if not units:
            return EMPTY
        nodes = self._nodes(units, depth)
        node_of = {unit: index for index, node in enumerate(nodes) for unit in node}
        before = [
            sorted({node_of[p] for unit in node for p in self._before[unit] if p in node_of} - {at})
            for at, node in enumerate(nodes)
        ]

        def leaf(index: int) -> Tree:
            node = nodes[index]
            if len(self._when[node[0]]) == depth:
                return Leaf(node[0])
            return self._choose(node, depth)

        return replaced(decompose(before), leaf)

    def _nodes(self, units: Sequence[int], depth: int) -> list[list[int]]:
        """Return the units of each branch together, and every other alone."""

        def key(unit: int) -> Any:
            when = self._when[unit]
            return (unit,) if len(when) == depth else json.dumps(when[depth][0])

        return [list(group) for _, group in groupby(units, key)]

    def _choose(self, node: list[int], depth: int) -> Choose:
        def side(taken: bool) -> Tree:
            inside = [unit for unit in node if self._when[unit][depth][1] is taken]
            return self.tree(inside, depth + 1)

        condition = as_reference(self._when[node[0]][depth][0])
        assert condition is not None
        assert not isinstance(condition, BranchReference)
        return Choose(condition, side(True), side(False))


def _when(plan: Plan, unit: Unit) -> list[list[Any]]:
    """Return the branches that a unit is in; within a unit of several, the interpreter decides."""
    return plan.runs[unit.task_runs[0]].when if len(unit.task_runs) == 1 else []
