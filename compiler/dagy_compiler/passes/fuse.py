"""fuse: say which task runs share an invocation of a worker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dagy.errors import CompileError
from dagy.naming import slug
from dagy.options import nearest
from dagy.spec import TaskReference, TaskRunSpec, TaskSpec, references_in
from dagy_compiler.limits import LAMBDA_TIMEOUT_SECONDS
from dagy_compiler.modes import MICRO
from dagy_compiler.passes.place import own_executor
from dagy_compiler.placement import mode_placement
from dagy_compiler.plan import Plan, Unit

OFF, CHAINS, AUTO = "off", "chains", "auto"

SHORT_SECONDS = 1
"""A task that takes less is worth less than the call of a worker."""

FUSING = (OFF, CHAINS, AUTO)

NAMED_TASK_RUNS = 3
"""Task runs that the name of a unit mentions."""


@dataclass(frozen=True)
class Fuse:
    """Group the task runs into units, and lift the edges to them.

    In micro every task run is a unit, or with `fuse` every chain that loses nothing by it (see
    `_fusible`). In the other modes all that asks for no executor and no place of its own shares
    invocations of the mode's worker, and every other task run is a unit by itself: an *own* one.
    Sharing is by rank. The rank of a task run is the largest number of own ones on a path that ends
    in it, itself included; the shared task runs of one rank are one unit.

    The units are convex, and their graph has no cycle. Give a shared task run of rank r the key 2r,
    and an own one of rank r the key 2r - 1. Along an edge u -> v the rank never falls, and it rises
    if v is an own one. So from shared to shared the key stays, within one unit, or rises; from
    shared to own it goes from 2r to at least 2(r + 1) - 1; from own to shared from 2r - 1 to at
    least 2r; from own to own from 2r - 1 to at least 2(r + 1) - 1. A path that leaves a unit has
    a greater key for good, and cannot come back.

    Before: every task run is placed. After: every task run is in exactly one unit, each unit's
    task runs share one place; units come after all those they depend on.
    """

    def __call__(self, plan: Plan) -> Plan:
        """Return the plan with `units`.

        Raises:
            CompileError: there is no such way to fuse.
        """
        if plan.fuse not in FUSING:
            raise CompileError(
                f"--fuse {plan.fuse}: there is no such way to fuse{nearest(plan.fuse, FUSING)}; "
                f"use {', '.join(FUSING)}"
            )
        if plan.mode != MICRO:
            return replace(plan, units=_units(plan, _by_rank(plan)))
        groups = [[run.id] for run in plan.spec.task_runs]
        return replace(plan, units=_units(plan, groups if plan.fuse == OFF else _chains(plan)))


def _by_rank(plan: Plan) -> list[list[str]]:
    """Return the task runs that share a unit, in the order of the keys of `Fuse`."""
    ranks: dict[str, int] = {}
    groups: dict[tuple[int, str], list[str]] = {}
    for run in plan.spec.task_runs:
        own = _is_own(plan, run.id)
        rank = max((ranks[other] for other in run.depends_on), default=0) + own
        ranks[run.id] = rank
        groups.setdefault((2 * rank - own, run.id if own else ""), []).append(run.id)
    # Sorting keeps the order of equal keys, which is the flow's.
    return [groups[key] for key in sorted(groups, key=lambda key: key[0])] or [[]]


def _chains(plan: Plan) -> list[list[str]]:
    """Return the task runs that share a unit in micro, in the flow's order."""
    followers: dict[str, list[TaskRunSpec]] = {run.id: [] for run in plan.spec.task_runs}
    for run in plan.spec.task_runs:
        for other in run.depends_on:
            followers[other].append(run)
    returned = set(_task_runs_in(plan.spec.outputs))
    chains: dict[str, list[str]] = {}  # by its last task run
    for run in plan.spec.task_runs:
        before = run.depends_on[0] if len(run.depends_on) == 1 else None
        chain = chains.get(before or "", [])
        joins = (
            before is not None
            and followers[before] == [run]
            and before not in returned
            and _fusible(plan, [*chain, run.id])
        )
        if joins and before is not None:
            chains[run.id] = [*chains.pop(before), run.id]
        else:
            chains[run.id] = [run.id]
    position = {task_run_id: index for index, task_run_id in enumerate(plan.runs)}
    return sorted(chains.values(), key=lambda chain: position[chain[0]])


