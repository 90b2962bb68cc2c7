"""fuse: say which task runs share an invocation of a worker."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dagy.errors import CompileError
from dagy.naming import slug
from dagy.options import nearest
from dagy.spec import TaskReference, TaskRunSpec, references_in
from dagy_compiler.limits import LAMBDA_TIMEOUT_SECONDS
from dagy_compiler.makespan import critical_path
from dagy_compiler.modes import MICRO
from dagy_compiler.passes.place import own_executor
from dagy_compiler.placement import is_container, mode_placement
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
    `_obstacle`). In the other modes all that asks for no executor and no place of its own shares
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
            units = _units(plan, _by_rank(plan))
            for unit in units:
                _warn_of_length(plan, unit)
            return replace(plan, units=units)
        if plan.fuse != OFF:
            return replace(plan, units=_units(plan, _chains(plan)))
        alone = f"a call of its own: --fuse {OFF}"
        groups = [_Group([run.id], alone) for run in plan.spec.task_runs]
        return replace(plan, units=_units(plan, groups))


@dataclass(frozen=True, slots=True)
class _Group:
    """Task runs that become a unit, and why."""

    task_runs: Sequence[str]
    why: str


@dataclass(frozen=True, slots=True)
class _Chain:
    """Task runs one after another, and why the first does not go on with the one before it."""

    task_runs: Sequence[str]
    apart: str


def _by_rank(plan: Plan) -> list[_Group]:
    """Return the task runs that share a unit, in the order of the keys of `Fuse`."""
    ranks: dict[str, int] = {}
    groups: dict[tuple[int, str], list[str]] = {}
    for run in plan.spec.task_runs:
        own = _is_own(plan, run.id)
        rank = max((ranks[other] for other in run.depends_on), default=0) + own
        ranks[run.id] = rank
        groups.setdefault((2 * rank - own, run.id if own else ""), []).append(run.id)
    # Sorting keeps the order of equal keys, which is the flow's.
    found = [groups[key] for key in sorted(groups, key=lambda key: key[0])] or [[]]
    return [_Group(group, _why_shared(plan, group, len(found))) for group in found]


def _why_shared(plan: Plan, group: Sequence[str], groups: int) -> str:
    if group and _is_own(plan, group[0]):
        return f"a call of its own: it has its own place, in mode {plan.mode}"
    if groups == 1:
        return f"one call for the whole flow: mode {plan.mode}, and no task has a place of its own"
    return "one call for all that has no place of its own, between those that have"


def _chains(plan: Plan) -> list[_Group]:
    """Return the task runs that share a unit in micro, in the flow's order."""
    followers: dict[str, list[TaskRunSpec]] = {run.id: [] for run in plan.spec.task_runs}
    for run in plan.spec.task_runs:
        for other in run.depends_on:
            followers[other].append(run)
    returned = set(_task_runs_in(plan.spec.outputs))
    chains: dict[str, _Chain] = {}  # by its last task run
    for run in plan.spec.task_runs:
        chain = chains.get(run.depends_on[0]) if len(run.depends_on) == 1 else None
        apart = _not_followed(run, followers, returned)
        if apart is None and chain is not None:
            apart = _obstacle(plan, [*chain.task_runs, run.id])
        if apart is None and chain is not None:
            del chains[chain.task_runs[-1]]
            chains[run.id] = _Chain([*chain.task_runs, run.id], chain.apart)
        else:
            chains[run.id] = _Chain([run.id], apart or "")
    position = {task_run_id: index for index, task_run_id in enumerate(plan.runs)}
    found = sorted(chains.values(), key=lambda chain: position[chain.task_runs[0]])
    return [_Group(chain.task_runs, _why_chain(chain)) for chain in found]


def _why_chain(chain: _Chain) -> str:
    if len(chain.task_runs) > 1:
        return "one call for a chain of tasks without policies"
    return f"a call of its own: {chain.apart}"


