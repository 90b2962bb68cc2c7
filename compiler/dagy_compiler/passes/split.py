"""split: cut what does not fit into one state machine into several, nested in each other."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from dagy.naming import slug
from dagy_compiler import limits
from dagy_compiler.asl import State, StateMachine
from dagy_compiler.events import history_events
from dagy_compiler.nested_states import part_id
from dagy_compiler.passes.dataflow import Dataflow
from dagy_compiler.passes.emit import Emit, states_of_units
from dagy_compiler.passes.limits import definition_bytes
from dagy_compiler.plan import Plan
from dagy_compiler.tree import (
    EMPTY,
    Apart,
    Choose,
    Joined,
    Leaf,
    Parallel,
    Series,
    Tree,
    leaves,
    parallel,
    series,
)

SHARES = (0.8, 0.6, 0.4)
"""Of a limit, what a machine is planned to take; less if the plan turns out to be wrong."""


@dataclass(frozen=True)
class Split:
    """Cut the tree where a machine would be too large or write too long a history.

    Before: there is a machine. After: it and its parts keep to the limits, where cuts between units
    can make them; `limits` refuses what is left.

    A part is steps one after another, branches at once, or a side of a branch. Where it is cut
    depends on what stands there, so that a change of a flow moves the cuts near it alone, and a
    part has the name of its first task.

    Attributes:
        definition_bytes: what a definition may take.
        history_events: what an execution may write if nothing is retried.
    """

    definition_bytes: int = limits.DEFINITION_BYTES
    history_events: int = limits.HISTORY_EVENTS

    def __call__(self, plan: Plan) -> Plan:
        """Return the plan; with another `tree`, `program` and `machine`, and with `parts`, if cut.

        Raises:
            LimitError: more values pass between parts than fit into a state.
        """
        limit = Weight(self.definition_bytes, self.history_events)
        if plan.tree is None or _fits(plan, limit):
            return plan
        weights = [_weight_of_unit(states) for _, states in sorted(states_of_units(plan).items())]
        found = plan
        for share in SHARES:
            target = Weight(int(limit.bytes * share), int(limit.events * share))
            tree, _ = _Cutter(plan, weights, target).cut(plan.tree)
            found = Emit()(Dataflow()(replace(plan, tree=tree)))
            if _fits(found, limit):
                break
        return found


@dataclass(frozen=True, slots=True)
class Weight:
    """What something adds to a machine: bytes of its definition, events of its history."""

    bytes: int
    events: int

    def __add__(self, other: Weight) -> Weight:
        return Weight(self.bytes + other.bytes, self.events + other.events)

    def within(self, limit: Weight) -> bool:
        """Tell whether neither passes a limit."""
        return self.bytes <= limit.bytes and self.events <= limit.events


# About what the emitter writes; what comes out is measured.
OF_PART = Weight(3_000, limits.EVENTS_OF_SYNC_TASK)
OF_JOIN = Weight(1_200, limits.EVENTS_OF_TOKEN_TASK)
OF_FORK = Weight(300, limits.EVENTS_OF_PARALLEL + limits.EVENTS_OF_OTHER_STATE)
OF_BRANCH = Weight(250, 0)
OF_CHOICE = Weight(1_600, limits.EVENTS_OF_LAMBDA_TASK + limits.EVENTS_OF_OTHER_STATE)

Weighed = tuple[Tree, Weight]

Gathered = Callable[[Iterable[Tree]], Tree]
"""How neighbours become one tree again: `series` or `parallel`."""


def _fits(plan: Plan, limit: Weight) -> bool:
    return all(_keeps_to(machine, limit) for machine in plan.machines)


def _keeps_to(machine: StateMachine, limit: Weight) -> bool:
    events = limits.EVENTS_OF_EXECUTION + history_events(machine.states, machine.start_at)
    return events <= limit.events and definition_bytes(machine.to_json()) <= limit.bytes


def _weight_of_unit(states: dict[str, State]) -> Weight:
    written = {
        name: state.model_dump(by_alias=True, exclude_none=True) for name, state in states.items()
    }
    return Weight(definition_bytes(written), history_events(states, next(iter(states))))


class _Cutter:
    """Cuts one tree.

    Args:
        plan: whose units the leaves are.
        weights: by unit.
        target: what each machine is to keep to.
    """

    def __init__(self, plan: Plan, weights: Sequence[Weight], target: Weight) -> None:
        assert plan.units is not None
        self._units = plan.units
        self._weights = weights
        self._target = target
        self._ids: set[str] = set()

    def cut(self, tree: Tree) -> Weighed:
        """Return a tree with as much put apart as makes the rest of it fit, and that one's weight.

        Args:
            tree: with nothing put apart yet.
        """
        match tree:
            case Leaf(unit=unit):
                return tree, self._weights[unit]
            case Series(children=children):
                found = self._thinned([self.cut(child) for child in children], series)
                return series(child for child, _ in found), _total(found)
            case Parallel(children=children):
                cut = [self.cut(child) for child in children]
                branches = [(child, weight + OF_BRANCH) for child, weight in cut]
                found = self._thinned(branches, parallel)
                return parallel(child for child, _ in found), _total(found) + OF_FORK
            case Choose():
                return self._choose(tree)
            case Joined(child=child, waits_for=waits_for, told=told):
                whole, weight = self.cut(child)
                assert isinstance(whole, Leaf | Choose)
                for _ in range(bool(waits_for) + told):
                    weight += OF_JOIN
                return replace(tree, child=whole), weight
        raise AssertionError("a tree is cut once")

    def _choose(self, tree: Choose) -> Weighed:
        then, otherwise = self.cut(tree.then), self.cut(tree.otherwise)
        if not _of_choice(then, otherwise).within(self._target):
            then, otherwise = self._apart([then], series), self._apart([otherwise], series)
        weight = _of_choice(then, otherwise)
        return replace(tree, then=then[0], otherwise=otherwise[0]), weight

    def _thinned(self, found: list[Weighed], gathered: Gathered) -> list[Weighed]:
        """Put neighbours apart, then parts of parts, until the rest fits or gets no lighter."""
        while not _total(found).within(self._target):
            fewer = [
                kept
                for group in self._groups(found)
                for kept in (group if _is_light(group) else [self._apart(group, gathered)])
            ]
            if _total(found).within(_total(fewer)):
                break
            found = fewer
        return found

    def _groups(self, found: list[Weighed]) -> Iterator[list[Weighed]]:
        """Yield neighbours that fit into a machine together, in order."""
        start = 0
        while start < len(found):
            end = self._end(found, start)
            yield found[start:end]
            start = end

    def _end(self, found: list[Weighed], start: int) -> int:
        """Return where a group ends: between half full and full, by what stands there.

        As the place depends on a name and not on a count, groups after a change of the flow are
        soon the same again (content-defined chunking; Muthitacharoen, Chen and Mazieres, 2001).
        """
        weight = NOTHING
        ends = []
        for end in range(start, len(found)):
            weight += found[end][1]
            if end > start and not weight.within(self._target):
                break
            ends.append((weight, end + 1))
        else:
            return len(found)
        full = [end for weight, end in ends if not (weight + weight).within(self._target)]
        return min(full or [end for _, end in ends], key=lambda end: self._mark(found[end][0]))

    def _mark(self, tree: Tree) -> bytes:
        return hashlib.sha256(self._first(tree).encode()).digest()

    def _first(self, tree: Tree) -> str:
        return self._units[next(leaves(tree))].name

    def _apart(self, group: list[Weighed], gathered: Gathered) -> Weighed:
        """Return neighbours as a part; one that is a part already, or nothing, as it is."""
        if len(group) == 1 and (isinstance(group[0][0], Apart) or group[0][0] == EMPTY):
            return group[0]
        child = gathered(tree for tree, _ in group)
        return Apart(self._name(child), child), OF_PART

    def _name(self, tree: Tree) -> str:
        """Return a name that no other part has, nor another's logical id."""
        wanted = f"from-{slug(self._first(tree), fallback='task')}"
        name, number = wanted, 1
        while part_id(name) in self._ids:
            number += 1
            name = f"{wanted}-{number}"
        self._ids.add(part_id(name))
        return name


NOTHING = Weight(0, 0)


def _total(found: Iterable[Weighed]) -> Weight:
    return sum((weight for _, weight in found), NOTHING)


def _of_choice(then: Weighed, otherwise: Weighed) -> Weight:
    events = max(then[1].events, otherwise[1].events)
    return OF_CHOICE + Weight(then[1].bytes + otherwise[1].bytes, events)


def _is_light(group: list[Weighed]) -> bool:
    """Tell whether a machine of its own would cost more than it takes away."""
    return _total(group).within(OF_PART)
