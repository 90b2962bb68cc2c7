"""The states of tasks that Step Functions does itself: what they call, with which arguments.

Arguments are the only place where a state machine opens values of users. Literals stand in them as
they are, or as expressions that make them (`dagy_compiler.jsonata`). The output of an earlier task
run is JSON text in a variable, opened with `$parse`; one that went to S3 by claim check is no text
and cannot be opened, so the producers of such outputs are to keep them inline.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from dagy.errors import CompileError, LimitError
from dagy.services.check import NOT_CHECKED, check_arguments
from dagy.services.integration import Integration, parse
from dagy.spec import (
    BranchReference,
    Direct,
    ParameterReference,
    TaskReference,
    TaskRunSpec,
    TaskSpec,
)
from dagy.spec.references import LITERAL, as_reference, references_in
from dagy_compiler.jsonata import as_text, expression, follow, is_inert, is_true, literal, text
from dagy_compiler.limits import STATE_BYTES

TASK_TOKEN: Final = "$states.context.Task.Token"
INPUT: Final = "$states.context.Execution.Input"

OUTPUT: Final = as_text("$states.result")
"""JSONata for the JSON text of what a service answered."""

NO_OUTPUT_TEXT: Final = "null"
"""The JSON text of what a wait puts out; it is no expression."""

# What the worker writes for values that JSON has not; see `dagy.values.marks`.
_MARKED: Final = r'/\{"\$(artifact|codec)":/'

APPROVAL_SOURCE: Final = "dagy"
APPROVAL_DETAIL_TYPE: Final = "Approval requested"


@dataclass(frozen=True, slots=True)
class ServiceCall:
    """What of a Task state Step Functions does itself.

    Attributes:
        integration: what it calls.
        arguments: as they stand in the definition.
        timeout_seconds: of one attempt, if there is one.
    """

    integration: Integration
    arguments: dict[str, Any]
    timeout_seconds: int | None

    @property
    def resource(self) -> str:
        """The state's `Resource`."""
        return self.integration.arn


@dataclass(frozen=True, slots=True)
class ServiceWait:
    """What a Wait state waits for: `seconds` or `timestamp`, a value or an expression."""

    seconds: int | str | None = None
    timestamp: str | None = None


class Variable(NamedTuple):
    """The variable that holds the output of an earlier task run.

    Attributes:
        name: without the `$`.
        holds: "text" as a worker hands it on, "texts" of the items of a map, or the "answer" of a
            service, which is text too, and cannot be anything else.
    """

    name: str
    holds: Literal["text", "texts", "answer"] = "text"


Variables = Mapping[str, Variable]
"""By the id of the task run."""


class Scope:
    """Where the arguments of one state find their values.

    Args:
        where: the task run and its place, for messages.
        variables: the outputs of earlier task runs.
        parameters: the flow's parameters, as its spec has them.
        given: JSONata for what the execution is given of them.
    """

    def __init__(
        self,
        where: str,
        variables: Variables,
        parameters: Sequence[Mapping[str, Any]],
        given: str = INPUT,
    ) -> None:
        self._where = where
        self._variables = variables
        self._given = given
        self._parameters = {entry["name"]: entry for entry in parameters}

    def error(self, problem: str) -> CompileError:
        """Return the error of a state that cannot be written."""
        return CompileError(f"{self._where}: {problem}")

    def value(self, reference: Direct | BranchReference) -> str:
        """Return JSONata for what a reference stands for."""
        match reference:
            case TaskReference():
                found = self._output(reference.task_run_id)
            case ParameterReference():
                found = self._parameter(reference.name)
            case BranchReference():
                sides = [self._side(side) for side in (reference.then, reference.otherwise)]
                found = f"({is_true(self.value(reference.condition))} ? {sides[0]} : {sides[1]})"
        return follow(found, reference.path)

    def _output(self, task_run_id: str) -> str:
        # What is neither was stored, or was skipped; see `dagy.worker.claims`.
        name, holds = self._variables[task_run_id]
        name = f"${name}"
        if holds == "answer":
            return f"$parse({name})"
        large = text(f"the output of {task_run_id} went to S3, and no service can be given it")
        marked = text(f"the output of {task_run_id} holds a value that JSON has not")
        kind, whole = "string", name
        if holds == "texts":
            kind, whole = "array", f'"[" & $join({name}, ",") & "]"'
        return (
            f'($t := $type({name}) = "{kind}" ? {whole} : $error({large}); '
            f"$contains($t, {_MARKED}) ? $error({marked}) : $parse($t))"
        )

    def _parameter(self, name: str) -> str:
        entry = self._parameters[name]
        if entry.get("secret"):
            raise self.error(
                f"parameter {name!r} is a secret, and what a service is given stands in the "
                "execution's history; pass the name of the secret, and let the service look it up"
            )
        missing = f"$error({text(f'parameter {name} has no value')})"
        default = literal(entry["default"]) if "default" in entry else missing
        key = text(name)
        return f"($p := {self._given}; {key} in $keys($p) ? $lookup($p, {key}) : {default})"

    def _side(self, value: Any) -> str:
        reference = as_reference(value)
        if reference is not None:
            return self.value(reference)
        if any(references_in(value)):
            raise self.error(
                "a side of the branch that it is given puts outputs into a list or a dict; pass "
                "what the branch returns through a task"
            )
        return literal(_unescaped(value))


