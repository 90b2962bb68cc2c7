"""`aws_task`, `sleep`, `sleep_until` and `approval`: what users call."""

from __future__ import annotations

import difflib
import reprlib
import time as clock
import warnings
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from dagy.errors import CodecError, DefinitionError
from dagy.services.catalog import TOKEN
from dagy.services.check import NOT_CHECKED, argument_names, check_arguments
from dagy.services.integration import Integration, parse
from dagy.services.refusals import WORKER_OPTIONS, called_right, hint, refuse
from dagy.services.task import ServiceTask
from dagy.services.waits import LONGEST_SECONDS, end_of_sleep, end_of_sleep_until, timestamp
from dagy.source import caller
from dagy.symbols import Symbol
from dagy.task import RetryDelay
from dagy.tracing import current_graph, refuse_stray_call
from dagy.values import as_json

OPTIONS = (
    *("name", "wait_for", "retries", "retry_delay_seconds", "timeout_seconds"),
    "expected_seconds",
)
"""The options of an `aws_task`; the service's own arguments begin with a capital."""


class TaskToken:
    """Stands for the task token in the arguments of a `.waitForTaskToken` call."""

    def __repr__(self) -> str:
        return "TASK_TOKEN"


TASK_TOKEN = TaskToken()
"""What `SendTaskSuccess` and `SendTaskFailure` answer a `.waitForTaskToken` call with."""


@called_right
def aws_task(
    resource: str,
    /,
    *,
    name: str | None = None,
    wait_for: Sequence[Any] = (),
    retries: int = 0,
    retry_delay_seconds: RetryDelay = None,
    timeout_seconds: float | None = None,
    expected_seconds: float | None = None,
    **arguments: Any,
) -> Any:
    """Have Step Functions call an AWS service; a task without a worker.

    Args:
        resource: what to call, as in a state machine: `service:action` for an optimized
            integration, `aws-sdk:service:action` for any other call; `.sync`, `.sync:2` or
            `.waitForTaskToken` after it waits for the end, where Step Functions can.
        name: name of the task; `service-action` by default.
        wait_for: outputs of tasks that must succeed first, as for any task.
        retries: retries after a failed first attempt, at least 0.
        retry_delay_seconds: seconds before each retry, a number or a list of them.
        timeout_seconds: limit of one attempt, in whole seconds.
        expected_seconds: how long a run is likely to take, in seconds; see `task`.
        arguments: the service's, in PascalCase as Step Functions wants them. Outputs of other tasks
            and parameters may stand anywhere in them.

    Returns:
        Inside a flow an output, which will be the service's answer as Step Functions gives it.
        Outside of one that answer.

    Raises:
        TraceError: inside a flow, when there is no such service, action or argument, when one is
            missing or of the wrong kind, or when an option is not allowed.
        DefinitionError: the same outside of a flow.

    Examples:
        Inside a flow::

            run = aws_task("glue:startJobRun.sync", JobName="clean", Arguments={"--day": day})
    """
    _check_resource(resource)
    token_at: list[list[str | int]] = []
    plain = {key: _without_token(value, [key], token_at) for key, value in arguments.items()}
    try:
        integration = parse(resource)
        _check_options(integration, arguments)
        _check_token(integration, token_at)
        if not check_arguments(integration, arguments, _is_unknown):
            warnings.warn(NOT_CHECKED, stacklevel=3)
    except ValueError as error:
        refuse(f"aws_task {error}")
    service: dict[str, Any] = {"kind": "aws", "resource": integration.resource}
    if token_at:
        service["token_at"] = token_at
    return _record(
        service,
        integration.task_name if name is None else name,
        plain,
        wait_for,
        retries=retries,
        retry_delay_seconds=retry_delay_seconds,
        timeout_seconds=timeout_seconds,
        expected_seconds=expected_seconds,
    )


@called_right
def sleep(seconds: float, *, name: str = "sleep", wait_for: Sequence[Any] = ()) -> Any:
    """Let time pass between tasks. Nothing is busy meanwhile, here or on AWS.

    Args:
        seconds: whole seconds, or an output or parameter that will be a number; that is rounded up.
        name: name of the task.
        wait_for: outputs of tasks after which the time is counted.

    Returns:
        Inside a flow an output, which will be None; tasks that `wait_for` it run after the time.
        Outside of one None, after the time.

    Raises:
        TraceError: inside a flow, when it is not a whole number from 0 to 99,999,999.
        DefinitionError: the same outside of a flow.
    """
    if not isinstance(seconds, Symbol):
        number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
        if not number or not 0 <= seconds <= LONGEST_SECONDS or seconds != int(seconds):
            refuse(
                f"sleep takes whole seconds from 0 to {LONGEST_SECONDS:,}, because Step Functions "
                f"counts in seconds, not {reprlib.repr(seconds)}"
            )
        seconds = int(seconds)
    if current_graph.get() is None:
        clock.sleep(end_of_sleep(0.0, seconds=seconds))
        return None
    return _record({"kind": "sleep"}, name, {"seconds": seconds}, wait_for)


@called_right
def sleep_until(
    time: datetime | str, *, name: str = "sleep-until", wait_for: Sequence[Any] = ()
) -> Any:
    """Wait for a time. Nothing is busy meanwhile, here or on AWS; one that has passed is no wait.

    Args:
        time: a datetime with a time zone, ISO 8601 text with one, or an output or parameter that
            will be such text. Fractions of a second are dropped.
        name: name of the task.
        wait_for: outputs of tasks that must succeed first.

    Returns:
        Inside a flow an output, which will be None. Outside of one None, after the time.

    Raises:
        TraceError: inside a flow, when it is no time, or has no time zone.
        DefinitionError: the same outside of a flow.
    """
    if not isinstance(time, Symbol):
        try:
            time = timestamp(time)
        except ValueError as error:
            refuse(f"sleep_until: {error}")
    if current_graph.get() is None:
        now = clock.time()
        clock.sleep(end_of_sleep_until(now, time=time) - now)
        return None
    return _record({"kind": "sleep_until"}, name, {"time": time}, wait_for)


