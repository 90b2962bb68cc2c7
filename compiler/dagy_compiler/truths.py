"""Which calls of the worker also tell whether what decides a branch is true.

The worker that makes an output knows whether it is true, and one that is sent the flow's parameters
knows that of them. So it tells, and the branch is a Choice and nothing more. Not so where there is
no such worker: the output is a map's or a service's, or comes from another branch by way of the
bucket, or nothing before the branch is sent the parameters (`parameter_truths` is for these).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dagy.spec import Direct, TaskReference, encode
from dagy_compiler.plan import Plan, Unit
from dagy_compiler.program import Asked
from dagy_compiler.rolled_states import LEAST
from dagy_compiler.tree import Apart, Choose, Joined, Leaf, Parallel, Series, Tree, leaves


@dataclass(frozen=True, slots=True)
class Truth:
    """Whether a value is true that decides a branch.

    Attributes:
        name: what it is called where values are known by their task runs; none of these is.
        variable: what it wants to be called as a variable.
        unit: whose call tells it.
        asked: where the worker finds the value.
    """

    name: str
    variable: str
    unit: int
    asked: Asked


def truths_of(
    plan: Plan, takes_parameters: Callable[[int], bool], is_stored: Callable[[Choose], bool]
) -> dict[Choose, Truth]:
    """Return what is told of the values that decide branches; one is told once for all of them.

    Args:
        plan: with a tree.
        takes_parameters: tells of a unit whether its calls are sent the flow's parameters.
        is_stored: tells of a branch whether what decides it comes from another one.
    """
    assert plan.units is not None
    assert plan.tree is not None
    units = plan.units
    telling = {at for at, unit in enumerate(units) if _tells(plan, unit)}
    unit_of = {name: at for at, unit in enumerate(units) for name in unit.task_runs}
    found: dict[Choose, Truth] = {}
    known: dict[tuple[Direct, int], Truth] = {}
    sent = {unit for unit in telling if takes_parameters(unit)}
    for node, told in _branches(plan.tree, None, sent):
        condition, unit = node.condition, told
        if isinstance(condition, TaskReference):
            unit = None if is_stored(node) else unit_of[condition.task_run_id]
        if unit in telling:
            wanted = (condition, unit)
            found[node] = known.setdefault(wanted, _truth(condition, unit, asked_of(plan, node)))
    return found


def asked_of(plan: Plan, node: Choose) -> Asked:
    """Return where a worker finds what decides a branch."""
    assert plan.units is not None
    task_run_id = plan.units[next(leaves(node))].task_runs[0]
    conditions = [condition for condition, _ in plan.runs[task_run_id].when]
    return task_run_id, conditions.index(encode(node.condition))


def _truth(condition: Direct, unit: int, asked: Asked) -> Truth:
    whose = condition.task_run_id if isinstance(condition, TaskReference) else condition.name
    words = "_".join(map(str, (whose, *condition.path)))
    # The id of a task run has no space.
    return Truth(f"truth of {unit} {condition}", f"{words}_true", unit, asked)


def _tells(plan: Plan, unit: Unit) -> bool:
    """Tell whether one call of a worker makes all that a unit does."""
    alone = len(unit.task_runs) == 1
    return not any(
        plan.task_of(name).service is not None or (alone and plan.runs[name].map_over is not None)
        for name in unit.task_runs
    )


def _branches(
    tree: Tree, before: int | None, sent: set[int]
) -> Iterator[tuple[Choose, int | None]]:
    """Yield each branch, with the first unit sent the parameters that has ended before it.

    Args:
        tree: where to look.
        before: that unit, as far as it is known already.
        sent: units that may be it.
    """
    match tree:
        case Choose(then=then, otherwise=otherwise):
            yield tree, before
            yield from _branches(then, before, sent)
            yield from _branches(otherwise, before, sent)
        case Joined(child=child) | Apart(child=child):
            yield from _branches(child, before, sent)
        case Series(children=children):
            for child in children:
                yield from _branches(child, before, sent)
                before = before if before is not None else _always(child, sent)
        case Parallel(children=children):
            for child in children:
                yield from _branches(child, before, sent)


def _always(tree: Tree, sent: set[int]) -> int | None:
    """Return the first of some units that a tree surely runs; None if there is none."""
    match tree:
        case Leaf(unit=unit):
            return unit if unit in sent else None
        case Choose():
            return None
        case Joined(child=child) | Apart(child=child):
            return _always(child, sent)
        case Series(children=children) | Parallel(children=children):
            if isinstance(tree, Parallel) and len(children) >= LEAST:
                # Siblings that are alike become one Map, but not where one tells more than others.
                children = tuple(child for child in children if not isinstance(child, Leaf))
            found = (_always(child, sent) for child in children)
            return next((unit for unit in found if unit is not None), None)
