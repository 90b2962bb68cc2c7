"""What the states of steps are called: by what they do, and the task runs that it is done for."""

from __future__ import annotations

import json
from collections.abc import Sequence

from dagy.spec import ParameterReference, TaskReference
from dagy_compiler.names import UniqueNames, neutral, state_name
from dagy_compiler.program import (
    Await,
    Call,
    Decide,
    Fork,
    Guard,
    Join,
    Nested,
    Step,
    Tell,
    first_unit,
)

NAMED_BRANCHES = 3
"""Branches that the name of a Parallel mentions."""


class StepNames:
    """Names the first state of each step of a flow, once over all its machines.

    Args:
        units: names of the states that call the units first, by the unit's index; claimed already.
        names: of all machines.
    """

    def __init__(self, units: Sequence[str], names: UniqueNames) -> None:
        self._units = units
        self._names = names

    def first(self, step: Step, before: Step | None, *, rolled: bool) -> str:
        """Return the name of the first state of a step.

        Args:
            step: it.
            before: the one before it in its scope.
            rolled: whether one Map takes the place of its branches.
        """
        if isinstance(step, Call) and step.unit is not None:
            return self._units[step.unit]
        return self._names.claim(state_name(self._wanted(step, before, rolled=rolled)))

    def _wanted(self, step: Step, before: Step | None, *, rolled: bool) -> str:
        match step:
            case Fork():
                return self._fork(step, "each" if rolled else "fork")
            case Nested(name=name):
                return f"part {name}"
            case Decide():
                return f"branch: {condition_of(step)}"
            case Await(unit=unit):
                return f"await: {self._units[unit]}"
            case Tell(unit=unit):
                return f"tell: {self._units[unit]}"
            case Join() if isinstance(before, (Call, Decide)):
                # Not by a number: with another map or branch, those of all after it would change.
                return f"end: {self._units[first_unit((before,))]}"
            case Join():
                return "end"
            case Guard():
                return "flow"
            case Call():
                return "return"

    def _fork(self, fork: Fork, does: str) -> str:
        units = (first_unit(branch.steps) for branch in fork.branches[:NAMED_BRANCHES])
        firsts = [self._units[unit] for unit in units]
        # Long ids are cut so that the number of further branches is always seen.
        named = [first if len(first) <= 20 else f"{first[:19]}…" for first in firsts]
        more = len(fork.branches) - NAMED_BRANCHES
        return f"{does}: " + ", ".join(named) + (f", +{more}" if more > 0 else "")


def condition_of(step: Decide) -> str:
    """Return what decides a branch, for people: `found["rows"]`."""
    match step.condition:
        case (
            TaskReference(task_run_id=whose, path=path) | ParameterReference(name=whose, path=path)
        ):
            return neutral(whose + "".join(f"[{json.dumps(part)}]" for part in path))