def service_state(
    task: TaskSpec,
    run: TaskRunSpec,
    variables: Variables,
    parameters: Sequence[Mapping[str, Any]],
    given: str = INPUT,
) -> ServiceCall | ServiceWait:
    """Return what the state of a task run does that needs no worker.

    Args:
        task: its task, which has a `service`.
        run: the task run.
        variables: the outputs of the task runs that it refers to.
        parameters: the flow's parameters, as its spec has them.
        given: JSONata for what the execution is given of them.

    Raises:
        CompileError: an argument cannot be written so that it arrives as it is.
    """
    assert task.service is not None
    scope = Scope(where(run), variables, parameters, given)
    _check_text(scope, run.kwargs)
    match task.service["kind"]:
        case "sleep":
            return ServiceWait(seconds=_seconds(run.kwargs["seconds"], scope))
        case "sleep_until":
            return ServiceWait(timestamp=_rendered(run.kwargs["time"], scope))
    integration, tokens, arguments = call_of(task, run)
    rendered = {name: _rendered(each, scope, tokens, (name,)) for name, each in arguments.items()}
    payload = rendered.get("Payload")
    # Step Functions takes no definition with a number or a boolean there; an expression it takes.
    if integration.resource == "lambda:invoke" and isinstance(payload, (int, float)):
        rendered["Payload"] = expression(literal(payload))
    return ServiceCall(
        integration,
        rendered,
        None if task.timeout_seconds is None else int(task.timeout_seconds),
    )


def call_of(
    task: TaskSpec, run: TaskRunSpec
) -> tuple[Integration, frozenset[tuple[str | int, ...]], dict[str, Any]]:
    """Return what a task run calls: the service, where the token stands, and JSON with references.

    Args:
        task: its task, which calls a service or waits for an approval.
        run: the task run.
    """
    assert task.service is not None
    if task.service["kind"] == "approval":
        return _approval(run)
    tokens = frozenset(tuple(path) for path in task.service.get("token_at", ()))
    return parse(task.service["resource"]), tokens, run.kwargs


def check_service(task: TaskSpec, run: TaskRunSpec) -> str | None:
    """Check the arguments of a task run against the service's model.

    Returns:
        A line for people if they could not be checked.

    Raises:
        CompileError: the service does not take them.
        LimitError: they are more than a state may be given.
    """
    if task.service is None:
        return None
    _check_size(run)
    if task.service["kind"] != "aws":
        return None
    try:
        integration, known = known_arguments(task, run)
        checked = check_arguments(integration, known, lambda value: value is _LATER)
    except ValueError as error:
        raise CompileError(f"{where(run)}: {error}") from error
    return None if checked else f"{where(run)}: {NOT_CHECKED}"


def _check_size(run: TaskRunSpec) -> None:
    written = json.dumps(run.kwargs, ensure_ascii=False, separators=(",", ":"))
    size = len(written.encode(errors="surrogatepass"))
    if size > STATE_BYTES:
        raise LimitError(
            f"{where(run)}: its arguments take {size:,} bytes as they are written, and Step "
            f"Functions gives a service at most {STATE_BYTES:,}; put what is large into S3, and "
            "give the service its address, or make the call in a task of Python"
        )


def known_arguments(task: TaskSpec, run: TaskRunSpec) -> tuple[Integration, dict[str, Any]]:
    """Return what a task run calls, with its arguments as the user wrote them.

    What is known only when the flow runs is an object that equals nothing.
    """
    integration, tokens, given = call_of(task, run)
    return integration, {name: _known(value, tokens, (name,)) for name, value in given.items()}


