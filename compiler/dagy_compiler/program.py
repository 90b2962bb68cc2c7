"""The program: the tree again, with every value's way from its producer to its readers.

`dataflow` writes it and `emit` spells it in ASL. Nothing in it is an expression yet.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """Where a state finds a value while it ends.

    Attributes:
        variable: a variable that an earlier state assigned; None for the state's own result.
        branch: of a Fork's result, the branch, from 0.
        key: of a branch's output, the field.
    """

    variable: str | None = None
    branch: int | None = None
    key: str | None = None


OWN_OUTPUT = Source()
"""The output that the worker has just answered with."""

Values = tuple[tuple[str, Source], ...]
"""Values by name: what a state assigns, or the fields of what a branch puts out."""


@dataclass(frozen=True, slots=True)
class Call:
    """One invocation of the worker.

    Attributes:
        unit: index of the unit; None for the call that makes the flow's return value.
        results: what the worker is sent of earlier task runs: id and variable.
        parameters: whether it is sent the flow's parameters.
        assigns: what it leaves for later states of its scope.
    """

    unit: int | None
    results: tuple[tuple[str, str], ...] = ()
    parameters: bool = False
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
class Sequence:
    """Steps one after another, in one scope.

    Attributes:
        steps: at least one.
        yields: what leaves the scope, put out by its last state.
    """

    steps: tuple[Call | Fork, ...]
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
