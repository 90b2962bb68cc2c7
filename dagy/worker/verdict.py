"""What follows a failed attempt, and who says so when the worker that made it is gone.

A worker decides about its own failures: it raises `Retry` for one that is to be tried again, and
the task's own exception for the last. A worker that died (out of memory, killed, past every
timeout) decides nothing, so the state machine asks another one, and gives it the error that Step
Functions or Lambda reported. That one goes through the same attempt with this error in place of the
function: the same condition, the same delays, the same hooks.
"""

from __future__ import annotations

import builtins
import functools
import json
import math
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple, NoReturn

from dagy.code import Code
from dagy.context import RunContext
from dagy.errors import ProcessDiedError
from dagy.interpreter import Failure
from dagy.interpreter.execution import draw_uniform
from dagy.interpreter.hooks import call_hooks
from dagy.policy import RetryPolicy
from dagy.spec import FlowSpec, TaskRunSpec
from dagy.state import State

SHOWN_CHARACTERS = 1_000
"""Of an error that is retried, in the history of the execution; a Cause takes 32,768."""


class Retry(Exception):  # noqa: N818 - it is no error that anybody sees
    """A failed attempt that is followed by another; the message says when, as JSON."""


# Lambda reports an exception by the name of its class, and no class of a user's has a dot in it.
Retry.__name__ = Retry.__qualname__ = "Dagy.Retry"


def again(attempt: int, delay: float, error: Failure | None) -> str:
    """Return when the attempt after a failed one is due, as JSON.

    Args:
        attempt: number of the one that failed.
        delay: seconds until the next.
        error: why it failed, for people.

    Returns:
        `attempt`, the number of the next; `wait`, whole seconds for a Wait state; `rest`, the
        fraction of a second that is left, for the worker; and `error`.
    """
    wait = math.floor(delay)
    text = "" if error is None else f"{error.type}: {error.message}"[:SHOWN_CHARACTERS]
    return json.dumps(
        {"attempt": attempt + 1, "wait": wait, "rest": round(delay - wait, 6), "error": text}
    )


class Lost(NamedTuple):
    """The error that ended an attempt whose worker is gone."""

    error: BaseException

    def code(self, code: Code) -> Code:
        """Return the code of a task whose function raises this error, and whose start is past."""

        @functools.wraps(code.fn)
        def fail(*_args: Any, **_kwargs: Any) -> NoReturn:
            raise self.error

        hooks = {event: code.hooks[event] for event in ("on_failure",) if event in code.hooks}
        return code._replace(fn=fail, annotated=code.annotated or code.fn, hooks=hooks)


def mourning(spec: FlowSpec, run: TaskRunSpec) -> FlowSpec:
    """Return the flow with a task that runs in this process and is not waited for."""
    task = replace(spec.tasks[run.task_name], isolation=None, timeout_seconds=None, cache=None)
    return replace(spec, tasks={**spec.tasks, run.task_name: task})


def lost_error(name: str, cause: str) -> Lost:
    """Return the error of a worker that died, under the name that it was reported by.

    Args:
        name: as Step Functions reports it: `States.Timeout`, `Lambda.Unknown` and the like.
        cause: likewise.
    """
    message = message_of(cause)
    timed_out = "timeout" in name.lower() or "timedout" in name.lower() or "timed out" in message
    return Lost(_named(name, message, TimeoutError if timed_out else ProcessDiedError))


def message_of(cause: str) -> str:
    """Return the message in a cause, which is JSON where Lambda made it."""
    try:
        return str(json.loads(cause)["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return cause


def remade(name: str, message: str, spec: FlowSpec) -> BaseException:
    """Return an exception of another worker by its class's name, as well as that can be done.

    It is of that class where the class is built in or in a module of the flow, so that
    `isinstance` in a condition says what it says on the laptop.
    """
    paths = [spec.import_path or "", *(task.import_path for task in spec.tasks.values())]
    modules = [sys.modules.get(path.partition(":")[0]) for path in dict.fromkeys(paths)]
    for module in (builtins, *modules):
        found = getattr(module, name, None)
        if isinstance(found, type) and issubclass(found, BaseException):
            return _named(name, message, found)
    return _named(name, message, Exception)


def _named(name: str, message: str, base: type[BaseException]) -> BaseException:
    kind: type[BaseException] = type(name, (base,), {"__str__": lambda _self: message})
    try:
        return kind.__new__(kind, message)  # __init__ may want what nobody has
    except TypeError:  # __new__ as well: of an ExceptionGroup, say
        return _named(name, message, Exception)


def flow_event(
    spec: FlowSpec, code: Code, event: Mapping[str, Any], parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """Tell the flow's hooks of it, and decide what follows when it has failed.

    Args:
        spec: the flow.
        code: its hooks and its policy.
        event: `flow` is running, completed or failed; `attempt` its number; `error` and `cause` as
            Step Functions reports them.
        parameters: the flow's.
    """
    attempt = event["attempt"]
    context = RunContext("flow", spec.name, attempt, spec.retries, dict(parameters))
    match event["flow"]:
        case "running":
            if attempt > 1:
                message = f"attempt {attempt - 1} of {spec.retries + 1} failed"
                call_hooks(code.hooks.get("on_retry", ()), context, State("PENDING", message))
            call_hooks(code.hooks.get("on_running", ()), context, State("RUNNING"))
            return {}
        case "completed":
            call_hooks(code.hooks.get("on_completion", ()), context, State("SUCCEEDED"))
            return {}
    name, cause = event["error"], event.get("cause", "")
    message = message_of(cause)
    policy: RetryPolicy = code.policy(spec)
    decision = policy.decide(attempt, remade(name, message, spec), draw_uniform)
    if decision.retry:
        due = json.loads(again(attempt, decision.delay, Failure(name, message)))
        time.sleep(due["rest"])  # a Wait waits whole seconds, and the flow begins without a worker
        return {"again": True, **due, "rest": 0}
    state = State("FAILED", f"{name}: {message}")
    call_hooks(code.hooks.get("on_failure", ()), context, state)
    return {"again": False, "error": name, "cause": cause}
