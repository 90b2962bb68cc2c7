"""structure: turn the graph of units into a tree of sequence, parallel and branches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from dagy.errors import CompileError
from dagy.options import nearest
from dagy.spec import BranchReference
from dagy.spec.references import as_reference
from dagy_compiler.decompose import decompose
from dagy_compiler.makespan import critical_path, makespan
from dagy_compiler.plan import Plan, Unit
from dagy_compiler.service_states import opened_task_runs
from dagy_compiler.throttle import throttled
from dagy_compiler.tree import EMPTY, Choose, Leaf, Tree, leaves, replaced
from dagy_compiler.weave import Edge, weave

TREE: Final = "tree"
AUTO: Final = "auto"

JOINS: Final = (TREE, AUTO)

LOSS: Final = 1.05
"""How much longer than with joins a part may take before it gets them."""

JOIN_SECONDS: Final = 1.0
"""What each wait across branches is taken to cost beside the wait itself: at worst the call that
registers it is the first of a new worker (0.3 to 0.6 s on Lambda with boto3), and so is the call
that tells it. A flow of tasks that take a second each is therefore left as it is."""


@dataclass(frozen=True)
class Structure:
    """Decompose the order of the units, by their durations; see `dagy_compiler.decompose`.

    Before: units come after all those they depend on. After: the tree has each unit once; whatever
    the graph orders, the tree orders the same way; without branches and concurrency limits it
    orders nothing else if the graph is series-parallel.

    A `concurrency_limit` becomes order: see `dagy_compiler.throttle`. A branch becomes one node,
    with the order of each side inside it. Its task runs were traced one after another, so no path
    leads out of it and back in, and taking it for one node makes no cycle. Branches on the same
    value become one node where that is so of them together.

    With `joins` "auto", where all durations are known and the best tree still loses too much, what
    the tree does not order waits for task tokens instead: see `dagy_compiler.weave`. Within a
    branch that is decided for each side by itself.

    Attributes:
        loss: how much longer than with joins a part may take before it gets them.
        join_seconds: what a wait across branches is taken to cost beside the wait itself.
    """

    loss: float = LOSS
    join_seconds: float = JOIN_SECONDS

    def __call__(self, plan: Plan) -> Plan:
        """Return the plan with `tree`."""
        assert plan.units is not None
        if plan.joins not in JOINS:
            raise CompileError(
                f"there is no {plan.joins!r} for joins{nearest(plan.joins, JOINS)}; give 'tree' (a "
                "task may wait for more than it has to) or 'auto' (where that costs much, tasks "
                "wait across branches)"
            )
        before = throttled(plan, [unit.after for unit in plan.units])
        order = _Order(plan, plan.units, before, self)
        return replace(plan, tree=order.tree(range(len(plan.units)), 0))


class _Order:
    """The order of units within branches within one another."""

    def __init__(
        self,
        plan: Plan,
        units: Sequence[Unit],
        before: Sequence[Sequence[int]],
        options: Structure,
    ) -> None:
        self._plan = plan
        self._units = units
        self._before = before
        self._options = options
        self._when = [_when(plan, unit) for unit in units]
        self._durations = [_duration(unit, plan.durations) for unit in units]
        self._filled = [duration or 0 for duration in self._durations]

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

        trees = [
            Leaf(node[0]) if len(self._when[node[0]]) == depth else self._choose(node, depth)
            for node in nodes
        ]
        durations = [self._span(tree) for tree in trees]
        found = decompose(before, durations)
        known = [duration for duration in durations if duration is not None]
        if self._plan.joins == AUTO and len(known) == len(nodes):
            found = self._quicker(found, before, known, nodes)
        return replaced(found, trees.__getitem__)

    def _quicker(
        self,
        found: Tree,
        before: Sequence[Sequence[int]],
        durations: Sequence[float],
        nodes: list[list[int]],
    ) -> Tree:
        """Return the tree, or one with joins if that is quicker by more than it may lose."""
        taken, loss = makespan(found, durations), self._options.loss
        if taken <= loss * critical_path(before, durations):
            return found
        reads, rigid = self._edges(nodes)
        woven = weave(before, durations, rigid, reads)
        then = makespan(woven, durations, self._options.join_seconds)
        return woven if taken > loss * then else found

    def _edges(self, nodes: list[list[int]]) -> tuple[set[Edge], set[Edge]]:
        """Return along which edges values pass, and of these where a state opens them itself."""
        node_of = {unit: index for index, node in enumerate(nodes) for unit in node}
        reads: set[Edge] = set()
        rigid: set[Edge] = set()
        for unit, node in node_of.items():
            opened = self._opened(self._units[unit])
            for other in self._units[unit].after:
                if node_of.get(other, node) != node:
                    reads.add((node_of[other], node))
                    if opened.intersection(self._units[other].task_runs):
                        rigid.add((node_of[other], node))
        return reads, rigid

    def _opened(self, unit: Unit) -> set[str]:
        """Return the task runs whose outputs the state of a service opens; it opens no claim."""
        plan = self._plan
        return {
            task_run_id
            for name in unit.task_runs
            for task_run_id in opened_task_runs(plan.task_of(name), plan.runs[name])
        }

    def _span(self, tree: Tree) -> float | None:
        """Return how long a tree takes; None unless each of its durations is known."""
        if isinstance(tree, Leaf):
            return self._durations[tree.unit]
        known = [self._durations[unit] for unit in leaves(tree)]
        return None if None in known else makespan(tree, self._filled)

    def _nodes(self, units: Sequence[int], depth: int) -> list[list[int]]:
        """Return the units of each branch together, and every other alone.

        Branches that follow one another are one node if the same value decides them, but not where
        a unit reads what the other side of such a node makes: that has to have ended by then, if
        only by not being taken.
        """
        nodes: list[list[int]] = []
        node_of: dict[int, int] = {}
        for unit in units:
            inside = {
                other for other in self._units[unit].after if node_of.get(other) == len(nodes)
            }
            if nodes and self._goes_on(nodes[-1][0], inside, unit, depth):
                nodes[-1].append(unit)
            else:
                nodes.append([unit])
            node_of[unit] = len(nodes)
        return nodes

    def _goes_on(self, first: int, inside: set[int], unit: int, depth: int) -> bool:
        """Tell whether a unit belongs to a branch, of which it comes after some units."""
        branch, when = self._when[first], self._when[unit]
        if len(branch) == depth or len(when) == depth or branch[depth][0] != when[depth][0]:
            return False
        return all(self._when[other][depth][1] is when[depth][1] for other in inside)

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


def _duration(unit: Unit, durations: Mapping[str, float]) -> float | None:
    """Return how long a unit takes if its task runs take turns; None unless each is known."""
    known = [durations.get(task_run_id) for task_run_id in unit.task_runs]
    return None if None in known else sum(seconds for seconds in known if seconds is not None)
