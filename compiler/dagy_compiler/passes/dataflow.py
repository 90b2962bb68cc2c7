"""dataflow: give every value its way from the task run that makes it to those that read it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from dagy.errors import LimitError
from dagy.spec import FlowSpec, TaskReference, references_in
from dagy_compiler import program
from dagy_compiler.limits import HANDED_BYTES, VARIABLE_NAME_CHARACTERS
from dagy_compiler.liveness import Reads, Telling, liveness_of
from dagy_compiler.map_states import inline_items
from dagy_compiler.names import UniqueNames, variable, variable_base
from dagy_compiler.plan import Plan
from dagy_compiler.program import (
    OWN_OUTPUT,
    Await,
    Call,
    Decide,
    Fork,
    Guard,
    Inputs,
    Join,
    Nested,
    Program,
    Source,
    Step,
    Tell,
)
from dagy_compiler.service_states import opened_task_runs
from dagy_compiler.shares import Value, Values, limited, shares_of
from dagy_compiler.tree import (
    EMPTY,
    Apart,
    Choose,
    Joined,
    Leaf,
    Parallel,
    Series,
    Tree,
    joined_in,
    leaves,
    steps,
)
from dagy_compiler.truths import Truth, asked_of

Scope = program.Sequence

RETURNED = "returned"
"""The name under which a guarded flow hands out its return value; no task run's variable has it."""


@dataclass(frozen=True)
class Dataflow:
    """Turn the tree into a program in which values move by variables, and only live ones.

    Before: there is a tree. After: whatever a call reads is assigned in its scope or in one around
    it, or is stored before it, by a `Tell` or by the call that makes it; a value is assigned only
    where a later state reads it, and leaves a branch only if something after the branch does; no
    scope assigns a name that one around it assigns.

    Where more values come together than fit into a state even where each is stored and only named,
    the calls that make them store them under the ids of their task runs, and those that read them
    are sent nothing but these ids. Then a task may follow as many others as there are.

    Attributes:
        room: bytes that the values may take which one state takes in, or puts out.
    """

    room: int = HANDED_BYTES

    def __call__(self, plan: Plan) -> Plan:
        """Return the plan with `program`.

        Raises:
            LimitError: more values come together than fit into a state, and no worker makes them.
        """
        assert plan.units is not None
        if plan.units and plan.units[0].whole_flow:
            call = Call(0, Inputs(parameters=True))
            returns = None if plan.spec.outputs is None else OWN_OUTPUT
            return replace(plan, program=Program(Scope((call,)), returns))
        opened = _opened(plan)
        stored: frozenset[str] = frozenset()
        while True:
            lowered = _Lowering(plan, stored, opened).flow()
            shares = shares_of(lowered.body, lowered.values, self.room)
            if not shares.crowds:
                body = limited(lowered.body, plan.units, lowered.values, shares)
                return replace(plan, program=_program(plan.spec, body, lowered.returns))
            crowded = {name for crowd in shares.crowds for name in crowd.names}
            more = (crowded & _storable(plan, opened)) - stored
            if not more:
                raise LimitError(f"flow {plan.spec.name!r}: {shares.crowds[0].problem}")
            stored |= more


Act = Tree | Await | Telling
"""What runs in a scope: a part of the tree, or what stands before or after one for a join."""


@dataclass(frozen=True, slots=True)
class _Lowered:
    """A part of the tree, lowered: its step, and the values that are still needed after it."""

    step: Step
    live: tuple[tuple[str, Source], ...] = ()  # a value's name, and where the step's state finds it


@dataclass(frozen=True)
class _LoweredFlow:
    """A whole tree, lowered.

    Attributes:
        body: the scope of the outermost machine, without what a `Guard` puts around it.
        returns: where its last state finds the flow's return value; None for null.
        values: that are in it.
    """

    body: Scope
    returns: Source | None
    values: Values


