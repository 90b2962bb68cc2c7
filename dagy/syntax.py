"""Source text as a syntax tree, also while other threads parse.

Python 3.11 counts how deep a tree is in one number for all threads. Where the garbage collector
runs in the middle and another thread goes on, the number is the other's, and `ast.parse` raises a
SystemError for source that is right (https://github.com/python/cpython/issues/106905).
"""

from __future__ import annotations

import ast

_ATTEMPTS = 20  # each fails only if a thread is switched within it


def parsed(source: str | bytes) -> ast.Module:
    """Return the syntax tree of a module's source.

    Args:
        source: its text.

    Raises:
        SyntaxError: it is not Python.
        ValueError: it holds a null byte.

    Example:
        >>> len(parsed("a = 1; b = 2").body)
        2
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return ast.parse(source)
        except SystemError:
            continue
    return ast.parse(source)
