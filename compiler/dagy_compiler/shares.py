"""How much room each value may take, so that it fits wherever it is one of several.

What a state takes in or puts out has a limit, and so have the variables of a machine. A value has a
share of each such place that it passes, and may take the smallest of them: the worker that makes a
larger one stores it, and a claim takes its place. Where there are more values than claims fit, they
are a crowd, and `dataflow` looks for another way for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

from dagy_compiler.limits import (
    CLAIM_BYTES,
    ENVELOPE_BYTES,
    HANDED_BYTES,
    INLINE_ITEMS,
    STATE_BYTES,
    STORED_BYTES,
    TRUTH_BYTES,
    VARIABLES_BYTES,
)
from dagy_compiler.plan import Unit
from dagy_compiler.program import Call, Decide, Fork, Inputs, Nested, Sequence, Step, Tell
from dagy_compiler.variables import machines_of, stored_bytes, variables_in

KEY_BYTES = 8
"""What the key of a value takes beside a name: quotes, colon, comma, the prefix of a variable."""

LISTED_BYTES = 3
"""What an id takes in a list beside itself: quotes and a comma."""


@dataclass(frozen=True, slots=True)
class Value:
    """What is known of a value before it is made.

    Attributes:
        name: the task run that makes it; of a truth, what that is called.
        spelled: characters of the longest name that it stands under.
        items: how many there are of it, where each may be stored for itself; None for one whole.
        is_truth: whether it is a truth, which is never stored and needs no share.
    """

    name: str
    spelled: int
    items: int | None = None
    is_truth: bool = False

    @property
    def least(self) -> int:
        """The bytes that it takes where it is stored, and only named."""
        return TRUTH_BYTES if self.is_truth else CLAIM_BYTES * (self.items or 1)


@dataclass(frozen=True)
class Values:
    """The values of a program.

    Attributes:
        named: each by its name.
        held: each by the variables, and the keys of what branches put out, that it is under.
    """

    named: Mapping[str, Value]
    held: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Crowd:
    """More values in one place than fit, even where each is stored and only named.

    Attributes:
        names: of the values.
        problem: what is wrong, and the way out.
    """

    names: frozenset[str]
    problem: str


@dataclass(frozen=True)
class Shares:
    """What values may take.

    Attributes:
        room: bytes that may be in one state, and so of what shares it with nothing.
        smallest: the smallest share of each other value, by its name.
        crowds: what is too much, in the order of execution; none where all is well.
    """

    room: int
    smallest: Mapping[str, int]
    crowds: tuple[Crowd, ...]

    def of(self, name: str) -> int:
        """Return the bytes that a value may take."""
        return self.smallest.get(name, self.room)


@dataclass(frozen=True, slots=True)
class _Passage:
    """Values that pass through one state together.

    Attributes:
        what: what they are there, in words.
        budget: bytes that they may take.
        values: what passes.
        joined: further values, stored under the ids of their task runs, of which only these pass.
    """

    what: str
    budget: int
    values: tuple[Value, ...]
    joined: tuple[Value, ...] = ()

    @property
    def listed(self) -> int:
        """The bytes that these ids take."""
        return sum(len(value.name) + LISTED_BYTES for value in self.joined)


def shares_of(body: Sequence, values: Values, room: int = HANDED_BYTES) -> Shares:
    """Deal out what each state, and the variables of each machine, have room for.

    Args:
        body: of the outermost machine.
        values: that are in it.
        room: bytes that the values may take which one state takes in, or puts out.
    """
    return _held_together(body, values, _passed_together(body, values, room))


def limited(scope: Sequence, units: tuple[Unit, ...], values: Values, shares: Shares) -> Sequence:
    """Return a scope whose calls know how large the values may be that they answer."""

    def within(steps: tuple[Step, ...]) -> tuple[Step, ...]:
        return tuple(map(limited_step, steps))

    def limited_step(step: Step) -> Step:
        match step:
            case Call(unit=int(unit)):
                made = units[unit].task_runs
                limit = min(map(shares.of, made)) // (values.named[made[0]].items or 1)
                return step if limit == HANDED_BYTES else replace(step, limit=limit)
            case Fork(branches=branches):
                inner = (replace(branch, steps=within(branch.steps)) for branch in branches)
                return replace(step, branches=tuple(inner))
            case Nested(body=body):
                return replace(step, body=replace(body, steps=within(body.steps)))
            case Decide(then=then, otherwise=otherwise):
                return replace(step, then=within(then), otherwise=within(otherwise))
        return step

    return replace(scope, steps=within(scope.steps))


def _passed_together(body: Sequence, values: Values, room: int) -> Shares:
    """Deal out what the states have room for."""
    smallest: dict[str, int] = {}
    crowds: list[Crowd] = []
    for passage in _passages(body.steps, values, room):
        if passage.listed > passage.budget:
            most = len(passage.joined) * passage.budget // passage.listed
            crowds.append(_crowd(passage.what, passage.joined, most))
        dealt = _dealt(passage)
        if isinstance(dealt, Crowd):
            crowds.append(dealt)
        else:
            smallest |= {
                name: min(share, smallest.get(name, room)) for name, share in dealt.items()
            }
    return Shares(room, smallest, tuple(crowds))


def _held_together(body: Sequence, values: Values, shares: Shares) -> Shares:
    """Deal out what the variables of each machine have room for, as far as that is less."""
    for given, scope in machines_of(body):
        share = _share_of_variables(given, scope, values, shares)
        if share is None:
            return replace(shares, crowds=(*shares.crowds, _crowd_of_variables(body, values)))
        held = [values.held[name].name for name in (*given, *variables_in(scope.steps))]
        lower = {name: min(share, shares.of(name)) for name in held}
        shares = replace(shares, smallest={**shares.smallest, **lower})
    return shares


def _passages(steps: tuple[Step, ...], values: Values, room: int) -> Iterator[_Passage]:
    """Yield what passes through the states of some steps, in the order of execution."""
    for step in steps:
        match step:
            case Call(inputs=inputs, want=want):
                yield _given(inputs, values, room)
                if want is not None:
                    answered = tuple(values.named[name] for name in want)
                    yield _Passage("what one call answers", room, answered)
            case Tell(inputs=inputs):
                yield _given(inputs, values, room)
            case Decide(inputs=inputs, then=then, otherwise=otherwise):
                yield _given(inputs, values, room)
                yield from _passages((*then, *otherwise), values, room)
            case Fork(branches=branches):
                for branch in branches:
                    yield from _passages(branch.steps, values, room)
                joined = (value for branch in branches for value in _yielded(branch, values))
                yield _Passage("what a fork joins", room, tuple(joined))
            case Nested(name=name, inputs=inputs, body=body):
                # What the state is answered holds the machine's input beside its output.
                part, half = f"part {name!r} of the flow", room // 2
                given = _given(inputs, values, half, f"what {part} is given")
                yield given
                yield from _passages(body.steps, values, room)
                yield _Passage(f"what {part} hands on", given.budget, _yielded(body, values))


def _yielded(scope: Sequence, values: Values) -> tuple[Value, ...]:
    return tuple(values.held[key] for key, _ in scope.yields)


def _given(
    inputs: Inputs, values: Values, room: int, what: str = "what one task is given"
) -> _Passage:
    """Return what a state takes in; parameters beside it may take as much as all of that."""
    budget = room // 2 if inputs.parameters else room
    results = tuple(values.named[name] for name, _ in inputs.results)
    return _Passage(what, budget, results, tuple(values.named[name] for name in inputs.joined))


def _dealt(passage: _Passage) -> dict[str, int] | Crowd:
    """Return the share of each value in a passage, by its name, or that they are too many.

    All have the same, but for what takes more than that even where it is stored.
    """
    passed = tuple(value for value in passage.values if not value.is_truth)
    if not passed:
        return {}
    # Each stands under its name, as a variable or as an id, and names of many take room too.
    names = passage.listed + sum(
        value.spelled + KEY_BYTES + TRUTH_BYTES * value.is_truth for value in passage.values
    )
    state = STATE_BYTES - ENVELOPE_BYTES
    room = max(0, min(passage.budget, state - names))
    needed, count = sum(value.least for value in passed), len(passed)
    if needed > room:
        each = needed / count
        most = min(passage.budget / each, state / (each + names / count))
        return _crowd(passage.what, passed, int(most))
    share = room // count
    if large := [value.least for value in passed if value.least > share]:
        share = (room - sum(large)) // max(1, count - len(large))
    return {value.name: max(share, value.least) for value in passed}


def _crowd(what: str, values: tuple[Value, ...], most: int) -> Crowd:
    maps = sum(value.items is not None for value in values)
    of_them = f", {maps:,} of them maps, of up to {INLINE_ITEMS} values each" if maps else ""
    return Crowd(
        frozenset(value.name for value in values),
        f"{what} is made by {len(values):,} task runs{of_them}, and at most {most:,} of them "
        "can join in one state; join them in groups, with a task for each group",
    )


def _crowd_of_variables(body: Sequence, values: Values) -> Crowd:
    variables = (name for _, scope in machines_of(body) for name in variables_in(scope.steps))
    return Crowd(
        frozenset(values.held[name].name for name in variables),
        f"there are more values at once than the {VARIABLES_BYTES:,} bytes of an execution's "
        "variables hold, even where each is stored and only named; join them in groups, with a "
        "task for each",
    )


def _share_of_variables(
    given: tuple[str, ...], scope: Sequence, values: Values, shares: Shares
) -> int | None:
    """Return what a value may take so that a machine's variables hold all; None if none can.

    By halves, so that one more task does not change the number in all others.
    """
    share = shares.room
    while (
        stored_bytes(given, scope, partial(_variable_bytes, values, shares, share)) > STORED_BYTES
    ):
        share //= 2
        if share < CLAIM_BYTES:
            return None
    return share


def _variable_bytes(values: Values, shares: Shares, share: int, variable: str) -> int:
    """Return what a variable takes, with its name, where no value takes more than a share."""
    value = values.held[variable]
    taken = value.least if value.is_truth else max(value.least, min(share, shares.of(value.name)))
    return taken + KEY_BYTES + len(variable)
