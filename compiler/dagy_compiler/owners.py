"""Whose each state is: the states of a task run with all its attempts and items are its unit's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dagy_compiler.asl import Map, Parallel, State
from dagy_compiler.limits import STATE_NAME_CHARACTERS
from dagy_compiler.names import UniqueNames, state_name
from dagy_compiler.plan import Plan, Unit

_CUTS = (STATE_NAME_CHARACTERS - 20, STATE_NAME_CHARACTERS - 32)
"""Where the name of a unit is cut, to tell its further states apart: of workers, of services."""


def unit_state_names(units: Sequence[Unit]) -> list[str]:
    """Return the name of the first state of each unit, as `emit` gives them: before all others."""
    names = UniqueNames("-", STATE_NAME_CHARACTERS)
    return names.claim_all(state_name(unit.name) for unit in units)


def alone_in(units: Sequence[Unit]) -> dict[str, int]:
    """Return the unit of each task run that is alone in its own, by the task run's id."""
    return {each.task_runs[0]: at for at, each in enumerate(units) if len(each.task_runs) == 1}


def owners(plan: Plan) -> dict[str, int]:
    """Return the unit of each state that has one, by the state's name.

    The first state of a unit has the unit's name; further ones follow it, and say in brackets what
    they are. Forks, joins, branches and what is asked between tasks belong to none.

    Args:
        plan: after `emit`.
    """
    assert plan.machine is not None
    heads = {name: unit for unit, name in enumerate(unit_state_names(plan.units or ()))}
    alone = alone_in(plan.units or ())
    found: dict[str, int] = {}

    def visit(states: Mapping[str, State], owner: str | None) -> None:
        for name, state in states.items():
            owner = _owner(name, owner, heads)
            if owner is not None:
                found[name] = heads[owner]
            match state:
                case Parallel(branches=branches):
                    for branch in branches:
                        visit(branch.states, None)
                case Map(items=tuple(items), item_processor=each):
                    # Siblings that are alike: what runs them is that of the first.
                    found.update(dict.fromkeys(each.states, alone[items[0]]))
                case Map(item_processor=each):
                    visit(each.states, owner)

    for machine in plan.machines:
        visit(machine.states, None)
    return found


def _owner(name: str, before: str | None, heads: Mapping[str, int]) -> str | None:
    """Return the head of the states that a state is among, which may be that of the one before."""
    if name in heads:
        return name
    return before if before is not None and _is_further(name, before) else None


def _is_further(name: str, head: str) -> bool:
    return any(name.startswith(f"{head[:cut]} (") for cut in _CUTS)