class _Lowering:
    """One walk over the tree, in the order of execution; it counts places as `liveness` does.

    Args:
        plan: with a tree.
        stored: task runs whose outputs are in no variable.
        opened: task runs whose outputs may not be stored at all.
    """

    def __init__(self, plan: Plan, stored: frozenset[str], opened: Set[str]) -> None:
        assert plan.units is not None
        assert plan.tree is not None
        self._plan = plan
        self._tree = plan.tree
        self._units = plan.units
        self._stored = stored
        self._opened = opened
        self._mapped = {run.id for run in plan.spec.task_runs if run.map_over is not None}
        self._waiting = _waiting(plan.tree)
        self._live = liveness_of(plan, stored)
        truths = dict.fromkeys(self._live.truths.values())
        self._base = _bases(plan.runs, truths)
        self._values = _values(plan, self._base, truths)
        self._place = 0
        # The variable that holds a value where the walk is. A value that leaves its branch gets a
        # new one there; nobody in the branches beside it can read it, so one table is enough.
        self._variable: dict[str, str] = {}
        self._held: dict[str, Value] = {}

    def flow(self) -> _LoweredFlow:
        """Return the whole tree, lowered."""
        spec = self._plan.spec
        whole = _whole_reference(spec.outputs, self._mapped | self._stored)
        # The worker makes any return value that is not just null or one task's output. A machine
        # has at least one state, so the worker also does when there is nothing else to do.
        by_worker = not self._units or (spec.outputs is not None and whole is None)
        parts = () if self._tree == EMPTY else steps(self._tree)
        lowered = self._in_scope(parts, int(_is_guarded(spec)), followed=by_worker)
        returns = None if whole is None else self._find(whole, lowered[-1])
        if by_worker:
            lowered.append(_Lowered(Call(None, self._sent(self._live.returns))))
            returns = OWN_OUTPUT
        body = Scope(tuple(part.step for part in lowered))
        return _LoweredFlow(body, returns, Values(self._values, self._held))

    def _in_scope(self, parts: Sequence[Tree], depth: int, *, followed: bool) -> list[_Lowered]:
        """Lower what runs one after another in one scope.

        Args:
            parts: the steps.
            depth: Parallels around the scope.
            followed: whether another state of the scope comes after the last.
        """
        lowered: list[_Lowered] = []
        acts = [act for part in parts for act in _acts(part)]
        for position, act in enumerate(acts, 1):
            ends = position == len(acts) and not followed
            joined = ends and self._needs_join(act)
            found = self._lower(act, depth)
            lowered.append(found if ends and not joined else self._assigned(found, depth))
            if joined:
                lowered.append(_Lowered(Join()))
        return lowered

    def _lower(self, act: Act, depth: int) -> _Lowered:
        match act:
            case Await():
                return _Lowered(act)
            case Telling():
                return self._tell(act)
            case Leaf():
                return self._call(act)
            case Choose():
                return self._decide(act, depth)
            case Parallel():
                return self._fork(act, depth)
            case Apart():
                return self._nested(act, depth)
            case Series() | Joined():
                raise AssertionError("a tree is flat")

    def _needs_join(self, act: Act) -> bool:
        """Whether a part cannot put out by itself what its scope does: it may end in two ways."""
        if isinstance(act, Leaf):
            return self._units[act.unit].task_runs[0] in self._mapped
        return isinstance(act, Choose)

    def _assigned(self, found: _Lowered, depth: int) -> _Lowered:
        if not isinstance(found.step, (Call, Fork, Nested)):
            return found  # what is inside has assigned them
        names = {name: self._name(name, depth) for name, _ in found.live}
        self._variable |= names
        assigns = tuple((names[name], source) for name, source in found.live)
        return _Lowered(replace(found.step, assigns=assigns), found.live)

    def _tell(self, telling: Telling) -> _Lowered:
        unit = next(leaves(telling.node))
        inputs = self._sent(self._live.reads[telling])
        self._place += 1
        return _Lowered(Tell(unit, inputs, tuple(self._waiting.get(unit, {}).items())))

    def _call(self, leaf: Leaf) -> _Lowered:
        made = self._units[leaf.unit].task_runs
        inputs = self._sent(self._live.reads[leaf])
        self._place += 1
        truths = self._live.told_by.get(leaf.unit, ())
        told = tuple((truth.name, Source(truth=at)) for at, truth in enumerate(truths))
        call = Call(
            leaf.unit,
            inputs,
            inline_only=tuple(name for name in made if name in self._opened),
            truths=tuple(truth.asked for truth in truths),
            stores=tuple(name for name in made if name in self._stored),
        )
        if call.stores == made:
            return _Lowered(call, told)  # the answer stays in the history
        want = self._live.later(made, self._place)
        if want == [made[-1]]:
            return _Lowered(call, ((want[0], OWN_OUTPUT), *told))
        answered = tuple((name, Source(key=f"o{at}")) for at, name in enumerate(want))
        return _Lowered(replace(call, want=tuple(want)), (*answered, *told))

    def _fork(self, tree: Parallel, depth: int) -> _Lowered:
        branches = []
        live: list[tuple[str, Source]] = []
        for number, child in enumerate(tree.children):
            scope, leaving = self._inner(child, depth)
            branches.append(scope)
            live += [(name, Source(branch=number, key=key)) for name, key in leaving]
        return _Lowered(Fork(tuple(branches)), tuple(live))

    def _nested(self, tree: Apart, depth: int) -> _Lowered:
        inputs = self._sent(self._live.outside(tree.child))
        scope, leaving = self._inner(tree.child, depth)
        live = tuple((name, Source(key=key)) for name, key in leaving)
        return _Lowered(Nested(tree.name, inputs, scope), live)

    def _inner(self, tree: Tree, depth: int) -> tuple[Scope, list[tuple[str, str]]]:
        """Return a scope inside of another, and the names and keys of the values that leave it."""
        lowered = self._in_scope(steps(tree), depth + 1, followed=False)
        made = [name for part in lowered for name, _ in part.live]
        leaving = [(name, self._name(name, depth)) for name in self._live.later(made, self._place)]
        yields = tuple((key, self._find(name, lowered[-1])) for name, key in leaving)
        return Scope(tuple(part.step for part in lowered), yields), leaving

    def _decide(self, tree: Choose, depth: int) -> _Lowered:
        inputs = self._sent(self._live.reads[tree])
        told = self._live.truths.get(tree)
        truth = None if told is None else self._variable[told.name]
        then, made_then = self._side(tree.then, depth)
        otherwise, made_otherwise = self._side(tree.otherwise, depth)
        lost_then = self._live.later(made_then, self._place)
        lost_otherwise = self._live.later(made_otherwise, self._place)
        step = Decide(
            tree.condition,
            asked_of(self._plan, tree),
            inputs,
            then,
            otherwise,
            tuple(self._variable[name] for name in lost_then),
            tuple(self._variable[name] for name in lost_otherwise),
            truth,
        )
        made = (*lost_then, *lost_otherwise)
        return _Lowered(step, tuple((name, Source(variable=self._variable[name])) for name in made))

    def _side(self, side: Tree, depth: int) -> tuple[tuple[Step, ...], list[str]]:
        """Return the steps of a side, and the values that it leaves."""
        lowered = self._in_scope(() if side == EMPTY else steps(side), depth, followed=True)
        made = [name for part in lowered for name, _ in part.live]
        return tuple(part.step for part in lowered), made

    def _name(self, value: str, depth: int) -> str:
        """Return the name under which a scope holds a value."""
        name = variable(self._base[value], depth)
        self._held[name] = self._values[value]
        return name

    def _find(self, name: str, last: _Lowered) -> Source:
        """Return where the last state of a scope finds a value that is live after it."""
        return dict(last.live).get(name) or Source(variable=self._variable[name])

    def _sent(self, reads: Reads) -> Inputs:
        results = tuple((name, self._variable[name]) for name in reads.task_runs)
        return Inputs(results, reads.parameters, reads.joined)


