"""The states of siblings that are alike: one inline Map over their ids in place of a branch each.

`[fetch(day) for day in days]` is so many runs of one task at once. Their arguments are in the
worker's spec, under their ids, so the states that run them differ in nothing but the id. Each item
makes its own attempts and has its own output; a failure ends the Map under its own name and cause,
as it ends a Parallel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from dagy_compiler.asl import Map, Pass, Processor, ProcessorConfig, State
from dagy_compiler.attempt_states import AttemptStates, Calls
from dagy_compiler.jsonata import expression
from dagy_compiler.limits import INLINE_ITEMS, STATE_NAME_CHARACTERS
from dagy_compiler.map_states import ITEM
from dagy_compiler.names import UniqueNames, state_name
from dagy_compiler.placement import is_container
from dagy_compiler.plan import Plan
from dagy_compiler.program import OWN_OUTPUT, Call, Fork
from dagy_compiler.states import NO_OUTPUT, OUTPUT, Ending

LEAST: Final = 4
"""Siblings that are rolled. Branches of fewer take hardly more room, and show more."""

_TASK: Final = expression("$states.input.task")

_NAMING: Final = frozenset({"tasks", "inline", "store"})
"""The fields of a call that name its task run."""


def siblings(plan: Plan, fork: Fork) -> tuple[Call, list[str]] | None:
    """Return what does for each of the calls of a fork that are alike, and their task runs.

    Args:
        plan: with attempts.
        fork: of its program.

    Returns:
        A call that answers as much as any of them, and may answer as little; None if they differ.
    """
    steps = [branch.steps[0] for branch in fork.branches if len(branch.steps) == 1]
    calls = [step for step in steps if isinstance(step, Call) and step.unit is not None]
    if not LEAST <= len(calls) == len(fork.branches) <= INLINE_ITEMS:
        return None
    if any(source != OWN_OUTPUT for branch in fork.branches for _, source in branch.yields):
        return None
    kinds = {_kind(plan, call) for call in calls}
    if len(kinds) > 1 or None in kinds:
        return None
    read = [call for call in calls if call.want is None]
    limits = [call.limit for call in read if call.limit is not None]
    first = read[0] if read else calls[0]
    ids = [plan.units[call.unit].task_runs[0] for call in calls]  # type: ignore[index]
    return replace(first, limit=min(limits, default=None)), ids


def _kind(plan: Plan, call: Call) -> tuple[Any, ...] | None:
    """Return what calls have in common that are alike; None if one cannot be an item."""
    assert plan.units is not None
    assert plan.attempts is not None
    assert call.unit is not None
    unit = plan.units[call.unit]
    if len(unit.task_runs) != 1 or unit.whole_flow or is_container(unit.placement):
        return None
    run = plan.runs[unit.task_runs[0]]
    if run.map_over is not None or plan.task_of(run.id).service is not None:
        return None
    policy = plan.attempts[call.unit]
    special = bool(call.inline_only), bool(call.stores)
    return (run.task_name, unit.placement, policy, call.inputs, special)


class RolledStates:
    """A Map over the ids of siblings, and the Pass that hands on what they put out.

    Args:
        name: of the Map.
        task: that they run.
        ids: of all of them.
        calls: of one of them; the others' differ in the id.
        ending: how the Map hands over when all items are done.
        names: gives the further states their names.
    """

    def __init__(
        self,
        name: str,
        task: str,
        ids: Sequence[str],
        calls: Calls,
        ending: Ending,
        names: UniqueNames,
    ) -> None:
        self._name = name
        self._task = task
        self._ids = tuple(ids)
        own = {field: [_TASK] for field in calls.content if field in _NAMING}
        self._calls = replace(calls, content={**calls.content, **own})
        self._ending = ending
        self._names = names

    def states(self) -> dict[str, State]:
        """Return them by name, the first one first."""
        item = self._names.claim(state_name(f"{self._task[: STATE_NAME_CHARACTERS - 20]} (each)"))
        is_read = not self._calls.content.keys() & {"want", "store"}
        output: Any = expression(OUTPUT) if is_read else NO_OUTPUT
        ending = Ending(None, output)
        body = AttemptStates(item, self._calls, ending, self._names, ("task",)).states()
        each = Map(
            comment=self._calls.comment,
            items=self._ids,
            item_selector={"task": ITEM},
            max_concurrency=INLINE_ITEMS,
            item_processor=Processor(
                processor_config=ProcessorConfig(mode="INLINE"), start_at=item, states=body
            ),
        )
        if not self._ending.assign and self._ending.output == NO_OUTPUT:
            return {self._name: each.model_copy(update=self._ending.fields())}
        join = self._names.claim(state_name(self._name.replace("each", "join", 1)))
        return {
            self._name: each.model_copy(update={"next": join}),
            join: Pass(**self._ending.fields()),
        }
