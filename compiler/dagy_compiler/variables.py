"""What the variables of a machine take together, at most, at any time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain

from dagy_compiler.program import (
    Call,
    Decide,
    Fork,
    Guard,
    Nested,
    Sequence,
    Step,
    nested_in,
)

Size = Callable[[str], int]
"""Gives the bytes that a variable takes, by its name."""


def machines_of(body: Sequence) -> Iterator[tuple[tuple[str, ...], Sequence]]:
    """Yield the variables that each machine begins with, and its scope, the outermost one first."""
    yield (), body
    for nested in nested_in(body.steps):
        yield tuple(variable for _, variable in nested.inputs.results), nested.body


def stored_bytes(given: tuple[str, ...], body: Sequence, size: Size) -> int:
    """Return what the variables of a machine take together, at most.

    A variable is there until its scope ends, whoever still reads it, and branches run at once.

    Args:
        given: variables that the machine begins with.
        body: its scope.
        size: of each variable.
    """
    most, _ = _stored(body.steps, size)
    return sum(map(size, given)) + most


def variables_in(steps: tuple[Step, ...]) -> Iterator[str]:
    """Yield the variables that some steps assign, without those of machines nested in them."""
    for step in steps:
        match step:
            case Fork(branches=branches):
                yield from chain.from_iterable(variables_in(branch.steps) for branch in branches)
            case Guard(body=body):
                yield from variables_in(body.steps)
            case Decide(then=then, otherwise=otherwise):
                yield from variables_in((*then, *otherwise))
        yield from _assigned(step)


def _stored(steps: tuple[Step, ...], size: Size) -> tuple[int, int]:
    """Return what some steps store at most at any time, and what is left of it in their scope."""
    most = left = 0
    for step in steps:
        inside, assigned = _of_step(step, size)
        # A value that leaves a branch is there in both scopes for a moment.
        most = max(most, left + inside + assigned)
        left += assigned
    return most, left


def _of_step(step: Step, size: Size) -> tuple[int, int]:
    assigned = sum(map(size, _assigned(step)))
    match step:
        case Fork(branches=branches):
            return sum(_stored(branch.steps, size)[0] for branch in branches), assigned
        case Guard(body=body):
            return _stored(body.steps, size)[0], assigned
        case Decide(then=then, otherwise=otherwise):
            sides = [_stored(side, size) for side in (then, otherwise)]
            left = max(left for _, left in sides)
            return max(most for most, _ in sides) - left, left
    return 0, assigned


def _assigned(step: Step) -> tuple[str, ...]:
    """Return the variables that a step assigns when it ends."""
    if isinstance(step, (Call, Fork, Nested, Guard)):
        return tuple(variable for variable, _ in step.assigns)
    return ()
