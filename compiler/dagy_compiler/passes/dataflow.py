"""dataflow: give every value its way from the task run that makes it to those that read it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from dagy.errors import LimitError
from dagy.spec import (
    ParameterReference,
    TaskReference,
    TaskRunSpec,
    encode,
    references_in,
)
from dagy_compiler import program
from dagy_compiler.limits import (
    CLAIM_BYTES,
    ENVELOPE_BYTES,
    HANDED_BYTES,
    INLINE_ITEMS,
    STATE_BYTES,
    STORED_BYTES,
    TRUTH_BYTES,
    VARIABLE_NAME_CHARACTERS,
    VARIABLES_BYTES,
)
from dagy_compiler.map_states import inline_items
from dagy_compiler.names import UniqueNames, variable, variable_base
from dagy_compiler.plan import Plan, Unit
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
from dagy_compiler.truths import Truth, asked_of, truths_of
from dagy_compiler.variables import machines_of, stored_bytes, variables_in

KEY_BYTES = 8
"""What the key of a value takes beside a name: quotes, colon, comma, the prefix of a variable."""

LISTED_BYTES = 3
"""What an id takes in a list beside itself: quotes and a comma."""

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
        stored: frozenset[str] = frozenset()
        while True:
            lowering = _Lowering(plan, stored, self.room)
            program = lowering.program()
            if lowering.problem is None:
                return replace(plan, program=program)
            more = {name for name in lowering.crowded - stored if _can_be_stored(plan, name)}
            if not more:
                raise LimitError(lowering.problem)
            stored |= more


@dataclass(frozen=True, slots=True)
class _Reads:
    """What an argument or a return value refers to.

    Attributes:
        task_runs: whose outputs are in a variable.
        parameters: whether it refers to any.
        joined: task runs whose outputs are stored, as those of other branches are.
    """

    task_runs: tuple[str, ...]
    parameters: bool
    joined: tuple[str, ...] = ()

    def across(self, branches: Set[str]) -> _Reads:
        """Return the same where some task runs are in other branches, or are stored anyway."""
        here = tuple(name for name in self.task_runs if name not in branches)
        joined = tuple(name for name in self.task_runs if name in branches)
        return _Reads(here, self.parameters, (*self.joined, *joined))


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
class _Telling:
    """What follows a unit or a branch that others wait for, or read, across branches."""

    node: Leaf | Choose


Act = Tree | Await | _Telling
"""What runs in a scope: a part of the tree, or what stands before or after one for a join."""


@dataclass(frozen=True, slots=True)
class _Lowered:
    """A part of the tree, lowered: its step, and the values that are still needed after it."""

    step: Step
    live: tuple[tuple[str, Source], ...] = ()  # task run id, and where the step's state finds it


class _Lowering:
    """One walk over the tree, in the order of execution.

    Places are numbered in that order; a value is live after a place if its last reader comes later.

    Args:
        plan: with a tree.
        stored: task runs whose outputs are in no variable.
        room: as for `Dataflow`.

    Attributes:
        problem: what is wrong if more values came together than fit into a state.
        crowded: these.
    """

    def __init__(self, plan: Plan, stored: frozenset[str], room: int) -> None:
        assert plan.units is not None
        assert plan.tree is not None
        self._plan = plan
        self._spec = plan.spec
        self._tree = plan.tree
        self._units = plan.units
        self._opened = _opened(plan)
        self._mapped = {run.id for run in plan.spec.task_runs if run.map_over is not None}
        # How many values those of them are that are alone in a worker; with others, they are one.
        alone = [unit.task_runs[0] for unit in plan.units if len(unit.task_runs) == 1]
        self._listed = {
            name: inline_items(plan.runs[name]) for name in alone if name in self._mapped
        }
        self._returns = _reads([plan.spec.outputs])
        self._whole = _whole_reference(plan.spec.outputs, self._mapped | stored)
        # The worker makes any return value that is not just null or one task's output. A machine
        # has at least one state, so the worker also does when there is nothing else to do.
        self._by_worker = not plan.units or (plan.spec.outputs is not None and self._whole is None)
        self._inputs = [_unit_reads(plan, unit) for unit in plan.units]
        self._conditions = {
            node: _reads([encode(node.condition)])
            for node in _in_order(plan.tree)
            if isinstance(node, Choose)
        }
        # Who waits across branches for a unit or branch, and for how many in all.
        self._waiting: dict[int, dict[int, int]] = {}
        # What is read across branches, by anything.
        self._across: set[str] = set()
        self._find_joins()
        self._by_id = stored
        self._room = room
        self._read_as_stored()
        self.problem: str | None = None
        self.crowded: set[str] = set()
        self._truths = truths_of(
            plan,
            lambda unit: self._inputs[unit].parameters,
            lambda node: bool(self._conditions[node].joined),
        )
        truths = dict.fromkeys(self._truths.values())
        self._is_truth = {truth.name for truth in truths}
        self._told_by: dict[int, list[Truth]] = {}
        for truth in truths:
            self._told_by.setdefault(truth.unit, []).append(truth)
        self._last_use = self._find_last_uses()
        claimed = UniqueNames("_", VARIABLE_NAME_CHARACTERS - 8)
        claimed.claim(RETURNED)
        bases = claimed.claim_all(variable_base(task_run_id) for task_run_id in plan.runs)
        self._base = dict(zip(plan.runs, bases, strict=True))
        self._base |= {truth.name: claimed.claim(variable_base(truth.variable)) for truth in truths}
        self._place = 0
        # The variable that holds a value where the walk is. A value that leaves its branch gets a
        # new one there; nobody in the branches beside it can read it, so one table is enough.
        self._variable: dict[str, str] = {}
        # The task run of whose value each variable is.
        self._held: dict[str, str] = {}
        # Bytes that each value may take, so that it fits wherever it is one of several.
        self._shares: dict[str, int] = {}

    def _find_joins(self) -> None:
        joined = list(joined_in(self._tree))
        if not joined:
            return
        for node in joined:
            for other in node.waits_for:
                unit = next(leaves(node))
                self._waiting.setdefault(other, {})[unit] = len(node.waits_for)
        for reader, hidden in self._hidden(self._tree, frozenset()):
            if isinstance(reader, Leaf):
                found = self._inputs[reader.unit] = self._inputs[reader.unit].across(hidden)
            else:
                found = self._conditions[reader] = self._conditions[reader].across(hidden)
            self._across.update(found.joined)

    def _read_as_stored(self) -> None:
        """Let nothing look for what is stored in a variable."""
        if self._by_id:
            self._inputs = [reads.across(self._by_id) for reads in self._inputs]
            self._conditions = {
                node: reads.across(self._by_id) for node, reads in self._conditions.items()
            }
            self._returns = self._returns.across(self._by_id)
            self._across -= self._by_id

    def _hidden(
        self, tree: Tree, hidden: frozenset[str]
    ) -> Iterator[tuple[Leaf | Choose, frozenset[str]]]:
        """Yield what reads values with the task runs of other branches that come before it."""
        match tree:
            case Leaf():
                yield tree, hidden
            case Choose(then=then, otherwise=otherwise):
                yield tree, hidden
                yield from self._hidden(then, hidden)
                yield from self._hidden(otherwise, hidden)
            case Joined(child=child) | Apart(child=child):
                yield from self._hidden(child, hidden)
            case Series(children=children):
                for child in children:
                    yield from self._hidden(child, hidden)
            case Parallel(children=children):
                for child in children:
                    yield from self._hidden(child, hidden)
                    hidden |= self._made(child)

    def _made(self, tree: Tree) -> set[str]:
        """Return the task runs of a part of the tree."""
        return {name for unit in leaves(tree) for name in self._units[unit].task_runs}

    def _told(self, node: Leaf | Choose) -> _Reads:
        """Return what a node has made that is read across branches."""
        names = (name for unit in leaves(node) for name in self._units[unit].task_runs)
        return _Reads(tuple(name for name in names if name in self._across), False)

    def _find_last_uses(self) -> dict[str, int]:
        found: dict[str, int] = {}
        place = 0
        for node in _in_order(self._tree):
            match node:
                case Leaf(unit=unit):
                    found |= dict.fromkeys(self._inputs[unit].task_runs, place)
                    place += 1
                case Choose():
                    found |= dict.fromkeys(self._deciding(node), place)
                case _Telling(node=told):
                    found |= dict.fromkeys(self._told(told).task_runs, place)
                    place += 1
        found |= dict.fromkeys(self._returns.task_runs, place)
        return found

    def _deciding(self, node: Choose) -> tuple[str, ...]:
        """Return what decides a branch, and its truth where that is told."""
        truth = self._truths.get(node)
        read = self._conditions[node].task_runs
        return read if truth is None else (*read, truth.name)

    def program(self) -> Program:
        parts = () if self._tree == EMPTY else steps(self._tree)
        guarded = bool(self._spec.retries or self._spec.hooks)
        lowered = self._in_scope(parts, int(guarded), followed=self._by_worker)
        returns = None if self._whole is None else self._find(self._whole, lowered[-1])
        if self._by_worker:
            lowered.append(_Lowered(Call(None, self._reading(self._returns))))
            returns = OWN_OUTPUT
        self._keep_within(Scope(tuple(part.step for part in lowered)))
        body = tuple(self._limited(part.step) for part in lowered)
        if not guarded:
            return Program(Scope(body), returns)
        return self._guarded(body, returns)

    def _guarded(self, body: tuple[Step, ...], returns: Source | None) -> Program:
        """Return the program of a flow with attempts or hooks of its own around it."""
        if returns is None:
            return Program(Scope((Guard(Scope(body)),)), None)
        scope, yielded = Scope(body, ((RETURNED, returns),)), Source(branch=0, key=RETURNED)
        if "on_completion" not in self._spec.hooks:
            return Program(Scope((Guard(scope),)), yielded)
        name = variable(RETURNED, 0)  # past the call of the hooks
        return Program(Scope((Guard(scope, ((name, yielded),)),)), Source(variable=name))

    def _in_scope(self, parts: Sequence[Tree], depth: int, *, followed: bool) -> list[_Lowered]:
        """Lower what runs one after another in one scope.

        Args:
            parts: the steps.
            depth: Parallels around the scope.
            followed: whether another state of the scope comes after the last.
        """
        lowered: list[_Lowered] = []
        ends = not followed
        acts = [act for part in parts for act in _acts(part)]
        for position, part in enumerate(acts):
            last = position == len(acts) - 1
            joined = ends and last and self._needs_join(part)
            found = self._lower(part, depth)
            if not (ends and last) or joined:
                found = self._assigned(found, depth)
            lowered.append(found)
            if joined:
                lowered.append(_Lowered(Join()))
        return lowered

    def _lower(self, part: Act, depth: int) -> _Lowered:
        match part:
            case Await():
                return _Lowered(part)
            case _Telling(node=node):
                return self._tell(node)
            case Leaf():
                return self._call(part)
            case Choose():
                return self._decide(part, depth)
            case Parallel():
                return self._fork(part, depth)
            case Apart():
                return self._nested(part, depth)
            case Series() | Joined():
                raise AssertionError("a tree is flat")

    def _tell(self, node: Leaf | Choose) -> _Lowered:
        unit = next(leaves(node))
        inputs = self._reading(self._told(node))
        self._place += 1
        return _Lowered(Tell(unit, inputs, tuple(self._waiting.get(unit, {}).items())))

    def _needs_join(self, part: Act) -> bool:
        """Whether a part cannot put out by itself what its scope does: it may end in two ways."""
        if isinstance(part, Leaf):
            return self._units[part.unit].task_runs[0] in self._mapped
        return isinstance(part, Choose)

    def _assigned(self, found: _Lowered, depth: int) -> _Lowered:
        if not isinstance(found.step, (Call, Fork, Nested)):
            return found  # what is inside has assigned them
        assigns = tuple(
            (self._name(task_run_id, depth), source) for task_run_id, source in found.live
        )
        return _Lowered(replace(found.step, assigns=assigns), found.live)

    def _call(self, leaf: Leaf) -> _Lowered:
        unit = self._units[leaf.unit]
        inputs = self._reading(self._inputs[leaf.unit])
        self._place += 1
        truths = self._told_by.get(leaf.unit, [])
        stores = tuple(name for name in unit.task_runs if name in self._by_id)
        asked = tuple(truth.asked for truth in truths)
        call = Call(leaf.unit, inputs, truths=asked, stores=stores)
        told = tuple((truth.name, Source(truth=at)) for at, truth in enumerate(truths))
        if stores == unit.task_runs:
            return _Lowered(call, told)  # the answer stays in the history
        want = self._read_later(unit.task_runs)
        if want == [unit.task_runs[-1]]:
            return _Lowered(call, ((want[0], OWN_OUTPUT), *told))
        self._share(want, self._room, "what one call answers")
        answered = tuple((name, Source(key=f"o{at}")) for at, name in enumerate(want))
        return _Lowered(replace(call, want=tuple(want)), (*answered, *told))

    def _fork(self, tree: Parallel, depth: int) -> _Lowered:
        branches = []
        live: list[tuple[str, Source]] = []
        for number, child in enumerate(tree.children):
            scope, leaving = self._inner(child, depth)
            branches.append(scope)
            live += [
                (task_run_id, Source(branch=number, key=key))
                for task_run_id, (key, _) in zip(leaving, scope.yields, strict=True)
            ]
        self._share([task_run_id for task_run_id, _ in live], self._room, "what a fork joins")
        return _Lowered(Fork(tuple(branches)), tuple(live))

    def _nested(self, tree: Apart, depth: int) -> _Lowered:
        reads = self._outer_reads(tree.child)
        # What the state is answered holds the machine's input beside its output.
        budget = self._room // (4 if reads.parameters else 2)
        given = f"what part {tree.name!r} of the flow is given"
        inputs = self._reading(reads, budget, given)
        scope, leaving = self._inner(tree.child, depth)
        self._share(leaving, budget, f"what part {tree.name!r} of the flow hands on")
        live = tuple(
            (task_run_id, Source(key=key))
            for task_run_id, (key, _) in zip(leaving, scope.yields, strict=True)
        )
        return _Lowered(Nested(tree.name, inputs, scope), live)

    def _inner(self, tree: Tree, depth: int) -> tuple[Scope, list[str]]:
        """Return a scope inside of another, and the task runs whose values leave it, in order."""
        lowered = self._in_scope(steps(tree), depth + 1, followed=False)
        leaving = self._live([value for part in lowered for value in part.live])
        yields = tuple(
            (variable(self._base[task_run_id], depth), self._find(task_run_id, lowered[-1]))
            for task_run_id, _ in leaving
        )
        scope = Scope(tuple(part.step for part in lowered), yields)
        return scope, [task_run_id for task_run_id, _ in leaving]

    def _outer_reads(self, tree: Tree) -> _Reads:
        """Return what a part of the tree reads, and does not make."""
        made: set[str] = set()
        read: dict[str, None] = {}
        parameters = False
        for node in _in_order(tree):
            if isinstance(node, Leaf):
                found = self._inputs[node.unit]
                made.update(self._units[node.unit].task_runs)
                made.update(truth.name for truth in self._told_by.get(node.unit, ()))
                read |= dict.fromkeys(found.task_runs)
            elif isinstance(node, Choose):
                found = self._conditions[node]
                read |= dict.fromkeys(self._deciding(node))
            else:
                continue  # it reads what is made just before it
            parameters = parameters or found.parameters
        return _Reads(tuple(name for name in read if name not in made), parameters)

    def _decide(self, tree: Choose, depth: int) -> _Lowered:
        inputs = self._reading(self._conditions[tree])
        told = self._truths.get(tree)
        truth = None if told is None else self._variable[told.name]
        then, made_then = self._side(tree.then, depth)
        otherwise, made_otherwise = self._side(tree.otherwise, depth)
        lost_then = [self._variable[name] for name in self._read_later(made_then)]
        lost_otherwise = [self._variable[name] for name in self._read_later(made_otherwise)]
        step = Decide(
            tree.condition,
            asked_of(self._plan, tree),
            inputs,
            then,
            otherwise,
            tuple(lost_then),
            tuple(lost_otherwise),
            truth,
        )
        made = self._read_later([*made_then, *made_otherwise])
        return _Lowered(step, tuple((name, Source(variable=self._variable[name])) for name in made))

    def _side(self, side: Tree, depth: int) -> tuple[tuple[Step, ...], list[str]]:
        """Return the steps of a side, and the task runs that it leaves a value of."""
        lowered = self._in_scope(() if side == EMPTY else steps(side), depth, followed=True)
        made = [task_run_id for part in lowered for task_run_id, _ in part.live]
        return tuple(part.step for part in lowered), made

    def _live(self, values: list[tuple[str, Source]]) -> tuple[tuple[str, Source], ...]:
        """Return those values that a place from here on reads."""
        read = set(self._read_later([task_run_id for task_run_id, _ in values]))
        return tuple(value for value in values if value[0] in read)

    def _read_later(self, task_run_ids: Iterable[str]) -> list[str]:
        return [name for name in task_run_ids if self._last_use.get(name, -1) >= self._place]

    def _name(self, task_run_id: str, depth: int) -> str:
        name = variable(self._base[task_run_id], depth)
        self._variable[task_run_id] = name
        self._held[name] = task_run_id
        return name

    def _find(self, task_run_id: str, last: _Lowered) -> Source:
        """Return where the last state of a scope finds a value that is live after it."""
        own = dict(last.live)
        return own.get(task_run_id) or Source(variable=self._variable[task_run_id])

    def _reading(
        self, reads: _Reads, budget: int | None = None, what: str = "what one task is given"
    ) -> Inputs:
        whole = self._room // 2 if reads.parameters else self._room
        budget = whole if budget is None else budget
        listed = sum(len(name) + LISTED_BYTES for name in reads.joined)
        if listed > budget:
            self._crowd(reads.joined, len(reads.joined) * budget // listed, what)
        self._share(reads.task_runs, budget, what, listed)
        results = tuple((name, self._variable[name]) for name in reads.task_runs)
        return Inputs(results, reads.parameters, reads.joined)

    def _share(self, task_run_ids: Sequence[str], budget: int, what: str, listed: int = 0) -> None:
        """Note that some values pass through one state together, and perhaps truths with them.

        Args:
            task_run_ids: of those that make them.
            budget: bytes that they may take together.
            what: what they are, in words.
            listed: bytes that ids of others take beside them.
        """
        told = [name for name in task_run_ids if name in self._is_truth]
        task_run_ids = [name for name in task_run_ids if name not in self._is_truth]
        if not task_run_ids:
            return
        # Each stands under its name, as a variable or as an id, and names of many take room too.
        names = sum(max(len(name), len(self._base[name])) + KEY_BYTES for name in task_run_ids)
        names += listed + sum(len(self._base[name]) + KEY_BYTES + TRUTH_BYTES for name in told)
        room = max(0, min(budget, STATE_BYTES - ENVELOPE_BYTES - names))
        least = {name: self._least(name) for name in task_run_ids}
        if sum(least.values()) > room:
            each = sum(least.values()) / len(least)
            most = min(budget / each, (STATE_BYTES - ENVELOPE_BYTES) / (each + names / len(least)))
            self._crowd(task_run_ids, int(most), what)
            return
        share = room // len(task_run_ids)
        if large := [size for size in least.values() if size > share]:
            share = (room - sum(large)) // max(1, len(task_run_ids) - len(large))
        for task_run_id in task_run_ids:
            own = max(share, least[task_run_id])
            self._shares[task_run_id] = min(own, self._shares.get(task_run_id, self._room))

    def _crowd(self, task_run_ids: Sequence[str], most: int, what: str) -> None:
        """Note that more values come together in a state than fit into it."""
        maps = sum(name in self._listed for name in task_run_ids)
        of_them = f", {maps:,} of them maps, of up to {INLINE_ITEMS} values each" if maps else ""
        self.crowded.update(task_run_ids)
        self.problem = self.problem or (
            f"flow {self._spec.name!r}: {what} is made by {len(task_run_ids):,} task runs"
            f"{of_them}, and at most {most:,} of them can join in one state; join them in groups, "
            "with a task for each group"
        )

    def _least(self, task_run_id: str) -> int:
        """Return what a value takes that is stored; a map is so many."""
        return CLAIM_BYTES * self._listed.get(task_run_id, 1)

    def _keep_within(self, body: Scope) -> None:
        """Note how large the values of each machine may be that its variables hold together.

        By halves, so that one more task does not change the number in all others.
        """
        for given, scope in machines_of(body):
            share = self._room
            while stored_bytes(given, scope, partial(self._stored, share)) > STORED_BYTES:
                share //= 2
                if share < CLAIM_BYTES:
                    self.crowded.update(self._held.values())
                    self.problem = self.problem or (
                        f"flow {self._spec.name!r}: there are more values at once than the "
                        f"{VARIABLES_BYTES:,} bytes of an execution's variables hold, even where "
                        "each is stored and only named; join them in groups, with a task for each"
                    )
                    return
            for variable_name in (*given, *variables_in(scope.steps)):
                held = self._held[variable_name]
                self._shares[held] = min(share, self._shares.get(held, self._room))

    def _stored(self, share: int, variable_name: str) -> int:
        """Return what a variable takes, with its name, where no value takes more than a share."""
        held = self._held[variable_name]
        if held in self._is_truth:
            return TRUTH_BYTES + KEY_BYTES + len(variable_name)
        value = max(self._least(held), min(share, self._shares.get(held, self._room)))
        return value + KEY_BYTES + len(variable_name)

    def _limited(self, step: Step) -> Step:
        """Return a step whose calls know how large the values may be that they answer."""
        match step:
            case Call(unit=int(unit)):
                made = self._units[unit].task_runs
                limit = min(self._shares.get(name, self._room) for name in made)
                limit //= self._listed.get(made[0], 1)
                opened = tuple(name for name in made if name in self._opened)
                step = replace(step, inline_only=opened) if opened else step
                return step if limit == HANDED_BYTES else replace(step, limit=limit)
            case Fork():
                return replace(step, branches=tuple(map(self._limited_scope, step.branches)))
            case Nested():
                return replace(step, body=self._limited_scope(step.body))
            case Decide():
                then, otherwise = (
                    tuple(map(self._limited, side)) for side in (step.then, step.otherwise)
                )
                return replace(step, then=then, otherwise=otherwise)
        return step

    def _limited_scope(self, scope: Scope) -> Scope:
        return replace(scope, steps=tuple(map(self._limited, scope.steps)))


def _opened(plan: Plan) -> set[str]:
    """Return the task runs whose outputs the state of a service opens, which no claim lets it."""
    return {
        task_run_id
        for run in plan.spec.task_runs
        for task_run_id in opened_task_runs(plan.task_of(run.id), run)
        if plan.task_of(task_run_id).service is None
    }


def _can_be_stored(plan: Plan, task_run_id: str) -> bool:
    """Tell whether the call that makes an output can store it, for readers that all open claims.

    Not where it may be skipped, is made item by item, or is opened by the state of a service.
    """
    run = plan.runs.get(task_run_id)
    return (
        run is not None
        and not run.when
        and run.map_over is None
        and plan.task_of(task_run_id).service is None
        and task_run_id not in _opened(plan)
    )


def _acts(part: Tree) -> Iterator[Act]:
    """Yield what a step of the tree is in its scope, one after another."""
    if not isinstance(part, Joined):
        yield part
        return
    if part.waits_for:
        yield Await(next(leaves(part)), part.waits_for)
    yield part.child
    if part.told:
        yield _Telling(part.child)


def _in_order(tree: Tree) -> Iterator[Leaf | Choose | _Telling]:
    """Yield what reads values, in the order of execution: units, and what decides a branch."""
    pending: list[Tree | _Telling] = [tree]
    while pending:
        match pending.pop():
            case Leaf() | _Telling() as found:
                yield found
            case Joined(child=child, told=told):
                pending += [*([_Telling(child)] if told else []), child]
            case Choose() as choose:
                yield choose
                pending += [choose.otherwise, choose.then]
            case Series(children=children) | Parallel(children=children):
                pending.extend(reversed(children))
            case Apart(child=child):
                pending.append(child)


def _unit_reads(plan: Plan, unit: Unit) -> _Reads:
    runs = [plan.runs[task_run_id] for task_run_id in unit.task_runs]
    reads = _reads(value for run in runs for value in _values_of(run, alone=len(runs) == 1))
    outside = tuple(found for found in reads.task_runs if found not in unit.task_runs)
    return _Reads(outside, reads.parameters)


def _values_of(run: TaskRunSpec, *, alone: bool) -> list[Any]:
    # For a task run that is alone in its unit the state machine decides, for others the worker.
    return [run.arguments, *([] if alone else [condition for condition, _ in run.when])]


def _whole_reference(outputs: Any, mapped: set[str]) -> str | None:
    """Return the task run whose whole output is the flow's return value, if that is so."""
    match list(references_in(outputs)):
        case [TaskReference(task_run_id=task_run_id, path=())] if (
            isinstance(outputs, dict) and "$task" in outputs and task_run_id not in mapped
        ):
            return task_run_id
    return None
