"""The order of a flow as a tree: one after another, at once, or one of two sides.

The nodes are `Series`, `Parallel` and `Choose`; the leaves are indices of units. The tree is flat:
no Series is directly in a Series, no Parallel in a Parallel, and each has at least two children.
`series` and `parallel` make it so. `Joined` marks what waits for something across branches, or is
waited for; `Apart` what `split` has cut out of the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from dagy.spec import Direct


@dataclass(frozen=True, slots=True)
class Leaf:
    """One unit, by its index in the plan."""

    unit: int


@dataclass(frozen=True, slots=True)
class Series:
    """Children that run one after another, each as a whole before the next."""

    children: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Parallel:
    """Children that run at once, with no order between them."""

    children: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Choose:
    """One of two orders, as a value decides; a side may be empty.

    Attributes:
        condition: refers to the value.
        then: where it is true, as Python tells truth.
        otherwise: where it is false.
    """

    condition: Direct
    then: Tree
    otherwise: Tree


@dataclass(frozen=True, slots=True)
class Joined:
    """One unit, or one branch, that has to do with others across the branches of a Parallel.

    It is known by its first unit. In the reading order it comes after all that it waits for.

    Attributes:
        child: what it is.
        waits_for: first units of others that have to have ended before it begins.
        told: whether others wait for it, or read what it makes.
    """

    child: Leaf | Choose
    waits_for: tuple[int, ...] = ()
    told: bool = False


@dataclass(frozen=True, slots=True)
class Apart:
    """An order that runs in a state machine of its own.

    Attributes:
        name: of that machine, unique among them.
        child: the order.
    """

    name: str
    child: Tree


Tree = Leaf | Series | Parallel | Choose | Joined | Apart

EMPTY = Series(())
"""The tree of a flow without units."""


def series(parts: Iterable[Tree]) -> Tree:
    """Return trees in sequence, flattened; one alone is itself."""
    children: list[Tree] = []
    for part in parts:
        children.extend(part.children if isinstance(part, Series) else (part,))
    return children[0] if len(children) == 1 else Series(tuple(children))


def parallel(parts: Iterable[Tree]) -> Tree:
    """Return trees at once, flattened; one alone is itself."""
    children: list[Tree] = []
    for part in parts:
        children.extend(part.children if isinstance(part, Parallel) else (part,))
    return children[0] if len(children) == 1 else Parallel(tuple(children))


def steps(tree: Tree) -> tuple[Tree, ...]:
    """Return what runs one after another at the top of a tree."""
    return tree.children if isinstance(tree, Series) else (tree,)


def leaves(tree: Tree) -> Iterator[int]:
    """Yield the units in reading order, which is an order they may run in."""
    pending: list[Tree] = [tree]
    while pending:
        node = pending.pop()
        match node:
            case Leaf(unit=unit):
                yield unit
            case Choose(then=then, otherwise=otherwise):
                pending += [otherwise, then]
            case Joined(child=child) | Apart(child=child):
                pending.append(child)
            case _:
                pending.extend(reversed(node.children))


def joined_in(tree: Tree) -> Iterator[Joined]:
    """Yield what has to do with others across branches, in reading order."""
    match tree:
        case Joined(child=child):
            yield tree
            yield from joined_in(child)
        case Series(children=children) | Parallel(children=children):
            for each in children:
                yield from joined_in(each)
        case Choose(then=then, otherwise=otherwise):
            yield from joined_in(then)
            yield from joined_in(otherwise)
        case Apart(child=child):
            yield from joined_in(child)


def replaced(tree: Tree, leaf: Callable[[int], Tree]) -> Tree:
    """Return a tree without branches with something in place of each leaf.

    Args:
        tree: as `decompose` or `weave` returns it.
        leaf: gives the unit or the branch that stands in place of a leaf, by its index.
    """
    match tree:
        case Leaf(unit=unit):
            return leaf(unit)
        case Series(children=children):
            return series(replaced(child, leaf) for child in children)
        case Parallel(children=children):
            return parallel(replaced(child, leaf) for child in children)
        case Joined(child=Leaf(unit=unit), waits_for=waits_for, told=told):
            child = leaf(unit)
            assert isinstance(child, Leaf | Choose)
            return Joined(child, tuple(next(leaves(leaf(other))) for other in waits_for), told)
        case _:
            raise AssertionError("a decomposition has neither sides nor parts")
