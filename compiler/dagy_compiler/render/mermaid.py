"""A definition as a Mermaid flowchart, which GitHub and many editors draw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagy_compiler.render.graph import graph
from dagy_compiler.render.view import NO_PARTS, Parts

_ENTITIES = str.maketrans({char: f"#{ord(char)};" for char in '#"<>&`'})


def mermaid(definition: Mapping[str, Any], parts: Parts = NO_PARTS) -> str:
    """Return a definition as Mermaid text, without a newline at the end.

    Raises:
        BundleError: it is not a definition of the kind that Dagy emits.
    """
    drawn = graph(definition, parts)
    lines = ["flowchart TD"]
    for index, label in enumerate(drawn.nodes):
        text = "<br>".join(line.translate(_ENTITIES) for line in label)
        lines.append(f'  s{index}["{text}"]' if text else f'  s{index}((" "))')
    lines += [f"  s{first} --> s{second}" for first, second in drawn.edges]
    return "\n".join(lines)
