"""A definition as an indented outline: what `dagy inspect` prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dagy_compiler.render.view import NO_PARTS, Parts, Step, View, view

MAX_COLUMN = 44
"""Where details begin at the latest; a longer name pushes its own to the right."""


def outline(definition: Mapping[str, Any], parts: Parts = NO_PARTS) -> str:
    """Return the states of a definition as a tree of text, without a newline at the end.

    Raises:
        BundleError: it is not a definition of the kind that Dagy emits.
    """
    drawn = view(definition, parts)
    lines = list(_sequence(drawn.steps, ""))
    column = min(max((len(name) for name, _ in lines), default=0), MAX_COLUMN)
    body = [f"{name.ljust(column)}  {detail}".rstrip() for name, detail in lines]
    return "\n".join([f"{drawn.title}: {_size(drawn)}", *body])


def size(definition: Mapping[str, Any], parts: Parts = NO_PARTS) -> str:
    """Return how large a definition is, in words; raises as `outline` does."""
    return _size(view(definition, parts))


def _size(drawn: View) -> str:
    return f"{_count(drawn.calls, 'call')} of the worker in {_count(drawn.states, 'state')}"


def _sequence(steps: tuple[Step, ...], indent: str) -> Iterator[tuple[str, str]]:
    for step in steps:
        last = step is steps[-1]
        yield f"{indent}{'└─' if last else '├─'} {step.name}", " · ".join(step.detail)
        yield from _branches(step.branches, indent + ("   " if last else "│  "))


def _branches(branches: tuple[tuple[Step, ...], ...], indent: str) -> Iterator[tuple[str, str]]:
    """Draw branches: one line for a single state, a heading and its states for more."""
    for branch in branches:
        last = branch is branches[-1]
        if len(branch) == 1:
            yield f"{indent}{'╚═' if last else '╠═'} {branch[0].name}", " · ".join(branch[0].detail)
            yield from _branches(branch[0].branches, indent + ("   " if last else "║  "))
        else:
            yield f"{indent}{'╚═' if last else '╠═'}╗", ""
            yield from _sequence(branch, indent + ("  " if last else "║ ") + " ")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