def _is_guarded(spec: FlowSpec) -> bool:
    """Tell whether a flow has attempts or hooks of its own around it."""
    return bool(spec.retries or spec.hooks)


def _program(spec: FlowSpec, body: Scope, returns: Source | None) -> Program:
    if not _is_guarded(spec):
        return Program(body, returns)
    if returns is None:
        return Program(Scope((Guard(body),)), None)
    scope, yielded = replace(body, yields=((RETURNED, returns),)), Source(branch=0, key=RETURNED)
    if "on_completion" not in spec.hooks:
        return Program(Scope((Guard(scope),)), yielded)
    name = variable(RETURNED, 0)  # past the call of the hooks
    return Program(Scope((Guard(scope, ((name, yielded),)),)), Source(variable=name))


def _opened(plan: Plan) -> frozenset[str]:
    """Return the task runs whose outputs the state of a service opens, which no claim lets it."""
    return frozenset(
        task_run_id
        for run in plan.spec.task_runs
        for task_run_id in opened_task_runs(plan.task_of(run.id), run)
        if plan.task_of(task_run_id).service is None
    )


def _storable(plan: Plan, opened: Set[str]) -> set[str]:
    """Return the task runs whose calls can store what they make, for readers that all open claims.

    Not those that may be skipped, are made item by item, or are opened by the state of a service.
    """
    return {
        run.id
        for run in plan.spec.task_runs
        if not run.when and run.map_over is None and plan.task_of(run.id).service is None
    } - opened


