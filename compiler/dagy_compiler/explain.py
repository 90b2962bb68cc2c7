"""What each state of a machine does and why: `dagy inspect --explain`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from dagy.mapping import known_length
from dagy.spec import TaskRunSpec
from dagy_compiler.asl import (
    Branch,
    Choice,
    Fail,
    Map,
    Parallel,
    Pass,
    Processor,
    State,
    Task,
    Wait,
)
from dagy_compiler.describe import attempts_text, each_text
from dagy_compiler.estimate import Estimate, estimate
from dagy_compiler.join_states import RESOURCE as JOIN
from dagy_compiler.nested_states import RESOURCE as NESTED
from dagy_compiler.owners import alone_in, owners
from dagy_compiler.passes.place import why_placed
from dagy_compiler.plan import Plan, Unit
from dagy_compiler.states import is_surfacing
from dagy_compiler.tree import EMPTY, joined_in, leaves
from dagy_compiler.waits import waits_of
from dagy_compiler.worst_case import events_of, of_attempts, of_throttling


@dataclass(frozen=True, slots=True)
class StateNote:
    """What there is to know of a state.

    Attributes:
        state: its name.
        depth: Parallels and Maps around it.
        type: as in Amazon States Language.
        does: what it does, in words.
        task_runs: that it runs, or makes attempts of, by id.
        place: of the first state of these: what they run on, and why.
        unit: likewise, why these and no others.
        attempts: likewise, how many there may be, and who makes them.
        waits_for: task runs, or groups of them that share a call, that end directly before it.
        for_nothing: those of them that it does not depend on: sequences and parallels cannot order
            it less.
        for_limit: those that it waits for because of a `concurrency_limit`.
        joins: of a Parallel, the task runs that it waits for: the last ones of its branches; of a
            state that waits across branches, those that tell it.
        further: whether it belongs to the attempts or items of a state before it.
    """

    state: str
    depth: int
    type: str
    does: str
    task_runs: tuple[str, ...] = ()
    place: str = ""
    unit: str = ""
    attempts: str = ""
    waits_for: tuple[str, ...] = ()
    for_nothing: tuple[str, ...] = ()
    for_limit: tuple[str, ...] = ()
    joins: tuple[str, ...] = ()
    further: bool = False


@dataclass(frozen=True, slots=True)
class PartNote:
    """A machine that is nested in another, explained.

    Attributes:
        name: of the part.
        history_events: of an execution of it, as in `Estimate`; likewise those that follow.
        history_events_retried: if every task run uses all its attempts.
        history_events_throttled: if besides that AWS throttles every call.
        states: in the order of its definition.
    """

    name: str
    history_events: int
    history_events_retried: int
    history_events_throttled: int
    states: tuple[StateNote, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A machine, explained.

    Attributes:
        flow: its name.
        mode: the execution mode.
        estimate: what an execution takes.
        states: in the order of the definition, the outermost one if there are several.
        parts: the machines nested in it or in one another, an inner one first.
    """

    flow: str
    mode: str
    estimate: Estimate
    states: tuple[StateNote, ...]
    parts: tuple[PartNote, ...] = ()


def explain(plan: Plan) -> Explanation:
    """Return what each state does and why, and what an execution takes.

    Args:
        plan: after the last pass.
    """
    assert plan.machine is not None
    walk = _Notes(plan)
    retried = of_attempts(plan)
    states = tuple(walk.of(plan.machine.states, 0))
    parts = tuple(
        PartNote(
            name,
            events_of(plan, part),
            events_of(plan, part, retried),
            events_of(plan, part, retried, of_throttling),
            tuple(walk.of(part.states, 0)),
        )
        for name, part in plan.parts.items()
    )
    return Explanation(plan.spec.name, plan.mode, estimate(plan), states, parts)


