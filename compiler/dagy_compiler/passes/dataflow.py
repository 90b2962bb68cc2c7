"""dataflow: give every value its way from the task run that makes it to those that read it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dagy.spec import ParameterReference, TaskReference, references_in
from dagy_compiler import program
from dagy_compiler.limits import VARIABLE_NAME_CHARACTERS
from dagy_compiler.names import UniqueNames, variable, variable_base
from dagy_compiler.plan import Plan, Unit
from dagy_compiler.program import OWN_OUTPUT, Call, Fork, Program, Source
from dagy_compiler.tree import Leaf, Parallel, Tree, leaves, steps


@dataclass(frozen=True)
class Dataflow:
    """Turn the tree into a program in which values move by variables, and only live ones.

    Before: there is a tree. After: whatever a call reads is assigned in its scope or in one around
    it; a value is assigned only where a later state reads it, and leaves a branch only if something
    after the branch does; no scope assigns a name that one around it assigns.
    """

    def __call__(self, plan: Plan) -> Plan:
        """Return the plan with `program`."""
        assert plan.units is not None
        if plan.units and plan.units[0].whole_flow:
            call = Call(unit=0, parameters=True)
            returns = None if plan.spec.outputs is None else OWN_OUTPUT
            return replace(plan, program=Program(program.Sequence((call,)), returns))
        return replace(plan, program=_Lowering(plan).program())


@dataclass(frozen=True, slots=True)
class _Reads:
    """What an argument or a return value refers to."""

    task_runs: tuple[str, ...]
    parameters: bool


def _reads(values: Iterable[Any]) -> _Reads:
    task_runs: dict[str, None] = {}
    parameters = False
    for value in values:
        for reference in references_in(value):
            match reference:
                case TaskReference(task_run_id=task_run_id):
                    task_runs[task_run_id] = None
                case ParameterReference():
                    parameters = True
    return _Reads(tuple(task_runs), parameters)


@dataclass(frozen=True, slots=True)
class _Lowered:
    """A part of the tree, lowered: its step, and the values that are still needed after it."""

    step: Call | Fork
    live: tuple[tuple[str, Source], ...]  # task run id, and where the step's own state finds it


class _Lowering:
    """One walk over the tree, in the order of execution.

    Places are numbered in that order; a value is live after a place if its last reader comes later.
    """

    def __init__(self, plan: Plan) -> None:
        assert plan.units is not None
        assert plan.tree is not None
        self._tree = plan.tree
        self._units = plan.units
        self._returns = _reads([plan.spec.outputs])
        self._whole = _whole_reference(plan.spec.outputs)
        # The worker makes any return value that is not just null or one task's output. A machine
        # has at least one state, so the worker also does when there is nothing else to do.
        self._by_worker = not plan.units or (plan.spec.outputs is not None and self._whole is None)
        self._inputs = [_unit_reads(plan, unit) for unit in plan.units]
        self._last_use = self._find_last_uses()
        claimed = UniqueNames("_", VARIABLE_NAME_CHARACTERS - 8)
        bases = claimed.claim_all(variable_base(task_run_id) for task_run_id in plan.runs)
        self._base = dict(zip(plan.runs, bases, strict=True))
        self._place = 0
        # The variable that holds a value where the walk is. A value that leaves its branch gets a
        # new one there; nobody in the branches beside it can read it, so one table is enough.
        self._variable: dict[str, str] = {}

    def _find_last_uses(self) -> dict[str, int]:
        found: dict[str, int] = {}
        place = 0
        for place, unit in enumerate(leaves(self._tree)):
            for task_run_id in self._inputs[unit].task_runs:
                found[task_run_id] = place
        for task_run_id in self._returns.task_runs:
            found[task_run_id] = place + 1
        return found

    def program(self) -> Program:
        parts = list(steps(self._tree)) if self._units else []
        lowered = self._in_scope(parts, depth=0, followed=self._by_worker)
        calls = [part.step for part in lowered]
        if self._by_worker:
            reads = self._returns
            calls.append(Call(None, self._results(reads), reads.parameters))
            return Program(program.Sequence(tuple(calls)), OWN_OUTPUT)
        returns = None if self._whole is None else self._find(self._whole, lowered[-1])
        return Program(program.Sequence(tuple(calls)), returns)

    def _in_scope(self, parts: Sequence[Tree], depth: int, *, followed: bool) -> list[_Lowered]:
        """Lower what runs one after another in one scope.

        Args:
            parts: the steps.
            depth: Parallels around the scope.
            followed: whether another state of the scope comes after the last.
        """
        lowered = []
        for position, part in enumerate(parts):
            found = self._call(part) if isinstance(part, Leaf) else self._fork(part, depth)
            if followed or position < len(parts) - 1:
                assigns = tuple(
                    (self._name(task_run_id, depth), source) for task_run_id, source in found.live
                )
                found = _Lowered(replace(found.step, assigns=assigns), found.live)
            lowered.append(found)
        return lowered

    def _call(self, leaf: Leaf) -> _Lowered:
        reads = self._inputs[leaf.unit]
        step = Call(leaf.unit, self._results(reads), reads.parameters)
        self._place += 1
        return _Lowered(step, self._live([(self._units[leaf.unit].task_runs[-1], OWN_OUTPUT)]))

    def _fork(self, tree: Tree, depth: int) -> _Lowered:
        assert isinstance(tree, Parallel)
        branches = []
        live: list[tuple[str, Source]] = []
        for number, child in enumerate(tree.children):
            lowered = self._in_scope(steps(child), depth + 1, followed=False)
            leaving = self._live([value for part in lowered for value in part.live])
            yields = tuple(
                (variable(self._base[task_run_id], depth), self._find(task_run_id, lowered[-1]))
                for task_run_id, _ in leaving
            )
            branches.append(program.Sequence(tuple(part.step for part in lowered), yields))
            live += [
                (task_run_id, Source(branch=number, key=key))
                for (task_run_id, _), (key, _) in zip(leaving, yields, strict=True)
            ]
        return _Lowered(Fork(tuple(branches)), tuple(live))

    def _live(self, values: list[tuple[str, Source]]) -> tuple[tuple[str, Source], ...]:
        """Return those values that a place from here on reads."""
        return tuple(value for value in values if self._last_use.get(value[0], -1) >= self._place)

    def _name(self, task_run_id: str, depth: int) -> str:
        name = variable(self._base[task_run_id], depth)
        self._variable[task_run_id] = name
        return name

    def _find(self, task_run_id: str, last: _Lowered) -> Source:
        """Return where the last state of a scope finds a value that is live after it."""
        own = dict(last.live)
        return own.get(task_run_id) or Source(variable=self._variable[task_run_id])

    def _results(self, reads: _Reads) -> tuple[tuple[str, str], ...]:
        return tuple((task_run_id, self._variable[task_run_id]) for task_run_id in reads.task_runs)


def _unit_reads(plan: Plan, unit: Unit) -> _Reads:
    runs = [plan.runs[task_run_id] for task_run_id in unit.task_runs]
    reads = _reads(value for run in runs for value in (run.args, run.kwargs))
    outside = tuple(found for found in reads.task_runs if found not in unit.task_runs)
    return _Reads(outside, reads.parameters)


def _whole_reference(outputs: Any) -> str | None:
    """Return the task run whose whole output is the flow's return value, if that is so."""
    match list(references_in(outputs)):
        case [TaskReference(task_run_id=task_run_id, path=())] if (
            isinstance(outputs, dict) and "$task" in outputs
        ):
            return task_run_id
    return None
