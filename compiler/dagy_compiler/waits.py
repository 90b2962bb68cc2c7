"""What each unit waits for in the tree, and what of that it has to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dagy_compiler.order import ancestors_of
from dagy_compiler.plan import Plan
from dagy_compiler.throttle import throttled
from dagy_compiler.tree import (
    EMPTY,
    Apart,
    Choose,
    Joined,
    Leaf,
    Parallel,
    Series,
    Tree,
    joined_in,
    leaves,
)

Units = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Waits:
    """What ends directly before a unit begins.

    Attributes:
        all: the units, by index.
        for_limit: those of them that a `concurrency_limit` puts before it.
        for_nothing: those that nothing puts before it: the tree cannot order it less.
    """

    all: Units = ()
    for_limit: Units = ()
    for_nothing: Units = ()


def waits_of(plan: Plan) -> list[Waits]:
    """Return what each unit waits for, by its index.

    Args:
        plan: with a tree.
    """
    assert plan.units is not None
    assert plan.tree is not None
    graph = [unit.after for unit in plan.units]
    needed = ancestors_of(graph)
    limited = ancestors_of(throttled(plan, graph))
    ends = {next(leaves(node)): _ends(node, ()) for node in joined_in(plan.tree)}
    before = dict(_before(plan.tree, (), ends))
    return [
        Waits(
            all=before[unit],
            for_limit=tuple(
                other
                for other in before[unit]
                if limited[unit] >> other & 1 and not needed[unit] >> other & 1
            ),
            for_nothing=tuple(other for other in before[unit] if not limited[unit] >> other & 1),
        )
        for unit in range(len(plan.units))
    ]


def _before(tree: Tree, earlier: Units, ends: Mapping[int, Units]) -> Iterator[tuple[int, Units]]:
    """Yield what ends directly before each unit of a tree; `earlier` does so before the tree.

    Args:
        tree: the tree.
        earlier: units.
        ends: the units that end what is waited for across branches, by the first unit of that.
    """
    match tree:
        case Joined(child=child, waits_for=waits_for):
            waited = (unit for other in waits_for for unit in ends[other])
            yield from _before(child, tuple(dict.fromkeys((*earlier, *waited))), ends)
        case Leaf(unit=unit):
            yield unit, earlier
        case Series(children=children):
            for child in children:
                yield from _before(child, earlier, ends)
                earlier = _ends(child, earlier)
        case Parallel(children=children):
            for child in children:
                yield from _before(child, earlier, ends)
        case Choose(then=then, otherwise=otherwise):
            yield from _before(then, earlier, ends)
            yield from _before(otherwise, earlier, ends)
        case Apart(child=child):
            yield from _before(child, earlier, ends)


def _ends(tree: Tree, earlier: Units) -> Units:
    """Return the units that end a tree; what is before it, where there is nothing in it."""
    match tree:
        case Leaf(unit=unit):
            return (unit,)
        case Series(children=children):
            return _ends(children[-1], earlier) if tree != EMPTY else earlier
        case Parallel(children=children):
            return tuple(unit for child in children for unit in _ends(child, earlier))
        case Choose(then=then, otherwise=otherwise):
            return tuple(dict.fromkeys(_ends(then, earlier) + _ends(otherwise, earlier)))
        case Joined(child=child) | Apart(child=child):
            return _ends(child, earlier)
