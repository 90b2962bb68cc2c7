"""The program: the tree again, with every value's way from its producer to its readers.

`dataflow` writes it and `emit` spells it in ASL. Nothing in it is an expression yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dagy.spec import Direct


@dataclass(frozen=True, slots=True)
class Source:
    """Where a state finds a value while it ends.

    Attributes:
        variable: a variable that an earlier state assigned; None for the state's own result.
        branch: of a Fork's result, the branch, from 0.
        key: of a branch's output, or of the outputs that a worker or a nested machine answers,
            the field.
        truth: of the truths that a worker tells beside its outputs, which one.
    """

    variable: str | None = None
    branch: int | None = None
    key: str | None = None
    truth: int | None = None


OWN_OUTPUT = Source()
"""What the state itself has just been answered."""

Values = tuple[tuple[str, Source], ...]
"""Values by name: what a state assigns, or the fields of what a branch puts out."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a call of the worker is sent.

    Attributes:
        results: of earlier task runs: id and variable.
        parameters: whether it is sent the flow's parameters.
        joined: earlier task runs of which no variable has what they made, but the bucket, under
            their ids: those of other branches, and those of more than fit into a state.
    """

    results: tuple[tuple[str, str], ...] = ()
    parameters: bool = False
    joined: tuple[str, ...] = ()


Asked = tuple[str, int]
"""Where a worker finds what decides a branch: a task run inside, and which of the branches around
that. A definition names no more of it, for a path has keys of the user's."""


@dataclass(frozen=True, slots=True)
class Call:
    """One invocation of the worker, with its further attempts; for a map, one for each item.

    Attributes:
        unit: index of the unit; None for the call that makes the flow's return value.
        inputs: what the worker is sent.
        want: the task runs whose outputs it answers; None for the last one's alone.
        limit: bytes that each of these may take before it is stored; None for the worker's own.
        inline_only: those that may not be stored, because a state opens them.
        truths: of which values it also tells whether they are true; null where it cannot tell.
        stores: the task runs whose outputs it also stores under their ids.
        assigns: what it leaves for later states of its scope.
    """

    unit: int | None
    inputs: Inputs = Inputs()
    want: tuple[str, ...] | None = None
    limit: int | None = None
    inline_only: tuple[str, ...] = ()
    truths: tuple[Asked, ...] = ()
    stores: tuple[str, ...] = ()
    assigns: Values = ()


@dataclass(frozen=True, slots=True)
class Fork:
    """Sequences at once.

    Attributes:
        branches: each with a scope of its own.
        assigns: what it leaves for later states of the scope around it.
    """

    branches: tuple[Sequence, ...]
    assigns: Values = ()


@dataclass(frozen=True, slots=True)
class Nested:
    """A state machine of its own, which runs while this state waits.

    Attributes:
        name: of the machine.
        inputs: what its execution is given; it assigns the same variables.
        body: its own scope; what it yields is its execution's output.
        assigns: what it leaves for later states of the scope around it.
    """

    name: str
    inputs: Inputs
    body: Sequence
    assigns: Values = ()


@dataclass(frozen=True, slots=True)
class Decide:
    """One of two sides, in the scope that it stands in.

    Attributes:
        condition: refers to the value that decides.
        asked: where the worker finds it.
        inputs: what the worker is sent that reads it.
        then: steps where it is true.
        otherwise: steps where it is false.
        lost_then: variables that have no value where `then` is not taken, and are read later.
        lost_otherwise: likewise where `otherwise` is not taken.
        truth: the variable in which an earlier call has told whether it is true; None if none has,
            so that a worker has to be asked.
    """

    condition: Direct
    asked: Asked
    inputs: Inputs
    then: tuple[Step, ...]
    otherwise: tuple[Step, ...]
    lost_then: tuple[str, ...] = ()
    lost_otherwise: tuple[str, ...] = ()
    truth: str | None = None


@dataclass(frozen=True, slots=True)
class Tell:
    """Store what a unit or a branch has made, and tell those that wait for it across branches.

    Attributes:
        unit: the first of it.
        inputs: what it has made.
        waiting: those that wait for it: the first unit of each, and for how many it waits in all.
    """

    unit: int
    inputs: Inputs
    waiting: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Await:
    """Wait until others have told that they have ended.

    Attributes:
        unit: the first of what waits.
        others: the first units of these.
    """

    unit: int
    others: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Join:
    """Nothing but a place where a scope ends, for what cannot end it by itself."""


@dataclass(frozen=True, slots=True)
class Guard:
    """The whole flow, with its own attempts and hooks around it.

    Attributes:
        body: what they are attempts of.
        assigns: what it leaves for the end of the machine, past a call of hooks.
    """

    body: Sequence
    assigns: Values = ()


Step = Call | Fork | Nested | Decide | Tell | Await | Join | Guard


@dataclass(frozen=True, slots=True)
class Sequence:
    """Steps one after another, in one scope.

    Attributes:
        steps: at least one.
        yields: what leaves the scope, put out by its last state.
    """

    steps: tuple[Step, ...]
    yields: Values = ()


@dataclass(frozen=True, slots=True)
class Program:
    """A whole flow.

    Attributes:
        body: the machine's own scope; it yields nothing.
        returns: where its last state finds the execution's output; None for null.
    """

    body: Sequence
    returns: Source | None


def units_of(steps: tuple[Step, ...]) -> Iterator[int]:
    """Yield the units that some steps call, without those of the machines nested in them."""
    for step in steps:
        if isinstance(step, Call) and step.unit is not None:
            yield step.unit
        if not isinstance(step, Nested):
            for within in _within(step):
                yield from units_of(within)


def first_unit(steps: tuple[Step, ...]) -> int:
    """Return the unit that some steps call, or let wait, before any other."""
    match steps[0]:
        case Call(unit=int(unit)) | Await(unit=unit):
            return unit
        case Fork(branches=branches):
            return first_unit(branches[0].steps)
        case Nested(body=body):
            return first_unit(body.steps)
        case Decide(then=then, otherwise=otherwise):
            return first_unit(then or otherwise)
    raise AssertionError("what runs apart begins with a unit")


def every(steps: tuple[Step, ...]) -> Iterator[Step]:
    """Yield steps and those within them, those of nested machines too."""
    for step in steps:
        yield step
        for within in _within(step):
            yield from every(within)


def given_together(program: Program) -> bool:
    """Tell whether any state is given the flow's parameters beside results of task runs."""
    given = (
        step.inputs
        for step in every(program.body.steps)
        if isinstance(step, (Call, Nested, Decide, Tell))
    )
    return any(inputs.parameters and bool(inputs.results or inputs.joined) for inputs in given)


def nested_in(steps: tuple[Step, ...]) -> Iterator[Nested]:
    """Yield the machines that are nested in some steps, inner ones too, and these first."""
    for step in steps:
        for within in _within(step):
            yield from nested_in(within)
        if isinstance(step, Nested):
            yield step


def _within(step: Step) -> tuple[tuple[Step, ...], ...]:
    """Return the sequences of steps that a step consists of, if it does of any."""
    match step:
        case Fork(branches=branches):
            return tuple(branch.steps for branch in branches)
        case Nested(body=body) | Guard(body=body):
            return (body.steps,)
        case Decide(then=then, otherwise=otherwise):
            return (then, otherwise)
    return ()
