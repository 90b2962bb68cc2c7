"""The states of siblings that are alike: one inline Map over their ids in place of a branch each.

`[fetch(day) for day in days]` is so many runs of one task at once. Their arguments are in the
worker's spec, under their ids, so the states that run them differ in nothing but the id. Each item
makes its own attempts and has its own output; a failure ends the Map under its own name and cause,
as it ends a Parallel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from dagy_compiler.asl import Map, Pass, Processor, ProcessorConfig, State
from dagy_compiler.jsonata import expression
from dagy_compiler.limits import INLINE_ITEMS, STATE_NAME_CHARACTERS
from dagy_compiler.map_states import ITEM
from dagy_compiler.names import UniqueNames, state_name
from dagy_compiler.placement import is_container
from dagy_compiler.plan import Plan
from dagy_compiler.program import OWN_OUTPUT, Call, Fork
from dagy_compiler.states import NO_OUTPUT, OUTPUT, AttemptStates, Ending

LEAST: Final = 4
"""Siblings that are rolled. Branches of fewer take hardly more room, and show more."""

_TASK: Final = expression("$states.input.task")


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
        call: one of them.
        ids: of all.
        content: what every call of the worker is sent, with `tasks` as of that one.
        plan: whose attempts it has.
        ending: how the Map hands over when all items are done.
        comment: for people.
        names: gives the further states their names.
    """

    def __init__(
        self,
        name: str,
        call: Call,
        ids: Sequence[str],
        content: Mapping[str, Any],
        plan: Plan,
        ending: Ending,
        comment: str,
        names: UniqueNames,
    ) -> None:
        assert plan.units is not None
        assert plan.attempts is not None
        assert call.unit is not None
        self._name = name
        self._task = plan.runs[ids[0]].task_name
        self._call = call
        self._ids = tuple(ids)
        own = ["tasks", *["inline"] * bool(call.inline_only), *["store"] * bool(call.stores)]
        self._content = {**content, **{field: [_TASK] for field in own}}
        self._attempts = plan.attempts[call.unit]
        self._place = plan.units[call.unit].placement
        self._ending = ending
        self._comment = comment
        self._names = names

    def states(self) -> dict[str, State]:
        """Return them by name, the first one first."""
        item = self._names.claim(state_name(f"{self._task[: STATE_NAME_CHARACTERS - 20]} (each)"))
        is_read = self._call.want is None and not self._call.stores
        output: Any = expression(OUTPUT) if is_read else NO_OUTPUT
        body = AttemptStates(
            item,
            self._attempts,
            self._content,
            Ending(None, output),
            self._comment,
            self._names,
            self._place,
            ("task",),
        ).states()
        each = Map(
            comment=self._comment,
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
