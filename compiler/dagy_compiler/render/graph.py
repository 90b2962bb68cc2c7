"""A definition as nodes and edges, for the tools that draw graphs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dagy_compiler.render.view import NO_PARTS, Parts, Step, view


@dataclass(frozen=True)
class Graph:
    """Nodes in order, by label, and edges between their indices.

    Attributes:
        title: of the drawing.
        nodes: labels, a line each.
        edges: pairs of indices: the second begins when the first has ended.
    """

    title: str
    nodes: list[tuple[str, ...]] = field(default_factory=list)
    edges: list[tuple[int, int]] = field(default_factory=list)


def graph(definition: Mapping[str, Any], parts: Parts = NO_PARTS) -> Graph:
    """Return a definition as a graph. Between two Parallels stands a node of its own, the barrier.

    Raises:
        BundleError: it is not a definition of the kind that Dagy emits.
    """
    drawn = view(definition, parts)
    found = Graph(drawn.title)
    _sequence(found, drawn.steps, [])
    return found


def _sequence(found: Graph, steps: tuple[Step, ...], before: list[int]) -> list[int]:
    """Add steps after some nodes; return the nodes that whatever follows comes after."""
    for step in steps:
        if not step.branches:
            before = [_node(found, (step.name, *step.detail), before)]
            continue
        if step.calls:  # what decides a branch, or counts the items of a map
            before = [_node(found, (step.name, *step.detail), before)]
        elif len(before) > 1:
            before = [_node(found, ("",), before)]
        before = [end for branch in step.branches for end in _sequence(found, branch, before)]
    return before


def _node(found: Graph, label: tuple[str, ...], before: list[int]) -> int:
    index = len(found.nodes)
    found.nodes.append(label)
    found.edges.extend((earlier, index) for earlier in before)
    return index
