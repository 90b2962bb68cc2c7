"""Resuming: what of a recorded run can be used again, and what has changed since.

A result is used again if the task run, its code and its inputs are what they were. Its inputs are
the same if its arguments are written the same and everything it depends on is used again too. The
rest runs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from dagy.errors import ResumeError
from dagy.interpreter.frontier import NOT_TAKEN
from dagy.masking import MASK
from dagy.spec import FlowSpec, ParameterReference, TaskRunSpec, references_in

if TYPE_CHECKING:
    from dagy.history import RecordedRun


class Recorded(NamedTuple):
    """A run of the history, as far as resuming it needs.

    Attributes:
        run_id: its id.
        spec: the flow that it ran.
        parameters: a value for each of its parameters.
        outputs: the outputs of the task runs that succeeded, as JSON text by id; items of maps too.
        not_taken: the task runs that were skipped because they were on a side not taken.
    """

    run_id: str
    spec: FlowSpec
    parameters: Mapping[str, Any]
    outputs: Mapping[str, str]
    not_taken: frozenset[str] = frozenset()


def recorded_of(run: RecordedRun, outputs: Mapping[str, str]) -> Recorded:
    """Return a run of the history as far as resuming it needs.

    Secrets are not recorded: they have to be given again, and cannot be compared.

    Args:
        run: the run.
        outputs: of its task runs, as far as they are whole.

    Raises:
        ResumeError: it goes on, or its graph is not known.
    """
    if run.status == "RUNNING":
        raise ResumeError(f"run {run.run_id} goes on; it can be resumed once it has ended")
    if run.flow_json is None:
        raise ResumeError(
            f"run {run.run_id} cannot be resumed: its graph was not recorded, because it ended, or "
            "the disk was full, just as it began; run the flow anew"
        )
    spec = FlowSpec.from_json(run.flow_json)
    secret = {entry["name"] for entry in spec.parameters if entry.get("secret")}
    hides = secret or any(task.secrets for task in spec.tasks.values())
    return Recorded(
        run.run_id,
        spec,
        {name: value for name, value in run.header.parameters.items() if name not in secret},
        # What was masked when it was recorded is not what the task returned.
        {name: text for name, text in outputs.items() if not hides or MASK not in text},
        frozenset(name for name, each in run.task_runs.items() if each.message == NOT_TAKEN),
    )


def reusable(
    recorded: Recorded, spec: FlowSpec, parameters: Mapping[str, Any], *, force: bool
) -> dict[str, str]:
    """Return the outputs of a recorded run that a new run of a flow can use.

    Args:
        recorded: the run to go on from.
        spec: the flow as it is now.
        parameters: a value for each of its parameters now, where one is known.
        force: go on although code or graph have changed; what is touched by that runs again.

    Raises:
        ResumeError: something has changed; the message lists all of it.
    """
    other = _changed_parameters(recorded.parameters, parameters)
    changes = [*differences(recorded.spec, spec), *other.values()]
    if changes and not force:
        listed = "\n".join(f"  {change}" for change in changes)
        raise ResumeError(
            f"run {recorded.run_id} cannot be resumed, because flow {spec.name!r} has changed "
            f"since:\n{listed}\nTo run again what these touch and use the rest: --force "
            "(from Python: force_resume=True)"
        )
    before = {run.id: run for run in recorded.spec.task_runs}
    same: set[str] = set()
    settled: set[str] = set()
    found: dict[str, str] = {}
    for run in spec.task_runs:
        known = before.get(run.id)
        unchanged = (
            known is not None
            and _is_same(known, recorded.spec, run, spec)
            and not _reads(run, other.keys())
        )
        if unchanged and settled.issuperset(run.depends_on):
            same.add(run.id)
            if run.id in recorded.outputs:
                found[run.id] = recorded.outputs[run.id]
            if run.id in recorded.outputs or run.id in recorded.not_taken:
                settled.add(run.id)
    for name, output in recorded.outputs.items():
        whole, _, index = name.partition("[")
        if index and whole in same and whole not in found:
            found[name] = output
    return found


def differences(before: FlowSpec, after: FlowSpec) -> Iterator[str]:
    """Yield a line for everything in which two flows differ that can change what a run computes."""
    yield from _code_differences(before, after)
    old = {run.id: run for run in before.task_runs}
    new = {run.id: run for run in after.task_runs}
    for name in old:
        if name not in new:
            yield f"- task run {name!r} is gone"
    for name, run in new.items():
        at = f" ({run.source})" if run.source else ""
        if name not in old:
            yield f"+ task run {name!r}{at} is new"
        elif _calls(old[name]) != _calls(run):
            yield f"~ task run {name!r}{at} is called with {_told(run)}, was {_told(old[name])}"
    if before.outputs != after.outputs:
        yield "~ the flow returns something else"


def _changed_parameters(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, str]:
    """Return a line for each parameter whose value is another, by its name."""
    return {
        name: f"~ parameter {name!r} is {value!r}, was {before.get(name)!r}"
        for name, value in after.items()
        if name not in before or before[name] != value
    }


def _reads(run: TaskRunSpec, parameters: Collection[str]) -> bool:
    return any(
        isinstance(reference, ParameterReference) and reference.name in parameters
        for reference in references_in([run.arguments, run.when])
    )


def _code_differences(before: FlowSpec, after: FlowSpec) -> Iterator[str]:
    for name, task in after.tasks.items():
        known = before.tasks.get(name)
        if known is not None and known.code_hash != task.code_hash:
            at = f" ({task.source})" if task.source else ""
            yield f"~ the code of task {name!r}{at} is not what it was"


def _is_same(known: TaskRunSpec, before: FlowSpec, run: TaskRunSpec, after: FlowSpec) -> bool:
    code = _code_hash(before, known), _code_hash(after, run)
    return code[0] == code[1] and _calls(known) == _calls(run)


def _code_hash(spec: FlowSpec, run: TaskRunSpec) -> str | None:
    return spec.tasks[run.task_name].code_hash


def _calls(run: TaskRunSpec) -> tuple[Any, ...]:
    """What makes a call what it is."""
    return (run.task_name, run.args, run.kwargs, run.depends_on, run.map_over, run.when)


def _told(run: TaskRunSpec) -> str:
    named = [f"{name}={value!r}" for name, value in run.kwargs.items()]
    text = f"({', '.join([*map(repr, run.args), *named])})"
    return text if len(text) <= 60 else text[:57] + "..."
