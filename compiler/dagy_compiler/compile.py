"""The pipeline: the passes in their order, run over one flow."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dagy.errors import CompileError
from dagy.options import nearest
from dagy.spec import FlowSpec
from dagy_compiler.asl import StateMachine
from dagy_compiler.durations import known_durations
from dagy_compiler.modes import MICRO, NANO
from dagy_compiler.passes import (
    Dataflow,
    Emit,
    Fuse,
    Limits,
    Place,
    Retry,
    Split,
    Structure,
    Validate,
)
from dagy_compiler.passes.fuse import OFF
from dagy_compiler.passes.structure import TREE
from dagy_compiler.plan import Plan

Pass = Callable[[Plan], Plan]

PASSES: tuple[tuple[str, Pass], ...] = (
    ("validate", Validate()),
    ("place", Place()),
    ("fuse", Fuse()),
    ("structure", Structure()),
    ("retry", Retry()),
    ("dataflow", Dataflow()),
    ("emit", Emit()),
    ("split", Split()),
    ("limits", Limits()),
)
"""Every pass by its name, in the order in which they run."""


@dataclass(frozen=True)
class CompiledFlow:
    """A flow and the state machine it became.

    Attributes:
        spec: the flow.
        mode: the execution mode.
        plan: the plan after the last pass.
        machine: the definition, typed; what does not fit into one machine is in `plan.parts`.
    """

    spec: FlowSpec
    mode: str
    plan: Plan
    machine: StateMachine

    def definition(self) -> dict[str, Any]:
        """Return the definition as JSON values, always in the same order.

        It holds `${WorkerFunctionArn}` and the like where the deployment puts ARNs.
        """
        return self.machine.to_json()

    def parts(self) -> dict[str, dict[str, Any]]:
        """Return the definitions of nested machines by name; none where one machine holds all."""
        return {name: part.to_json() for name, part in self.plan.parts.items()}


def compile_flow(
    spec: FlowSpec,
    *,
    mode: str = NANO,
    fuse: str | None = None,
    joins: str | None = None,
    measured: Mapping[str, float] | None = None,
) -> CompiledFlow:
    """Lower a flow to a state machine.

    Args:
        spec: a well-formed flow, from `Flow.build` or `FlowSpec.from_json`.
        mode: "nano" (the whole flow in one Lambda invocation), "micro" (one for each task), or a
            size on Fargate: "small", "medium", "large", "xlarge".
        fuse: which task runs of mode micro share an invocation: "off", "chains" or "auto"; None is
            "off", and says nothing where another mode takes no notice of it.
        joins: how tasks wait for others: "tree", in sequences and parallels alone, or "auto",
            across branches too where the best of these loses too much and durations are known;
            None is "tree".
        measured: seconds that task runs took, by id, from `dagy.history.task_durations`; they beat
            the tasks' `expected_seconds`.

    Raises:
        CompileError: the flow asks for what does not exist.
        LimitError: the result would pass a hard limit of AWS.
        SpecError: an id or a retry policy is malformed.
    """
    plan = run_passes(spec, mode=mode, fuse=fuse, joins=joins, measured=measured)
    assert plan.machine is not None
    return CompiledFlow(spec, mode, plan, plan.machine)


def run_passes(
    spec: FlowSpec,
    *,
    mode: str = NANO,
    fuse: str | None = None,
    joins: str | None = None,
    measured: Mapping[str, float] | None = None,
    after: str | None = None,
) -> Plan:
    """Run the passes up to one of them, that one included, and return the plan.

    Args:
        spec: as for `compile_flow`.
        mode: as for `compile_flow`.
        fuse: as for `compile_flow`.
        joins: as for `compile_flow`.
        measured: as for `compile_flow`.
        after: name of the pass to stop after; None for the last.

    Raises:
        CompileError: there is no such pass; otherwise as `compile_flow`.
    """
    names = [name for name, _ in PASSES]
    if after is not None and after not in names:
        raise CompileError(
            f"there is no pass {after!r}{nearest(after, names)}; the passes are {', '.join(names)}"
        )
    durations = known_durations(spec, measured or {})
    plan = Plan(spec, mode, durations, fuse or OFF, joins or TREE)
    for name, run in PASSES:
        try:
            plan = run(plan)
        except CompileError as error:
            raise _naming_flow(error, spec) from error
        if name == after:
            break
    if fuse is not None:
        _warn_of_fuse(plan)
    _warn_of_joins(plan)
    return plan


def _naming_flow(error: CompileError, spec: FlowSpec) -> CompileError:
    """Return an error of a task that names the flow too: several can be built for one stack."""
    if not str(error).startswith("task "):
        return error
    return type(error)(f"flow {spec.name!r}, {error}")


def _warn_of_fuse(plan: Plan) -> None:
    if plan.mode != MICRO:
        warnings.warn(
            f"--fuse {plan.fuse} changes nothing in mode {plan.mode}, where all tasks without a "
            "place of their own share calls of the worker; it is for --execution-mode micro",
            stacklevel=3,
        )


def _warn_of_joins(plan: Plan) -> None:
    if plan.joins != TREE and plan.units is not None and len(plan.units) == 1:
        [unit] = plan.units
        what = "task run, which waits for nothing"
        if len(unit.task_runs) > 1:
            what = "call of the worker, within which no task waits for more than it has to"
        warnings.warn(
            f"--joins {plan.joins} changes nothing here: in mode {plan.mode} flow "
            f"{plan.spec.name!r} is one {what}",
            stacklevel=3,
        )