def _not_followed(
    run: TaskRunSpec, followers: Mapping[str, Sequence[TaskRunSpec]], returned: set[str]
) -> str | None:
    """Return why a task run does not go on with a chain, whatever its policy; None if it may."""
    if len(run.depends_on) != 1:
        return "it follows several tasks" if run.depends_on else "it follows no task"
    [before] = run.depends_on
    if followers[before] != [run]:
        return f"others follow {before} too"
    return f"the flow returns the output of {before}" if before in returned else None


def _obstacle(plan: Plan, chain: Sequence[str]) -> str | None:
    """Return why a chain does not mean the same in one invocation, or is not worth it; or None.

    It does if no task of it has a policy that keeps a state between attempts or beside the others:
    a retry of a later task must not run an earlier one again, and a map, a branch or a limit of
    concurrency is made of states. Their timeouts together, or what they are expected to take, must
    be less than the invocation's time; and where one is promised a time, none may take just any.
    """
    assert plan.placements is not None
    for task_run_id in chain:
        policy = _policy(plan, task_run_id)
        if policy is not None:
            return f"{task_run_id} has {policy}"
    if len({plan.placements[task_run_id] for task_run_id in chain}) > 1:
        return f"{chain[-2]} runs elsewhere"
    timeouts = {name: plan.task_of(name).timeout_seconds for name in chain}
    times = {name: timeouts[name] or plan.durations.get(name) for name in chain}
    needed = sum(seconds or 0 for seconds in times.values())
    if needed >= LAMBDA_TIMEOUT_SECONDS:
        return f"the timeouts and expected durations of the chain add up to {needed:g} s"
    endless = [name for name, seconds in times.items() if seconds is None]
    if endless and any(timeouts.values()):
        return f"{endless[0]} has no timeout, and may take the time that others are promised"
    if plan.fuse == CHAINS:
        return None
    # Without a hint or a measurement a task may be long, and is left alone.
    long = [name for name in chain if plan.durations.get(name, SHORT_SECONDS) >= SHORT_SECONDS]
    return f"{long[0]} is not known to take less than {SHORT_SECONDS} s" if long else None


def _policy(plan: Plan, task_run_id: str) -> str | None:
    """Return what of a task run is made of states, or needs a worker for itself."""
    task, run = plan.task_of(task_run_id), plan.runs[task_run_id]
    found = {
        "retries": task.retries,
        "a concurrency_limit": task.concurrency_limit is not None,
        "a cache": task.cache is not None,
        "hooks": task.hooks,
        "an executor of its own": own_executor(plan, task_run_id),
        "items": run.map_over is not None,
        "a branch around it": run.when,
    }
    return next((policy for policy, has in found.items() if has), None)


def _units(plan: Plan, found: Sequence[_Group]) -> tuple[Unit, ...]:
    """Return a unit for each group of task runs; each group comes after those it depends on."""
    assert plan.placements is not None
    groups = [group.task_runs for group in found]
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
                why=found[index].why,
            )
        )
    return tuple(units)


def _warn_of_length(plan: Plan, unit: Unit) -> None:
    """Warn of a unit that is not expected to fit an invocation, however it is run."""
    if len(unit.task_runs) < 2 or is_container(unit.placement):
        return
    position = {task_run_id: index for index, task_run_id in enumerate(unit.task_runs)}
    before = [
        [position[other] for other in plan.runs[name].depends_on if other in position]
        for name in unit.task_runs
    ]
    needed = critical_path(before, [plan.durations.get(name, 0) for name in unit.task_runs])
    if needed >= LAMBDA_TIMEOUT_SECONDS:
        warnings.warn(
            f"flow {plan.spec.name!r}: {unit.name} is one Lambda invocation, which ends after "
            f"{LAMBDA_TIMEOUT_SECONDS} s, and is expected to take {needed:g}; use "
            "--execution-mode micro, or small, which has no limit",
            stacklevel=2,
        )


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
        for other in _task_runs_in([run.arguments, run.when]):
            if unit_of[other] != unit_of[run.id]:
                found.add(other)
    return found


def _task_runs_in(value: Any) -> Iterator[str]:
    for reference in references_in(value):
        if isinstance(reference, TaskReference):
            yield reference.task_run_id