def _waiting(tree: Tree) -> dict[int, dict[int, int]]:
    """Return who waits across branches for a unit or a branch, and for how many in all.

    Each is known by its first unit.
    """
    found: dict[int, dict[int, int]] = {}
    for node in joined_in(tree):
        for other in node.waits_for:
            found.setdefault(other, {})[next(leaves(node))] = len(node.waits_for)
    return found


def _bases(task_runs: Iterable[str], truths: Iterable[Truth]) -> dict[str, str]:
    """Return what says in a variable's name whose value it is, by the value's name."""
    claimed = UniqueNames("_", VARIABLE_NAME_CHARACTERS - 8)
    claimed.claim(RETURNED)
    names = {name: claimed.claim(variable_base(name)) for name in task_runs}
    return names | {truth.name: claimed.claim(variable_base(truth.variable)) for truth in truths}


def _values(plan: Plan, base: Mapping[str, str], truths: Iterable[Truth]) -> dict[str, Value]:
    """Return what is known of the values of a flow, by their names."""
    # A map's items are so many values where it is alone in a worker; with others, they are one.
    alone = {unit.task_runs[0] for unit in plan.units or () if len(unit.task_runs) == 1}
    found = {
        truth.name: Value(truth.name, len(base[truth.name]), is_truth=True) for truth in truths
    }
    for name, run in plan.runs.items():
        items = inline_items(run) if name in alone and run.map_over is not None else None
        found[name] = Value(name, max(len(name), len(base[name])), items)
    return found


def _acts(part: Tree) -> Iterator[Act]:
    """Yield what a step of the tree is in its scope, one after another."""
    if not isinstance(part, Joined):
        yield part
        return
    if part.waits_for:
        yield Await(next(leaves(part)), part.waits_for)
    yield part.child
    if part.told:
        yield Telling(part.child)


def _whole_reference(outputs: Any, unfit: Set[str]) -> str | None:
    """Return the task run whose whole output is the flow's return value, if that is so.

    Args:
        outputs: of the flow.
        unfit: task runs whose outputs are no one value that a state has at hand.
    """
    match list(references_in(outputs)):
        case [TaskReference(task_run_id=task_run_id, path=())] if (
            isinstance(outputs, dict) and "$task" in outputs and task_run_id not in unfit
        ):
            return task_run_id
    return None
