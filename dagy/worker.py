"""The worker: what a Lambda function of a deployed flow runs.

It holds the flow's own FlowSpec (`_dagy/flow.json` beside the code) and runs only tasks that this
spec names, through the same interpreter as the laptop. An invocation says which part:

    {"dagy": 1, "tasks": ["extract-2"], "attempt": 1,
     "parameters": {...}, "results": {"extract": "<JSON text>"}}

Without `tasks` the whole flow runs; with `"return": true` nothing runs, and the flow's return value
is made from the results. The answer is `{"output": "<JSON text>"}`. Values travel as text because
the expressions of a state machine would bend them (numbers past 2^53, lists of one, odd keys). A
failure is raised as the task's own exception, so that its class is the error's name in Step
Functions.

Standard library and Dagy's spec and interpreter only: this is what a cold start imports.
"""

from __future__ import annotations

import json
import os.path
import sys
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TextIO

from dagy.code import Code, code_of, load
from dagy.environment import worker_environment
from dagy.errors import BundleError, OutputTooLargeError, SpecError
from dagy.interpreter import Assignment, RunResult, Transition, execute
from dagy.parameters import bind
from dagy.spec import Direct, FlowSpec, ParameterReference, TaskSpec, follow, resolve
from dagy.values import from_text, to_text

PROTOCOL = 1

SPEC_FILE = "_dagy/flow.json"
"""Where the artifact keeps the FlowSpec, from the folder that holds the `dagy` package."""

MAX_OUTPUT_BYTES = 256_000
"""A state may put out 262,144 bytes (Step Functions service quotas); the rest is envelope."""

# Tasks of one invocation that may run at once. In the cloud the graph's own width is the only limit
# between states; within one Lambda, threads are for waiting, and it has at most six processors.
MAX_WORKERS = 16


def lambda_handler(event: Mapping[str, Any], context: object) -> dict[str, str]:
    """Answer one invocation of the flow this code was deployed with.

    Args:
        event: the payload; see the module.
        context: Lambda's own, unused.

    Raises:
        Exception: whatever the task raised.
        ParameterError: the execution's input does not fit the flow.
        SpecError: the invocation is not of this protocol, or names a task run that is not there.
    """
    del context
    return {"output": handle(event, deployed_spec())}


@cache
def deployed_spec() -> FlowSpec:
    """Return the FlowSpec that was deployed with this code."""
    root = os.path.dirname(os.path.dirname(__file__))
    try:
        with open(os.path.join(root, SPEC_FILE), "rb") as file:
            return FlowSpec.from_json(file.read())
    except OSError as error:
        raise BundleError(f"the artifact has no {SPEC_FILE}: {error}; build it again") from error


def handle(event: Mapping[str, Any], spec: FlowSpec) -> str:
    """Run what an invocation asks for; return the output as JSON text."""
    if event.get("dagy") != PROTOCOL:
        raise SpecError("dagy", f"must be {PROTOCOL} in an invocation; it is {event.get('dagy')!r}")
    given = event.get("parameters") or {}
    parameters = bind(spec.name, spec.parameters, given, partial="parameters" not in event)
    results = event.get("results") or {}
    if event.get("return"):
        output = to_text(resolve(spec.outputs, _lookup(parameters, results)))
    elif "tasks" in event:
        output = _run_tasks(spec, event, parameters, results)
    else:
        output = to_text(_run(spec, parameters, Assignment()).output)
    size = len(json.dumps(output))  # in a state's output the text is a string, quotes escaped
    if size > MAX_OUTPUT_BYTES:
        part = ", ".join(event.get("tasks", ["the flow"]))
        raise OutputTooLargeError(
            f"flow {spec.name!r}: the output of {part} takes {size:,} bytes, and "
            f"{MAX_OUTPUT_BYTES:,} can pass between states; write it to S3 in the task and return "
            "its address"
        )
    return output


def _run_tasks(
    spec: FlowSpec,
    event: Mapping[str, Any],
    parameters: Mapping[str, Any],
    results: Mapping[str, str],
) -> str:
    ids = event["tasks"]
    known = {run.id for run in spec.task_runs}
    for task_run_id in ids:
        if task_run_id not in known:
            raise SpecError("tasks", f"flow {spec.name!r} has no task run {task_run_id!r}")
    assignment = Assignment(frozenset(ids), results, event.get("attempt"))
    return _run(spec, parameters, assignment).task_runs[ids[-1]].output or "null"


def _run(spec: FlowSpec, parameters: Mapping[str, Any], assignment: Assignment) -> RunResult:
    result = execute(
        spec,
        lambda name: code_of(load(spec.tasks[name].import_path)),
        parameters,
        sink=LogSink(sys.stdout),
        flow_code=_flow_code(spec) if assignment.task_run_ids is None else None,
        max_workers=MAX_WORKERS,
        assignment=assignment,
        secrets=worker_environment(_assigned(spec, assignment)),
    )
    if result.exception is not None:
        raise result.exception
    return result


def _assigned(spec: FlowSpec, assignment: Assignment) -> list[TaskSpec]:
    """Return the tasks that an assignment runs."""
    ids = assignment.task_run_ids
    names = [run.task_name for run in spec.task_runs if ids is None or run.id in ids]
    return [spec.tasks[name] for name in dict.fromkeys(names)]


def _flow_code(spec: FlowSpec) -> Code | None:
    """The code of the flow, where its spec says that it has hooks or retries."""
    if spec.import_path is None or not (spec.retries or spec.hooks):
        return None
    return code_of(load(spec.import_path))


def _lookup(parameters: Mapping[str, Any], results: Mapping[str, str]) -> Callable[[Direct], Any]:
    def lookup(reference: Direct) -> Any:
        if isinstance(reference, ParameterReference):
            return follow(parameters[reference.name], reference.path)
        return follow(from_text(results[reference.task_run_id]), reference.path)

    return lookup


class LogSink:
    """Writes each transition as a line of JSON, for the function's log."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def emit(self, transition: Transition) -> None:
        """Write one transition; outputs stay out of the log."""
        line: dict[str, object] = {"task_run": transition.task_run_id, "state": transition.state}
        if transition.attempt:
            line["attempt"] = transition.attempt
        if transition.message:
            line["message"] = transition.message
        if transition.error is not None:
            line["error"] = f"{transition.error.type}: {transition.error.message}"
        print(json.dumps({"dagy": line}), file=self._stream, flush=True)
