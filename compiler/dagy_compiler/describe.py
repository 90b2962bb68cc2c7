"""A plan as text that people read, after any pass: `dagy inspect --after PASS`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from dagy.spec import BranchReference, Direct, ParameterReference, TaskReference, TaskSpec
from dagy.spec.references import as_reference
from dagy_compiler.plan import Attempts, Plan, Unit
from dagy_compiler.program import (
    Await,
    Call,
    Decide,
    Fork,
    Guard,
    Inputs,
    Join,
    Nested,
    Source,
    Step,
    Tell,
    Values,
)
from dagy_compiler.tree import EMPTY, Apart, Choose, Joined, Leaf, Parallel, Series, Tree

ONE_ATTEMPT = "1 attempt"


def describe(plan: Plan, after: str) -> str:
    """Return what a pass has added to a plan, as indented text.

    Args:
        plan: from `run_passes(spec, mode=..., after=after)`.
        after: the name of the pass.
    """
    return "\n".join(_DESCRIPTIONS[after](plan))


def _validate(plan: Plan) -> Iterator[str]:
    yield f"flow {plan.spec.name}, mode {plan.mode}"
    for run in plan.spec.task_runs:
        each = each_text(plan.task_of(run.id)) if run.map_over is not None else ""
        after = f" after {', '.join(run.depends_on)}" if run.depends_on else ""
        branches = " and ".join(_branch(condition, taken) for condition, taken in run.when)
        only = f", only if {branches}" if branches else ""
        yield f"{run.id}: {run.task_name}{_service(plan, run.id)}{each}{after}{only}"


def each_text(task: TaskSpec) -> str:
    """Return that a task runs for each item, and how many of these may fail."""
    failures = task.tolerated_failures
    if not failures:
        return " for each item"
    number = f"a share of {failures:g}" if isinstance(failures, float) else f"{failures:,}"
    return f" for each item ({number} may fail)"


def _service(plan: Plan, task_run_id: str) -> str:
    service = plan.task_of(task_run_id).service
    return "" if service is None else f" ({service.get('resource', service['kind'])})"


def _branch(condition: Any, taken: bool) -> str:
    reference = as_reference(condition)
    assert reference is not None
    assert not isinstance(reference, BranchReference)
    return ("" if taken else "not ") + _value(reference)


def _value(reference: Direct) -> str:
    """Return a reference as Python would write it: `found["rows"]`."""
    match reference:
        case (
            TaskReference(task_run_id=whose, path=path) | ParameterReference(name=whose, path=path)
        ):
            return whose + "".join(f"[{json.dumps(part)}]" for part in path)


def _place(plan: Plan) -> Iterator[str]:
    for task_run_id, place in (plan.placements or {}).items():
        yield f"{task_run_id}: {place}"


def _fuse(plan: Plan) -> Iterator[str]:
    units = plan.units or ()
    for unit in units:
        after = "; ".join(units[index].name for index in unit.after)
        tasks = "" if _tasks(unit) == unit.name else f": {_tasks(unit)}"
        yield f"{unit.name}{tasks}" + (f" after {after}" if after else "")
        yield f"  on {unit.placement}" + (
            f", gives {', '.join(unit.outputs)}" if unit.outputs else ""
        )


def _structure(plan: Plan) -> Iterator[str]:
    if plan.tree is not None:
        yield from _tree(plan.tree, plan.units or (), "")


def _tree(tree: Tree, units: tuple[Unit, ...], indent: str) -> Iterator[str]:
    match tree:
        case Leaf(unit=unit):
            yield indent + units[unit].name
        case Joined(child=child, waits_for=waits_for, told=told):
            first, *rest = _tree(child, units, indent)
            waits = f" waits for {_named(waits_for, units)}" if waits_for else ""
            yield first + waits + (", and is told" if told and waits else ", told" if told else "")
            yield from rest
        case Choose(condition=condition, then=then, otherwise=otherwise):
            yield f"{indent}branch on {_value(condition)}"
            for name, side in (("then", then), ("otherwise", otherwise)):
                yield f"{indent}  {name}" + (" nothing" if side == EMPTY else "")
                if side != EMPTY:
                    yield from _tree(side, units, indent + "    ")
        case Apart(name=name, child=child):
            yield f"{indent}part {name}"
            yield from _tree(child, units, indent + "  ")
        case Series(children=children) | Parallel(children=children):
            yield indent + ("parallel" if isinstance(tree, Parallel) else "series")
            for child in children:
                yield from _tree(child, units, indent + "  ")


def _named(indices: Iterable[int], units: tuple[Unit, ...]) -> str:
    return ", ".join(units[index].name for index in indices)


def _retry(plan: Plan) -> Iterator[str]:
    for unit, attempts in zip(plan.units or (), plan.attempts or (), strict=True):
        yield f"{unit.name}: {attempts_text(unit, attempts)}"


def attempts_text(unit: Unit, attempts: Attempts) -> str:
    """Return how many attempts of a unit there may be, and who makes them."""
    if not attempts.retries and (unit.whole_flow or len(unit.task_runs) > 1):
        return "retries within the worker"
    number = ONE_ATTEMPT if not attempts.retries else f"up to {attempts.retries + 1} attempts"
    backoff = attempts.backoff
    if backoff is None:
        return number + (", decided by the worker" if attempts.decided else "")
    growth = f" times {backoff.rate} each" if backoff.rate > 1 else ""
    largest = f", at most {backoff.max_delay_seconds} s" if backoff.max_delay_seconds else ""
    return f"{number} natively, {backoff.interval_seconds} s apart{growth}{largest}"


def _dataflow(plan: Plan) -> Iterator[str]:
    if plan.program is None:
        return
    yield from _steps(plan.program.body.steps, plan.units or (), "")
    returns = plan.program.returns
    yield "return " + ("null" if returns is None else _source(returns))


def _steps(steps: tuple[Step, ...], units: tuple[Unit, ...], indent: str) -> Iterator[str]:
    for step in steps:
        match step:
            case Call() | Await() | Tell() | Join():
                yield indent + _line(step, units)
            case Fork():
                yield indent + "fork" + _values(" -> ", step.assigns)
                for number, branch in enumerate(step.branches, start=1):
                    yield f"{indent}  branch {number}" + _values(", yields ", branch.yields)
                    yield from _steps(branch.steps, units, indent + "    ")
            case Nested(name=name, inputs=inputs, body=body):
                yield f"{indent}part {name}{_reads(inputs)}" + _values(" -> ", step.assigns)
                yield f"{indent}  machine" + _values(", yields ", body.yields)
                yield from _steps(body.steps, units, indent + "    ")
            case Decide():
                yield from _decide(step, units, indent)
            case Guard():
                yield indent + "guard" + _values(" -> ", step.assigns)
                yield f"{indent}  body" + _values(", yields ", step.body.yields)
                yield from _steps(step.body.steps, units, indent + "    ")


def _line(step: Call | Await | Tell | Join, units: tuple[Unit, ...]) -> str:
    """Return a step that has no others within it."""
    match step:
        case Call():
            return _call(step, units) + _values(" -> ", step.assigns)
        case Await(unit=unit, others=others):
            return f"{units[unit].name} waits for {_named(others, units)}"
        case Tell(unit=unit, inputs=inputs, waiting=waiting):
            stored = ", ".join(variable for _, variable in inputs.results)
            told = _named((other for other, _ in waiting), units)
            ended = f"{units[unit].name} has ended" + (f", stores {stored}" if stored else "")
            return ended + (f", tells {told}" if told else "")
        case Join():
            return "join"


def _decide(step: Decide, units: tuple[Unit, ...], indent: str) -> Iterator[str]:
    told = "" if step.truth is None else f", told in {step.truth},"
    yield f"{indent}decide by {_value(step.condition)}{told}{_reads(step.inputs)}"
    sides = (
        ("then", step.then, step.lost_otherwise),
        ("otherwise", step.otherwise, step.lost_then),
    )
    for name, side, lost in sides:
        nothing = "" if side else " nothing"
        yield f"{indent}  {name}{nothing}" + (f", without {', '.join(lost)}" if lost else "")
        yield from _steps(side, units, indent + "    ")


def _call(call: Call, units: tuple[Unit, ...]) -> str:
    if call.unit is None:
        return "return" + _reads(call.inputs)
    unit = units[call.unit]
    wanted = call.want if call.want else unit.task_runs[-1:]
    answers = f", answers {', '.join(wanted)}" if len(wanted) > 1 else ""
    limit = "" if call.limit is None else f", at most {call.limit:,} bytes a value"
    inline = f", {', '.join(call.inline_only)} never stored" if call.inline_only else ""
    stored = f", stores {', '.join(call.stores)}" if call.stores else ""
    count = len(call.truths)
    truths = f", tells {count} truth{'s' * (count > 1)}" if count else ""
    return unit.name + _reads(call.inputs) + answers + stored + truths + limit + inline


def _reads(inputs: Inputs) -> str:
    reads = [variable for _, variable in inputs.results]
    reads += [f"stored {name}" for name in inputs.joined]
    reads += ["the parameters"] * inputs.parameters
    return f" reads {', '.join(reads)}" if reads else ""


def _values(lead: str, values: Values) -> str:
    if not values:
        return ""
    return lead + ", ".join(_assigned(name, source) for name, source in values)


def _assigned(name: str, source: Source) -> str:
    if source == Source():
        return name
    if source.branch is not None and source.key == name:
        return _source(source)
    return f"{name} = {_source(source)}"


def _source(source: Source) -> str:
    if source.variable is not None:
        return source.variable
    if source.truth is not None:
        return f"own truth {source.truth}"
    if source.branch is not None:
        return f"{source.key} of branch {source.branch + 1}"
    return "own output" if source.key is None else f"own {source.key}"


def _machine(plan: Plan) -> Iterator[str]:
    for machine in plan.machines:
        yield json.dumps(machine.to_json(), indent=2, ensure_ascii=False)


def _split(plan: Plan) -> Iterator[str]:
    if not plan.parts:
        yield "one state machine"
        return
    yield from _structure(plan)
    yield from _dataflow(plan)


def _tasks(unit: Unit) -> str:
    if unit.whole_flow:
        return f"the whole flow ({', '.join(unit.task_runs) or 'no tasks'})"
    return ", ".join(unit.task_runs)


_DESCRIPTIONS: dict[str, Callable[[Plan], Iterator[str]]] = {
    "validate": _validate,
    "place": _place,
    "fuse": _fuse,
    "structure": _structure,
    "retry": _retry,
    "dataflow": _dataflow,
    "emit": _machine,
    "split": _split,
    "limits": _machine,
}
