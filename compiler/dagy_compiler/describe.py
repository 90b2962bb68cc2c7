"""A plan as text that people read, after any pass: `dagy inspect --after PASS`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from dagy_compiler.plan import Plan, Segment, Unit
from dagy_compiler.program import Call, Fork, Sequence, Source, Values
from dagy_compiler.tree import Leaf, Parallel, Tree


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
        after = f" after {', '.join(run.depends_on)}" if run.depends_on else ""
        yield f"{run.id}: {run.task_name}{after}"


def _place(plan: Plan) -> Iterator[str]:
    for task_run_id, place in (plan.placements or {}).items():
        yield f"{task_run_id}: {place}"


def _fuse(plan: Plan) -> Iterator[str]:
    units = plan.units or ()
    for unit in units:
        after = "; ".join(units[index].name for index in unit.after)
        yield f"{unit.name}: {_tasks(unit)}" + (f" after {after}" if after else "")
        yield f"  on {unit.placement}" + (
            f", gives {', '.join(unit.outputs)}" if unit.outputs else ""
        )


def _structure(plan: Plan) -> Iterator[str]:
    if plan.tree is not None:
        yield from _tree(plan.tree, plan.units or (), "")


def _tree(tree: Tree, units: tuple[Unit, ...], indent: str) -> Iterator[str]:
    if isinstance(tree, Leaf):
        yield indent + units[tree.unit].name
        return
    yield indent + ("parallel" if isinstance(tree, Parallel) else "series")
    for child in tree.children:
        yield from _tree(child, units, indent + "  ")


def _retry(plan: Plan) -> Iterator[str]:
    for unit, segments in zip(plan.units or (), plan.segments or (), strict=True):
        if unit.whole_flow:
            yield f"{unit.name}: retries within the worker"
        else:
            yield f"{unit.name}: " + ", ".join(_segment(segment) for segment in segments)


def _segment(segment: Segment) -> str:
    wait = f"wait {segment.wait_seconds} s, " if segment.wait_seconds else ""
    if segment.backoff is None:
        return f"{wait}attempt {segment.first_attempt}"
    backoff = segment.backoff
    growth = f" times {backoff.rate} each" if backoff.rate > 1 else ""
    return (
        f"{wait}attempts {segment.first_attempt} to {segment.first_attempt + backoff.retries} "
        f"natively, {backoff.interval_seconds} s apart{growth}"
    )


def _dataflow(plan: Plan) -> Iterator[str]:
    if plan.program is None:
        return
    yield from _sequence(plan.program.body, plan.units or (), "")
    returns = plan.program.returns
    yield "return " + ("null" if returns is None else _source(returns))


def _sequence(sequence: Sequence, units: tuple[Unit, ...], indent: str) -> Iterator[str]:
    for step in sequence.steps:
        if isinstance(step, Call):
            yield indent + _call(step, units) + _values(" -> ", step.assigns)
        else:
            yield from _fork(step, units, indent)


def _fork(fork: Fork, units: tuple[Unit, ...], indent: str) -> Iterator[str]:
    yield indent + "fork" + _values(" -> ", fork.assigns)
    for number, branch in enumerate(fork.branches):
        yield f"{indent}  branch {number}" + _values(", yields ", branch.yields)
        yield from _sequence(branch, units, indent + "    ")


def _call(call: Call, units: tuple[Unit, ...]) -> str:
    reads = [variable for _, variable in call.results] + ["the parameters"] * call.parameters
    name = "return" if call.unit is None else units[call.unit].name
    return name + (f" reads {', '.join(reads)}" if reads else "")


def _values(lead: str, values: Values) -> str:
    if not values:
        return ""
    return lead + ", ".join(
        name if source == Source() else f"{name} = {_source(source)}" for name, source in values
    )


def _source(source: Source) -> str:
    if source.variable is not None:
        return source.variable
    if source.branch is not None:
        return f"{source.key} of branch {source.branch}"
    return "own output"


def _machine(plan: Plan) -> Iterator[str]:
    if plan.machine is not None:
        yield json.dumps(plan.machine.to_json(), indent=2, ensure_ascii=False)


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
    "limits": _machine,
}
