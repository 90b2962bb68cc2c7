"""A definition as a Graphviz digraph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagy_compiler.render.graph import graph
from dagy_compiler.render.view import NO_PARTS, Parts


def dot(definition: Mapping[str, Any], parts: Parts = NO_PARTS) -> str:
    """Return a definition in Graphviz' language, without a newline at the end.

    Raises:
        BundleError: it is not a definition of the kind that Dagy emits.
    """
    drawn = graph(definition, parts)
    lines = [f"digraph {_quoted((drawn.title,))} {{", "  node [shape=box, style=rounded];"]
    for index, label in enumerate(drawn.nodes):
        shape = f"label={_quoted(label)}" if any(label) else "shape=point"
        lines.append(f"  s{index} [{shape}];")
    lines += [f"  s{first} -> s{second};" for first, second in drawn.edges]
    return "\n".join([*lines, "}"])


def _quoted(lines: tuple[str, ...]) -> str:
    escaped = (line.replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"' + "\\n".join(escaped) + '"'