def opened_task_runs(task: TaskSpec, run: TaskRunSpec) -> tuple[str, ...]:
    """Return the ids of the task runs whose outputs a state opens; these have to stay inline."""
    if task.service is None:
        return ()
    found = references_in(run.arguments)
    ids = (each.task_run_id for each in found if isinstance(each, TaskReference))
    return tuple(dict.fromkeys(ids))


def _approval(
    run: TaskRunSpec,
) -> tuple[Integration, frozenset[tuple[str | int, ...]], dict[str, Any]]:
    given = run.kwargs
    content = {"message": given["message"], "task_run": run.id, "task_token": None}
    if "topic" in given:
        integration = parse("sns:publish.waitForTaskToken")
        arguments = {"TopicArn": given["topic"], "Message": content}
        token: tuple[str | int, ...] = ("Message", "task_token")
    elif "queue" in given:
        integration = parse("sqs:sendMessage.waitForTaskToken")
        arguments = {"QueueUrl": given["queue"], "MessageBody": content}
        token = ("MessageBody", "task_token")
    else:
        integration = parse("events:putEvents.waitForTaskToken")
        entry = {"Source": APPROVAL_SOURCE, "DetailType": APPROVAL_DETAIL_TYPE, "Detail": content}
        bus = {"EventBusName": given["event_bus"]} if "event_bus" in given else {}
        arguments = {"Entries": [entry | bus]}
        token = ("Entries", 0, "Detail", "task_token")
    return integration, frozenset({token}), arguments


def _rendered(
    value: Any,
    scope: Scope,
    tokens: frozenset[tuple[str | int, ...]] = frozenset(),
    path: tuple[str | int, ...] = (),
) -> Any:
    """Return an argument as it stands in the definition."""
    if path in tokens:
        return expression(TASK_TOKEN)
    if isinstance(value, str):
        return value if is_inert(value) else expression(text(value))
    if isinstance(value, list):
        return [_rendered(item, scope, tokens, (*path, i)) for i, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    reference = as_reference(value)
    if reference is not None:
        return expression(scope.value(reference))
    plain = value[LITERAL] if set(value) == {LITERAL} else value
    if all(map(_is_legal_key, plain)):
        return {key: _rendered(item, scope, tokens, (*path, key)) for key, item in plain.items()}
    if any(references_in(value)) or any(token[: len(path)] == path for token in tokens):
        raise scope.error(
            f"a key beside an output or a parameter cannot be written: {list(plain)}; keys with "
            "'{%', '%}', '${' or '{{' in them, or '.$' at their end, and 'Ref' and 'Fn::...', are "
            "read by AWS; make the dict in a task"
        )
    return expression(literal(_unescaped(value)))


def _is_legal_key(key: str) -> bool:
    # A key that ends so would be a path, if this were the older query language; and CloudFormation
    # evaluates its own functions wherever a template has them, in a definition too.
    return is_inert(key) and not key.endswith(".$") and key != "Ref" and not key.startswith("Fn::")


def _seconds(value: Any, scope: Scope) -> int | str:
    reference = as_reference(value)
    if reference is None:
        return int(value)
    return expression(f"$ceil({scope.value(reference)})")


class _Later:
    """Stands for what is known only when the flow runs."""


_LATER = _Later()


def _known(
    value: Any, tokens: frozenset[tuple[str | int, ...]], path: tuple[str | int, ...]
) -> Any:
    """Return an argument with what is not known yet marked, and escapes undone."""
    if path in tokens or (isinstance(value, dict) and as_reference(value) is not None):
        return _LATER
    if isinstance(value, dict):
        plain = value[LITERAL] if set(value) == {LITERAL} else value
        return {key: _known(item, tokens, (*path, key)) for key, item in plain.items()}
    if isinstance(value, list):
        return [_known(item, tokens, (*path, index)) for index, item in enumerate(value)]
    return value


def _unescaped(value: Any) -> Any:
    return _known(value, frozenset(), ())


def _check_text(scope: Scope, value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise scope.error("an argument holds half of a character (a lone surrogate)") from error


def where(run: TaskRunSpec) -> str:
    """Return which task run a message is about, and where it is called."""
    return f"task run {run.id!r}" + (f" ({run.source})" if run.source else "")