@called_right
def approval(
    message: str,
    *,
    timeout_seconds: float,
    topic: str | None = None,
    queue: str | None = None,
    event_bus: str | None = None,
    name: str = "approval",
    wait_for: Sequence[Any] = (),
    expected_seconds: float | None = None,
) -> Any:
    """Wait until somebody approves.

    The message goes out with a task token, which answers it: to an SNS topic, to an SQS queue, or,
    by default, to EventBridge as an event of source `dagy` and type `Approval requested`. In a
    local run the question is asked at the terminal.

    Args:
        message: what is to be approved; may be an output or a parameter.
        timeout_seconds: whole seconds after which it fails with `States.Timeout`.
        topic: ARN of an SNS topic.
        queue: URL of an SQS queue.
        event_bus: name or ARN of an EventBridge bus; the account's default one if nothing is given.
        name: name of the task.
        wait_for: outputs of tasks that must succeed first.
        expected_seconds: how long the answer is likely to take, in seconds; see `task`.

    Returns:
        Inside a flow an output, which will be what `SendTaskSuccess` sends, by convention
        `{"approved": true}`; `SendTaskFailure` fails the task under the name that it gives. Outside
        of one, the answer.

    Raises:
        TraceError: inside a flow, when the options are not allowed.
        DefinitionError: the same outside of a flow.
    """
    channels = {"topic": topic, "queue": queue, "event_bus": event_bus}
    given = {key: value for key, value in channels.items() if value is not None}
    if len(given) > 1:
        refuse(f"approval {name!r} can be sent one way, not by {' and '.join(given)}")
    if not isinstance(message, (str, Symbol)):
        refuse(f"approval {name!r}: message must be text, not {message!r}")
    for channel, value in given.items():
        if not isinstance(value, (str, Symbol)):
            refuse(f"approval {name!r}: {channel} must be text, not {value!r}")
    if timeout_seconds is None:
        refuse(
            f"approval {name!r}: timeout_seconds must be a number, not None; an approval that "
            "nobody answers would wait for a year"
        )
    return _record(
        {"kind": "approval"},
        name,
        {"message": message, **given},
        wait_for,
        timeout_seconds=timeout_seconds,
        expected_seconds=expected_seconds,
    )


def _record(
    service: Mapping[str, Any],
    name: str,
    arguments: dict[str, Any],
    wait_for: Sequence[Any],
    **policy: Any,
) -> Any:
    try:
        task = ServiceTask(service, name, caller(), **policy)
    except DefinitionError as error:
        refuse(str(error))
    graph = current_graph.get()
    if graph is not None:
        return graph.add(task, (), arguments, wait_for)
    refuse_stray_call(task)
    given = {}
    for key, value in arguments.items():
        try:
            given[key] = as_json(value)
        except CodecError as error:
            refuse(f"argument {key!r} of task {task.name!r}: {error}")
    return task.fn(**given)


def _check_options(integration: Integration, arguments: Mapping[str, Any]) -> None:
    for key in arguments:
        if key[:1].isupper():
            continue
        if key in WORKER_OPTIONS:
            refuse(f"aws_task takes no {key!r}{hint(key, OPTIONS)}")
        meant = _meant(key, argument_names(integration))
        refuse(
            f"aws_task {integration.resource!r} takes no {key!r}"
            f"{f'; did you mean {meant!r}?' if meant else '.'} Arguments of the service begin with "
            f"a capital; the options are {', '.join(OPTIONS)}"
        )


def _meant(key: str, known: Sequence[str]) -> str | None:
    """Return the argument or the option that a name is a misspelling of: `TopicArn`."""
    bare = key.replace("_", "").lower()
    for name in known:
        if name.lower() == bare:
            return name
    written = "".join(part[:1].upper() + part[1:] for part in key.split("_"))
    close = difflib.get_close_matches(key, OPTIONS, n=1, cutoff=0.8)
    close += difflib.get_close_matches(written, known, n=1) if known else [written]
    return close[0] if close else None


def _check_resource(resource: Any) -> None:
    if isinstance(resource, Symbol):
        refuse(
            "aws_task: what to call must be known when the flow is built, and cannot be an output "
            "or a parameter; call one of several with branch(...)"
        )
    if not isinstance(resource, str):
        refuse(
            "aws_task: the first argument says what to call, such as 'glue:startJobRun.sync', and "
            f"is not {reprlib.repr(resource)}"
        )


def _check_token(integration: Integration, token_at: list[list[str | int]]) -> None:
    waits = integration.pattern == TOKEN
    if waits and not token_at:
        raise ValueError(
            f"{integration.resource!r} waits for an answer, and nobody is told the token to answer "
            "with; put dagy.TASK_TOKEN somewhere in its arguments"
        )
    if token_at and not waits:
        raise ValueError(
            f"{integration.resource!r} has no task token; only .{TOKEN} calls have one"
        )


def _without_token(value: Any, path: list[str | int], found: list[list[str | int]]) -> Any:
    """Return an argument with null in place of the task token, and note where that was."""
    if isinstance(value, TaskToken):
        found.append(path)
        return None
    if isinstance(value, dict):
        return {key: _without_token(item, [*path, key], found) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_token(item, [*path, index], found) for index, item in enumerate(value)]
    return value


def _is_unknown(value: Any) -> bool:
    return isinstance(value, (Symbol, TaskToken))