class _Notes:
    """One walk over the machines of a plan."""

    def __init__(self, plan: Plan) -> None:
        assert plan.units is not None
        self._plan = plan
        self._units = plan.units
        self._unit_of = owners(plan)
        self._waits = waits_of(plan)
        self._joins = {
            plan.units[next(leaves(node))].task_runs[0]: self._named(node.waits_for)
            for node in joined_in(plan.tree or EMPTY)
        }
        self._alone = alone_in(plan.units)
        self._met: set[int] = set()

    def of(self, states: Mapping[str, State], depth: int) -> Iterator[StateNote]:
        for name, state in states.items():
            unit = self._unit_of.get(name)
            if unit is None:
                yield self._between(name, state, depth)
            elif unit in self._met:
                does = _further(state, self._plan.runs, self._units[unit])
                runs = self._units[unit].task_runs
                yield StateNote(name, depth, state.type, does, runs, further=True)
            else:
                self._met.add(unit)
                yield self._first(name, state, depth, unit)
            if isinstance(state, Map) and isinstance(state.items, tuple):
                yield from self._rolled(state, state.items, depth + 1)
                continue
            for scope in _scopes(state):
                yield from self.of(scope.states, depth + 1)

    def _rolled(self, state: Map, ids: tuple[str, ...], depth: int) -> Iterator[StateNote]:
        """Yield the notes of what runs for each of some siblings that are alike."""
        for note in self.of(state.item_processor.states, depth):
            yield replace(note, task_runs=ids if note.task_runs else ())
        self._met.update(self._alone[name] for name in ids)

    def _between(self, name: str, state: State, depth: int) -> StateNote:
        """Return the note of a state that runs no task."""
        joins: tuple[str, ...] = ()
        if isinstance(state, Parallel):
            ends = [unit for branch in state.branches for unit in self._ends(branch)]
            joins = self._named(tuple(ends))
        elif isinstance(state, Task) and state.resource == JOIN:
            waited = self._joins[state.arguments["Payload"]["await"]["task"]]
            return StateNote(name, depth, state.type, "parks a task token", joins=waited)
        return StateNote(name, depth, state.type, _does(state), joins=joins)

    def _ends(self, branch: Branch) -> list[int]:
        """Return the units of a branch that no other of the branch waits for."""
        inside = list(dict.fromkeys(self._units_in(branch.states)))
        waited = {other for unit in inside for other in self._waits[unit].all}
        return [unit for unit in inside if unit not in waited]

    def _units_in(self, states: Mapping[str, State]) -> Iterator[int]:
        for name, state in states.items():
            if name in self._unit_of:
                yield self._unit_of[name]
            if isinstance(state, Map) and isinstance(state.items, tuple):
                yield from (self._alone[each] for each in state.items)
            for scope in _scopes(state):
                yield from self._units_in(scope.states)

    def _first(self, name: str, state: State, depth: int, index: int) -> StateNote:
        unit, waits = self._units[index], self._waits[index]
        return StateNote(
            name,
            depth,
            state.type,
            self._runs(unit),
            unit.task_runs,
            self._place(unit),
            unit.why,
            self._attempts(index),
            self._named(waits.all),
            self._named(waits.for_nothing),
            self._named(waits.for_limit),
        )

    def _runs(self, unit: Unit) -> str:
        if unit.whole_flow:
            return "runs the whole flow"
        if len(unit.task_runs) > 1:
            return "runs " + ", ".join(unit.task_runs)
        run = self._plan.runs[unit.task_runs[0]]
        each = ""
        if run.map_over is not None:
            counted = ", and first counts them" if known_length(run) is None else ""
            each = each_text(self._plan.task_of(run.id)) + counted
        return f"runs {run.task_name}" + (f" ({run.source})" if run.source else "") + each

    def _place(self, unit: Unit) -> str:
        assert self._plan.placements is not None
        if not unit.task_runs:
            return f"on {unit.placement}, by mode {self._plan.mode}"
        first = unit.task_runs[0]
        if self._plan.task_of(first).service is not None:
            return "by Step Functions itself, without a worker"
        return f"on {self._plan.placements[first]}, by {why_placed(self._plan, first)}"

    def _attempts(self, index: int) -> str:
        assert self._plan.attempts is not None
        return attempts_text(self._units[index], self._plan.attempts[index])

    def _named(self, units: tuple[int, ...]) -> tuple[str, ...]:
        return tuple(self._units[unit].name for unit in units)


def _scopes(state: State) -> tuple[Branch | Processor, ...]:
    match state:
        case Parallel(branches=branches):
            return branches
        case Map(item_processor=each):
            return (each,)
    return ()


def _does(state: State) -> str:
    """Say what a state does, by its type; what it asks of a worker, its comment says."""
    match state:
        case Parallel(branches=branches) if len(branches) > 1:
            return f"runs {len(branches):,} branches at once"
        case Parallel(comment=comment):
            return _lowered(comment or "runs a branch")
        case Map(items=tuple(items)):
            return f"runs {len(items):,} task runs that are alike at once: {some(items)}"
        case Choice(choices=choices, default=default):
            return f"goes on with {', '.join(rule.next for rule in choices)} or {default}"
        case Pass(assign=dict(assign)):
            return f"keeps {some(list(assign))}"
        case Pass(comment=comment):
            return _lowered(comment or "ends what is before it")
        case Wait():
            return "waits"
        case Task(comment=str(comment)):
            return f"{_verb(state)} {_lowered(comment)}"
        case Fail(comment=str(comment)):
            return f"fails: {_lowered(comment)}"
    return state.type.lower()


def _verb(task: Task) -> str:
    if task.resource == NESTED:
        return "runs"
    return "fails:" if is_surfacing(task) else "asks a worker:"


def _further(state: State, runs: Mapping[str, TaskRunSpec], unit: Unit) -> str:
    """Say what a state does that belongs to the attempts or items of a unit."""
    called = "The whole flow" if unit.whole_flow else runs[unit.task_runs[0]].task_name
    match state:
        case Map(max_concurrency=most, item_processor=each):
            apart = each.processor_config.mode == "DISTRIBUTED"
            where = "each in an execution of its own" if apart else "in this execution"
            return f"runs the items, {where}, at most {most or 0:,} at once"
        case Pass():
            return "gathers what the items put out"
        case Wait():
            return "waits before the next attempt"
        case Task(comment=str(comment)) if comment.startswith(called):
            return "makes attempts"
    return _does(state)


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]


def some(names: Sequence[str], most: int = 4) -> str:
    """Return the first of some names, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")
