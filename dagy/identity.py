"""`parameter is None` in a flow: a comparison that Python lets nobody answer.

A parameter that is not bound is a symbol while its flow is traced, and `is` looks at the object
itself. So the idiom `if n is None: n = 5` would be false without a word, whatever the flow is given
when it runs. It is found in the source instead.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

from dagy.syntax import parsed


def compared_with_none(fn: Callable[..., Any]) -> dict[str, int]:
    """Return the parameters of a function that it compares with None by `is`, and in which lines.

    A parameter that is assigned before that is another variable by then, and is left out. Where
    there is no source there is nothing to be found.
    """
    try:
        lines, first = inspect.getsourcelines(fn)
        tree = parsed(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError):
        return {}
    names = set(inspect.signature(fn).parameters)
    assigned: dict[str, int] = {}
    found: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            assigned[node.id] = min(node.lineno, assigned.get(node.id, node.lineno))
        elif isinstance(node, ast.Compare) and _is_with_none(node):
            for side in (node.left, *node.comparators):
                if isinstance(side, ast.Name) and side.id in names:
                    found.setdefault(side.id, node.lineno)
    return {
        name: first + line - 1 for name, line in found.items() if line <= assigned.get(name, line)
    }


def _is_with_none(node: ast.Compare) -> bool:
    by_identity = any(isinstance(op, (ast.Is, ast.IsNot)) for op in node.ops)
    sides = (node.left, *node.comparators)
    return by_identity and any(isinstance(s, ast.Constant) and s.value is None for s in sides)
