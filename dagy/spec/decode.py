"""The strict reader of a FlowSpec's JSON: every fault is reported with the path of its field."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any

from dagy.errors import SpecError
from dagy.mapping import is_tolerance
from dagy.resources import ARCHITECTURES, SECRET_FORMS, are_secrets, is_count, is_environment
from dagy.shapes import is_shape
from dagy.spec.model import SCHEMA_VERSION, FlowSpec, TaskRunSpec, TaskSpec
from dagy.spec.references import ParameterReference, TaskReference, references_in

Check = Callable[[Any], bool]


def _is(*types: type) -> Check:
    # bool is an int to Python and never one to a reader of JSON.
    def check(value: Any) -> bool:
        return isinstance(value, types) and (bool in types or not isinstance(value, bool))

    return check


def _count(value: Any) -> bool:
    return _is(int)(value) and value >= 0


def _delay(value: Any) -> bool:
    if _callable_mark(value):
        return True
    items = value if isinstance(value, list) else [value]
    return value is None or (len(items) > 0 and all(map(_seconds, items)))


def _seconds(value: Any) -> bool:
    return _is(int, float)(value) and value >= 0


def _or_null(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _callable_mark(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"$callable"} and _is(str)(value["$callable"])


def _hooks(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() <= _HOOKS and all(map(_strings, value.values()))


def _cache(value: Any) -> bool:
    if value is None:
        return True
    if not isinstance(value, dict) or not value.keys() <= {"seconds", "$callable"}:
        return False
    return _is(int, float)(value.get("seconds", 0)) and _is(str)(value.get("$callable", ""))


def _service(value: Any) -> bool:
    if value is None:
        return True
    if not isinstance(value, dict) or value.get("kind") not in _SERVICES:
        return False
    more = {"resource", "token_at"} if value["kind"] == "aws" else set()
    named = value["kind"] != "aws" or _is(str)(value.get("resource"))
    return named and value.keys() <= {"kind", *more} and _paths(value.get("token_at", [[""]]))


def _paths(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(path, list) and len(path) > 0 and all(map(_is(str, int), path)) for path in value
    )


def _map_over(value: Any) -> bool:
    is_list = isinstance(value, list) and len(value) > 0
    return value is None or (is_list and all(_is(int, str)(item) for item in value))


def _when(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(item, list) and len(item) == 2 and isinstance(item[1], bool) for item in value
    )


def _task_run_id(value: Any) -> bool:
    # Ids enter state machines as they are: nothing there may read them as an expression.
    return isinstance(value, str) and re.fullmatch(r"\w[\w.-]*", value) is not None


def _edges(value: Any) -> bool:
    return isinstance(value, list) and all(_strings(edge) and len(edge) == 2 for edge in value)


def _strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


_SERVICES = ("aws", "sleep", "sleep_until", "approval")
_HOOKS = frozenset({"on_running", "on_completion", "on_failure", "on_retry"})
_OPTIONAL_STRING = _is(str, type(None))
_EXECUTOR = (
    lambda value: value in (None, "lambda", "step-functions", "ecs"),
    '"lambda", "step-functions", "ecs" or null',
)
_JITTER = (_or_null(lambda value: _seconds(value) and value <= 1), "a number from 0 to 1, or null")
_POSITIVE_SECONDS = (
    _or_null(lambda value: _seconds(value) and value > 0),
    "a number above 0, or null",
)

# What a field may hold: a check, and how a message names it.
_Rules = dict[str, tuple[Check, str]]

_TASK: _Rules = {
    "name": (_is(str), "a string"),
    "import_path": (_is(str), "a string"),
    "description": (_OPTIONAL_STRING, "a string or null"),
    "default_executor": _EXECUTOR,
    "retries": (_count, "an integer of at least 0"),
    "retry_delay_seconds": (_delay, "a number of at least 0, a list of them, or null"),
    "timeout_seconds": _POSITIVE_SECONDS,
    "concurrency_limit": (
        _or_null(lambda value: _count(value) and value > 0),
        "an integer of at least 1, or null",
    ),
    "retry_jitter_factor": _JITTER,
    "validate_parameters": (_is(bool), "true or false"),
    "source": (_OPTIONAL_STRING, "a string or null"),
    "retry_condition": (_OPTIONAL_STRING, "a string or null"),
    "hooks": (_hooks, "an object with lists of names under on_running and the like"),
    "isolation": (lambda value: value in (None, "process"), '"process" or null'),
    "serializer": (lambda value: value in (None, "pickle"), '"pickle" or null'),
    "cache": (_cache, "null, or an object with seconds or $callable"),
    "code_hash": (_OPTIONAL_STRING, "a string or null"),
    "expected_seconds": _POSITIVE_SECONDS,
    "memory_mb": (_or_null(is_count), "an integer of at least 1, or null"),
    "vcpu": (_or_null(lambda value: _seconds(value) and value > 0), "a number above 0, or null"),
    "ephemeral_storage_mb": (_or_null(is_count), "an integer of at least 1, or null"),
    "environment": (is_environment, "an object of texts by names of variables"),
    "secrets": (are_secrets, f"an object of {SECRET_FORMS} by names of variables"),
    "architecture": (
        lambda value: value is None or value in ARCHITECTURES,
        '"x86_64", "arm64" or null',
    ),
    "service": (_service, "null, or an object with a kind and what that kind has"),
    "tolerated_failures": (
        is_tolerance,
        "an integer of at least 0, a number above 0 and below 1, or null",
    ),
}

_TASK_RUN: _Rules = {
    "id": (_task_run_id, "letters, digits, '_', '.' and '-'"),
    "task_name": (_is(str), "a string"),
    "depends_on": (_strings, "a list of strings"),
    "args": (_is(list), "a list"),
    "kwargs": (_is(dict), "an object"),
    "executor": _EXECUTOR,
    "source": (_OPTIONAL_STRING, "a string or null"),
    "map_over": (_map_over, "a non-empty list of positions and names, or null"),
    "when": (_when, "a list of pairs of a reference and true or false"),
}

_FLOW: _Rules = {
    "name": (_is(str), "a string"),
    "version": (_is(str), "a string"),
    "created_at": (_is(str), "a string"),
    "tasks": (_is(dict), "an object"),
    "task_runs": (_is(list), "a list"),
    "edges": (_edges, "a list of pairs of ids"),
    "outputs": (lambda _: True, "any JSON"),
    "parameters": (_is(list), "a list"),
    "description": (_OPTIONAL_STRING, "a string or null"),
    "import_path": (_OPTIONAL_STRING, "a string or null"),
    "schema_version": (_is(int), "an integer"),
    "retries": (_count, "an integer of at least 0"),
    "retry_delay_seconds": (_delay, "a number of at least 0, a list of them, or null"),
    "retry_jitter_factor": _JITTER,
    "retry_condition": (_OPTIONAL_STRING, "a string or null"),
    "hooks": (_hooks, "an object with lists of names under on_running and the like"),
}


_PARAMETER: _Rules = {
    "name": (_is(str), "a string"),
    "required": (_is(bool), "true or false"),
    "type": (_is(str), "a string"),
    "accepts": (is_shape, "a list of kinds of JSON"),
    "default": (lambda _: True, "any JSON"),
    "bound": (lambda _: True, "any JSON"),
    "secret": (_is(bool), "true or false"),
}


def flow_spec_from_json(text: str | bytes) -> FlowSpec:
    """Read and check a FlowSpec; see `FlowSpec.from_json`."""
    try:
        document = json.loads(text, parse_constant=_no_such_number)
    except (ValueError, TypeError) as error:
        raise SpecError("", f"not JSON: {error}") from error
    except RecursionError as error:
        raise SpecError("", "nests too deeply") from error
    if not isinstance(document, dict):
        raise SpecError("", "must be an object")
    version = document.get("schema_version")
    if version != SCHEMA_VERSION:
        raise SpecError(
            "schema_version",
            f"is {version!r}, and this version of Dagy reads {SCHEMA_VERSION}; "
            "build the flow again with the version of Dagy that will run it",
        )
    values = _record(FlowSpec, document, _FLOW, "")
    values["tasks"] = {
        name: TaskSpec(**_record(TaskSpec, task, _TASK, f"tasks[{name!r}]"))
        for name, task in document["tasks"].items()
    }
    values["task_runs"] = [
        TaskRunSpec(**_record(TaskRunSpec, run, _TASK_RUN, f"task_runs[{index}]"))
        for index, run in enumerate(document["task_runs"])
    ]
    spec = FlowSpec(**values)
    _check_parameters(spec)
    _check_graph(spec)
    return spec


def _no_such_number(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _record(cls: type, document: Any, rules: _Rules, path: str) -> dict[str, Any]:
    """Check the fields of one object; return them ready for the class."""
    prefix = f"{path}." if path else ""
    if not isinstance(document, dict):
        raise SpecError(path, "must be an object")
    for name in document:
        if name not in rules:
            raise SpecError(f"{prefix}{name}", "is not a field of this format")
    for field in fields(cls):
        if field.name not in document:
            if field.default is MISSING and field.default_factory is MISSING:
                raise SpecError(f"{prefix}{field.name}", "is missing")
            continue
        check, expected = rules[field.name]
        if not check(document[field.name]):
            raise SpecError(f"{prefix}{field.name}", f"must be {expected}")
    return dict(document)


def _check_parameters(spec: FlowSpec) -> None:
    seen = set()
    for index, parameter in enumerate(spec.parameters):
        path = f"parameters[{index}]"
        if not isinstance(parameter, dict) or not isinstance(parameter.get("name"), str):
            raise SpecError(path, "must be an object with a name")
        for name, value in parameter.items():
            if name not in _PARAMETER:
                raise SpecError(f"{path}.{name}", "is not a field of this format")
            check, expected = _PARAMETER[name]
            if not check(value):
                raise SpecError(f"{path}.{name}", f"must be {expected}")
        if parameter["name"] in seen:
            raise SpecError(f"{path}.name", f"{parameter['name']!r} is there twice")
        seen.add(parameter["name"])


def _check_graph(spec: FlowSpec) -> None:
    """Every name leads somewhere, and every task run comes after all it depends on."""
    for name, task in spec.tasks.items():
        if task.name != name:
            raise SpecError(f"tasks[{name!r}].name", f"is {task.name!r}, its key is {name!r}")
        _check_service(name, task)
    parameters = {parameter["name"] for parameter in spec.parameters}
    earlier: set[str] = set()
    edges = []
    for index, run in enumerate(spec.task_runs):
        path = f"task_runs[{index}]"
        if run.id in earlier:
            raise SpecError(f"{path}.id", f"{run.id!r} is there twice")
        if run.task_name not in spec.tasks:
            raise SpecError(f"{path}.task_name", f"there is no task {run.task_name!r}")
        for position, dependency in enumerate(run.depends_on):
            if dependency not in earlier:
                raise SpecError(
                    f"{path}.depends_on[{position}]", f"{dependency!r} is not an earlier task run"
                )
            edges.append([dependency, run.id])
        known = set(run.depends_on)
        _check_references(run.args, known, parameters, f"{path}.args")
        _check_references([*run.kwargs.values()], known, parameters, f"{path}.kwargs")
        _check_references(run.when, known, parameters, f"{path}.when")
        _check_map(run, path)
        earlier.add(run.id)
    _check_references(spec.outputs, earlier, parameters, "outputs")
    if sorted(spec.edges) != sorted(edges):
        raise SpecError("edges", "do not agree with the depends_on of the task runs")


def _check_service(name: str, task: TaskSpec) -> None:
    """What Step Functions does itself needs no worker, so nothing of it may need one."""
    if task.service is None:
        return
    for field in ("hooks", "retry_condition", "isolation", "cache", "tolerated_failures"):
        if getattr(task, field):
            raise SpecError(f"tasks[{name!r}].{field}", "must not be there beside a service")
    if _callable_mark(task.retry_delay_seconds):
        raise SpecError(f"tasks[{name!r}].retry_delay_seconds", "must not need a worker to call it")


def _check_map(run: TaskRunSpec, path: str) -> None:
    for key in run.map_over or ():
        if key not in (range(len(run.args)) if isinstance(key, int) else run.kwargs):
            raise SpecError(f"{path}.map_over", f"there is no argument {key!r}")


def _check_references(value: Any, task_runs: set[str], parameters: set[str], path: str) -> None:
    try:
        for reference in references_in(value):
            if isinstance(reference, TaskReference) and reference.task_run_id not in task_runs:
                raise SpecError(
                    path, f"refers to {reference.task_run_id!r}, which it does not depend on"
                )
            if isinstance(reference, ParameterReference) and reference.name not in parameters:
                raise SpecError(path, f"refers to {reference.name!r}, which is not a parameter")
    except SpecError as error:
        if error.path:
            raise
        raise SpecError(path, str(error).removeprefix("FlowSpec: ")) from error
