"""Who reads which values, and where the last of those stands that read one.

A value is live from where it is made to its last reader. Places are numbered in the order of
execution, one for each unit and each `Telling`; what decides a branch is read at the place of the
first unit after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

from dagy.spec import ParameterReference, TaskReference, TaskRunSpec, encode, references_in
from dagy_compiler.plan import Plan, Unit
from dagy_compiler.tree import Apart, Choose, Joined, Leaf, Parallel, Series, Tree, leaves
from dagy_compiler.truths import Truth, truths_of


@dataclass(frozen=True, slots=True)
class Reads:
    """What an argument or a return value refers to.

    Attributes:
        task_runs: whose outputs are in a variable.
        parameters: whether it refers to any.
        joined: task runs whose outputs are stored, as those of other branches are.
    """

    task_runs: tuple[str, ...]
    parameters: bool = False
    joined: tuple[str, ...] = ()

    def across(self, branches: Set[str]) -> Reads:
        """Return the same where some task runs are in other branches, or are stored anyway."""
        here = tuple(name for name in self.task_runs if name not in branches)
        joined = tuple(name for name in self.task_runs if name in branches)
        return Reads(here, self.parameters, (*self.joined, *joined))


@dataclass(frozen=True, slots=True)
class Telling:
    """What follows a unit or a branch that others wait for, or read, across branches."""

    node: Leaf | Choose


Reader = Leaf | Choose | Telling
"""What reads values on the way: a unit, what decides a branch, and what tells others."""


@dataclass(frozen=True)
class Liveness:
    """Which values are read where.

    Attributes:
        units: of the plan.
        reads: what each reader reads.
        returns: what the flow's return value does.
        truths: by what is told of it that a branch is decided, without its value.
        last: the place of the last reader of each value that has one.
    """

    units: tuple[Unit, ...]
    reads: Mapping[Reader, Reads]
    returns: Reads
    truths: Mapping[Choose, Truth]
    last: Mapping[str, int]

    @cached_property
    def told_by(self) -> Mapping[int, tuple[Truth, ...]]:
        """The truths that the calls of each unit tell, by its index."""
        return _told_by(self.truths)

    def later(self, names: Iterable[str], place: int) -> list[str]:
        """Return those of some values that are read at a place or after it."""
        return [name for name in names if self.last.get(name, -1) >= place]

    def outside(self, tree: Tree) -> Reads:
        """Return what a part of the tree reads, and does not make."""
        made: set[str] = set()
        read: dict[str, None] = {}
        parameters = False
        for reader in readers(tree):
            if isinstance(reader, Telling):
                continue  # it reads what is made just before it
            if isinstance(reader, Leaf):
                made.update(self.units[reader.unit].task_runs)
                made.update(truth.name for truth in self.told_by.get(reader.unit, ()))
            read |= dict.fromkeys(_values_read(reader, self.reads, self.truths))
            parameters = parameters or self.reads[reader].parameters
        return Reads(tuple(name for name in read if name not in made), parameters)


def liveness_of(plan: Plan, stored: Set[str]) -> Liveness:
    """Return who reads what.

    Args:
        plan: with a tree.
        stored: task runs whose outputs are in no variable, so that nobody looks for them there.
    """
    assert plan.units is not None
    assert plan.tree is not None
    tree, units = plan.tree, plan.units
    reads: dict[Reader, Reads] = {
        reader: _reads_of_unit(plan, units[reader.unit])
        if isinstance(reader, Leaf)
        else reads_of(encode(reader.condition))
        for reader in readers(tree)
        if not isinstance(reader, Telling)
    }
    across: set[str] = set()
    for node, hidden in _hidden(tree, units) if plan.has_joins else ():
        reads[node] = reads[node].across(hidden)
        across.update(reads[node].joined)
    across -= stored
    reads = {reader: found.across(stored) for reader, found in reads.items()}
    for reader in readers(tree):
        if isinstance(reader, Telling):
            names = made_in(reader.node, units)
            reads[reader] = Reads(tuple(name for name in names if name in across))
    truths = truths_of(
        plan,
        lambda unit: reads[Leaf(unit)].parameters,
        lambda node: bool(reads[node].joined),
    )
    returns = reads_of(plan.spec.outputs).across(stored)
    return Liveness(units, reads, returns, truths, _last_places(tree, reads, truths, returns))


def readers(tree: Tree) -> Iterator[Reader]:
    """Yield what reads values in a part of the tree, in the order of execution."""
    pending: list[Tree | Telling] = [tree]
    while pending:
        match pending.pop():
            case Leaf() | Telling() as found:
                yield found
            case Joined(child=child, told=told):
                pending += [*([Telling(child)] if told else []), child]
            case Choose() as choose:
                yield choose
                pending += [choose.otherwise, choose.then]
            case Series(children=children) | Parallel(children=children):
                pending.extend(reversed(children))
            case Apart(child=child):
                pending.append(child)


def reads_of(*values: Any) -> Reads:
    """Return what arguments, or a return value, refer to."""
    task_runs: dict[str, None] = {}
    parameters = False
    for reference in chain.from_iterable(map(references_in, values)):
        match reference:
            case TaskReference(task_run_id=task_run_id):
                task_runs[task_run_id] = None
            case ParameterReference():
                parameters = True
    return Reads(tuple(task_runs), parameters)


def _reads_of_unit(plan: Plan, unit: Unit) -> Reads:
    runs = [plan.runs[task_run_id] for task_run_id in unit.task_runs]
    reads = reads_of(*(value for run in runs for value in _values_of(run, alone=len(runs) == 1)))
    outside = tuple(found for found in reads.task_runs if found not in unit.task_runs)
    return Reads(outside, reads.parameters)


def _values_of(run: TaskRunSpec, *, alone: bool) -> list[Any]:
    # For a task run that is alone in its unit the state machine decides, for others the worker.
    return [run.arguments, *([] if alone else [condition for condition, _ in run.when])]


def made_in(tree: Tree, units: tuple[Unit, ...]) -> Iterator[str]:
    """Yield the task runs of a part of the tree."""
    for unit in leaves(tree):
        yield from units[unit].task_runs


def _hidden(
    tree: Tree, units: tuple[Unit, ...], hidden: frozenset[str] = frozenset()
) -> Iterator[tuple[Leaf | Choose, frozenset[str]]]:
    """Yield what reads values with the task runs of other branches that come before it."""
    match tree:
        case Leaf():
            yield tree, hidden
        case Choose(then=then, otherwise=otherwise):
            yield tree, hidden
            yield from _hidden(then, units, hidden)
            yield from _hidden(otherwise, units, hidden)
        case Joined(child=child) | Apart(child=child):
            yield from _hidden(child, units, hidden)
        case Series(children=children):
            for each in children:
                yield from _hidden(each, units, hidden)
        case Parallel(children=children):
            for each in children:
                yield from _hidden(each, units, hidden)
                hidden |= frozenset(made_in(each, units))


def _told_by(truths: Mapping[Choose, Truth]) -> dict[int, tuple[Truth, ...]]:
    found: dict[int, tuple[Truth, ...]] = {}
    for truth in dict.fromkeys(truths.values()):
        found[truth.unit] = (*found.get(truth.unit, ()), truth)
    return found


def _values_read(
    reader: Reader, reads: Mapping[Reader, Reads], truths: Mapping[Choose, Truth]
) -> tuple[str, ...]:
    """Return the values that a reader reads, the truth that decides a branch among them."""
    read = reads[reader].task_runs
    truth = truths.get(reader) if isinstance(reader, Choose) else None
    return read if truth is None else (*read, truth.name)


def _last_places(
    tree: Tree, reads: Mapping[Reader, Reads], truths: Mapping[Choose, Truth], returns: Reads
) -> dict[str, int]:
    last: dict[str, int] = {}
    place = 0
    for reader in readers(tree):
        last |= dict.fromkeys(_values_read(reader, reads, truths), place)
        place += not isinstance(reader, Choose)
    return last | dict.fromkeys(returns.task_runs, place)
