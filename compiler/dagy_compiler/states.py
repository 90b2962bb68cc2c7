"""The state of one call of the worker: its payload, its retriers, and how it ends an execution.

Payloads follow version 2 of the worker's protocol (`dagy.worker`). No user data is in them, only
ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from dagy_compiler.asl import Catcher, Retrier, State, Task
from dagy_compiler.container_states import RUN_TASK
from dagy_compiler.jsonata import expression
from dagy_compiler.limits import TASK_TIMEOUT_SECONDS
from dagy_compiler.placement import FUNCTION

WORKER_ARN: Final = "${WorkerFunctionArn}"
"""What the deployment puts the ARN of the worker's function in place of. What is asked for between
tasks is asked of this one, in every mode."""

PROTOCOL: Final = 2

OUTPUT: Final = "$states.result.Payload.output"
"""JSONata for what the worker hands on."""

TRUTHS: Final = "$states.result.Payload.truths"
"""JSONata for what it tells of values that decide branches, as `t0`, `t1`, ..."""

NO_OUTPUT: Final[dict[str, Any]] = {}
"""The output of a state that nothing reads; a state's default is its whole result."""

# Lambda developer guide, "Handle transient Lambda service exceptions" and the Step Functions
# developer guide, "Handling errors": what Lambda itself may answer, whatever the code does.
INFRASTRUCTURE_ERRORS: Final = (
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
)

# Up to 2, 4, 8, ... 128 s before the retries: a throttled call is given up after two minutes on
# average, four at most.
INFRASTRUCTURE_RETRIER: Final = Retrier(
    error_equals=INFRASTRUCTURE_ERRORS,
    interval_seconds=2,
    max_attempts=7,
    backoff_rate=2,
    jitter_strategy="FULL",
)

RETRY_ERROR: Final = "Dagy.Retry"
"""What the worker raises for a failed attempt that is followed by another."""

# Developer guide, "Handling errors": the worker is gone, and could not report a failure itself.
LOST_ERRORS: Final = (
    "States.Timeout",
    "States.HeartbeatTimeout",
    "Lambda.Unknown",
    "Sandbox.Timedout",
    "Runtime.ExitError",
    "Runtime.OutOfMemory",
)

# A call that runs no task of the user's may be made again when its worker was lost.
LOST_RETRIER: Final = Retrier(
    error_equals=LOST_ERRORS, interval_seconds=1, max_attempts=3, backoff_rate=2
)

_CAUSE: Final = "$states.errorOutput.Cause"

ERROR: Final = {
    "error": expression("$states.errorOutput.Error"),
    "cause": expression(f"$exists({_CAUSE}) ? {_CAUSE} : ''"),
}
"""What is said of an error that is caught."""

REDRIVES: Final = "$sum([$states.context.Execution.RedriveCount])"
"""JSONata for how often the execution was redriven; 0 on an engine whose context does not say.

It is a field of the context object (developer guide, "Accessing execution data from the Context
object", read 2026-11).
"""

REDRIVEN: Final = {"redriven": expression(REDRIVES)}
"""What is said beside an error that ends the execution, unless it is redriven: see `surfacing`."""

TOLD: Final = {field: expression(f"$states.input.{field}") for field in ERROR}
"""An error that is in a state's input, as it passes it on."""

QUERY_ERROR: Final = "States.QueryEvaluationError"

NEVER_RETRIED: Final = Retrier(error_equals=(QUERY_ERROR,), max_attempts=0)
"""An error that an expression of ours raises is not the user's to retry."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a state hands over to what follows it.

    Attributes:
        next: the state that follows; None at the end of the machine or branch.
        output: what it puts out.
        assign: variables, by name, as expressions.
    """

    next: str | None
    output: Any
    assign: dict[str, str] | None = None

    def fields(self) -> dict[str, Any]:
        """Return the fields of the state."""
        end = {"end": True} if self.next is None else {"next": self.next}
        return {"assign": self.assign or None, "output": self.output, **end}


def worker_task(
    content: Mapping[str, Any],
    ending: Ending,
    *,
    comment: str,
    place: str = FUNCTION,
    timeout_seconds: int | None = TASK_TIMEOUT_SECONDS,
    retry: tuple[Retrier, ...] = (INFRASTRUCTURE_RETRIER,),
    catch: tuple[Catcher, ...] | None = None,
) -> Task:
    """Return a state that calls the worker once, and again only as its retriers say."""
    return Task(
        comment=comment,
        resource="arn:aws:states:::lambda:invoke",
        arguments={
            "FunctionName": f"${{{place}Arn}}",
            "Payload": {"dagy": PROTOCOL, **content},
        },
        timeout_seconds=timeout_seconds,
        retry=retry,
        catch=catch,
        **ending.fields(),
    )


def is_worker_call(task: Task) -> bool:
    """Tell whether a state calls the worker, and not a service of the user's."""
    if task.resource == RUN_TASK:
        return str(task.arguments.get("TaskDefinition", "")).startswith("${TaskDefinition")
    return str(task.arguments.get("FunctionName", "")).startswith(f"${{{FUNCTION}")


def asking(
    content: Mapping[str, Any],
    ending: Ending,
    *,
    comment: str,
    catch: tuple[Catcher, ...] | None = None,
) -> Task:
    """Return a state that asks the worker something, and runs no task."""
    retry = (INFRASTRUCTURE_RETRIER, LOST_RETRIER)
    return worker_task(content, ending, comment=comment, retry=retry, catch=catch)


def raised(comment: str, ending: Ending) -> Task:
    """Return the state that ends with an error in its input, under its own name and cause.

    A Fail would do that too, but whoever redrives the execution would only see it fail again.

    Args:
        comment: for people.
        ending: how it hands over when the execution is redriven after that.
    """
    return surfacing({"raise": TOLD}, ending, comment)


def surfacing(content: Mapping[str, Any], ending: Ending, comment: str) -> Task:
    """Return a state that ends with an error which the worker raises.

    A redrive enters it again, with the input that it had, and the worker then raises nothing: more
    redrives have been begun than there were when what came before it failed.

    Args:
        content: what the worker is told of the error.
        ending: how the state hands over when the execution is redriven after that.
        comment: for people.
    """
    redriven, redrives = expression("$states.input.redriven"), expression(REDRIVES)
    # What it raises may be named as what a lost worker leaves, so that is not tried again here.
    return worker_task(
        {**content, "redriven": redriven, "redrives": redrives}, ending, comment=comment
    )


def is_surfacing(state: State) -> bool:
    """Tell whether a state ends with an error unless the execution is redriven."""
    if not isinstance(state, Task) or not is_worker_call(state):
        return False
    return bool(state.arguments.get("Payload", {}).keys() & {"raise", "surface"})