def _fusible(plan: Plan, chain: Sequence[str]) -> bool:
    """Tell whether a chain means the same in one invocation, and is worth it.

    It does if no task of it has a policy that keeps a state between attempts or beside the others:
    a retry of a later task must not run an earlier one again, and a map, a branch or a limit of
    concurrency is made of states. Their timeouts together must leave the invocation its time.
    """
    assert plan.placements is not None
    tasks = [plan.task_of(task_run_id) for task_run_id in chain]
    runs = [plan.runs[task_run_id] for task_run_id in chain]
    plain = all(
        task.retries == 0
        and task.concurrency_limit is None
        and task.cache is None
        and not task.hooks
        and own_executor(plan, run.id) is None
        and run.map_over is None
        and not run.when
        for task, run in zip(tasks, runs, strict=True)
    )
    together = len({plan.placements[task_run_id] for task_run_id in chain}) == 1
    limit = sum(task.timeout_seconds or 0 for task in tasks)
    worth = plan.fuse == CHAINS or all(map(_is_short, tasks))
    return plain and together and limit <= LAMBDA_TIMEOUT_SECONDS and worth


def _is_short(task: TaskSpec) -> bool:
    """Tell whether a hint says that a task takes next to no time."""
    expected = getattr(task, "expected_seconds", None)
    return expected is not None and expected < SHORT_SECONDS


def _units(plan: Plan, groups: Sequence[Sequence[str]]) -> tuple[Unit, ...]:
    """Return a unit for each group of task runs; each group comes after those it depends on."""
    assert plan.placements is not None
    whole = plan.mode != MICRO and len(groups) == 1 and not any(_is_own(plan, r) for r in groups[0])
    unit_of = {task_run_id: index for index, group in enumerate(groups) for task_run_id in group}
    read = set() if whole else _read_outside(plan, unit_of)
    units = []
    for index, group in enumerate(groups):
        before = {unit_of[other] for task_run in group for other in plan.runs[task_run].depends_on}
        place = plan.placements[group[0]] if group else mode_placement(plan.mode)
        units.append(
            Unit(
                name=slug(plan.spec.name, fallback="flow") if whole else _name(group),
                task_runs=tuple(group),
                after=tuple(sorted(before - {index})),
                whole_flow=whole,
                outputs=tuple(task_run for task_run in group if task_run in read),
                placement=place.name,
            )
        )
    return tuple(units)


def _name(group: Sequence[str]) -> str:
    more = len(group) - NAMED_TASK_RUNS
    return ", ".join(group[:NAMED_TASK_RUNS]) + (f", +{more}" if more > 0 else "")


def _is_own(plan: Plan, task_run_id: str) -> bool:
    """Tell whether a task run asks for an executor, or for more or less than the mode gives."""
    assert plan.placements is not None
    elsewhere = plan.placements[task_run_id] != mode_placement(plan.mode)
    return elsewhere or own_executor(plan, task_run_id) is not None


def _read_outside(plan: Plan, unit_of: Mapping[str, int]) -> set[str]:
    """Return the task runs whose outputs are read by another unit, or returned by the flow."""
    found = set(_task_runs_in(plan.spec.outputs))
    for run in plan.spec.task_runs:
        for other in _task_runs_in([run.args, run.kwargs, run.when]):
            if unit_of[other] != unit_of[run.id]:
                found.add(other)
    return found


def _task_runs_in(value: Any) -> Iterator[str]:
    for reference in references_in(value):
        if isinstance(reference, TaskReference):
            yield reference.task_run_id
