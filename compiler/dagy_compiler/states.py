"""The states of one call of the worker: payload, retriers, and the path from attempt to attempt.

Payloads follow version 1 of the worker's protocol (`dagy.worker`). No user data is in them, only
ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from dagy_compiler.asl import Catcher, Fail, Retrier, State, Task, Wait
from dagy_compiler.limits import STATE_NAME_CHARACTERS, TASK_TIMEOUT_SECONDS
from dagy_compiler.names import UniqueNames, state_name
from dagy_compiler.plan import Segment

WORKER_ARN: Final = "${WorkerFunctionArn}"
"""What the deployment puts the ARN of the worker's function in place of."""

PARAMETERS: Final = "{% $states.context.Execution.Input %}"

OUTPUT: Final = "$states.result.Payload.output"
"""JSONata for the JSON text that the worker has answered with."""

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

QUERY_ERROR: Final = "States.QueryEvaluationError"

# Up to 2, 4, 8, ... 128 s before the retries: a throttled call is given up after two minutes on
# average, four at most.
INFRASTRUCTURE_RETRIER: Final = Retrier(
    error_equals=INFRASTRUCTURE_ERRORS,
    interval_seconds=2,
    max_attempts=7,
    backoff_rate=2,
    jitter_strategy="FULL",
)


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


def expression(jsonata: str) -> str:
    """Return JSONata as a value that Step Functions evaluates."""
    return f"{{% {jsonata} %}}"


def payload(
    *, results: tuple[tuple[str, str], ...], parameters: bool, **what: Any
) -> dict[str, Any]:
    """Return the payload of a call.

    Args:
        results: ids of earlier task runs, and the variables that hold their outputs.
        parameters: whether the execution's input goes along.
        what: which part of the flow to run.
    """
    content: dict[str, Any] = {"dagy": 1, **what}
    if parameters:
        content["parameters"] = PARAMETERS
    if results:
        content["results"] = {task_run: expression(f"${name}") for task_run, name in results}
    return content


def worker_task(
    content: dict[str, Any],
    ending: Ending,
    *,
    comment: str,
    retry: tuple[Retrier, ...] = (INFRASTRUCTURE_RETRIER,),
    catch: tuple[Catcher, ...] | None = None,
) -> Task:
    """Return a state that calls the worker once, and again only as its retriers say."""
    return Task(
        comment=comment,
        resource="arn:aws:states:::lambda:invoke",
        arguments={"FunctionName": WORKER_ARN, "Payload": content},
        timeout_seconds=TASK_TIMEOUT_SECONDS,
        retry=retry,
        catch=catch,
        **ending.fields(),
    )


def attempts(
    name: str,
    segments: tuple[Segment, ...],
    content: Mapping[str, Any],
    ending: Ending,
    comment: str,
    names: UniqueNames,
) -> dict[str, State]:
    """Return the states of a task run with all its attempts.

    Each segment catches the failure of its attempt and goes on to the next, past a Wait if there is
    a delay. The last segment catches nothing: its failure ends the execution under its own name and
    cause, and a redrive begins there.

    A catcher must not take what is no attempt's failure for one: that Lambda throttled us until the
    infrastructure retrier gave up, or that an expression of ours is wrong. These cannot be left out
    by naming the others: user errors have any name, and `States.TaskFailed` matches Lambda's too.
    So the first catcher takes them, and leads to a Fail that repeats them as they were.

    Args:
        name: of the first state.
        segments: at least one.
        content: the payload without the number of the attempt.
        ending: how every segment hands over on success.
        comment: for people.
        names: gives the further states their names.
    """

    def claim(what: str) -> str:
        return names.claim(state_name(f"{name[: STATE_NAME_CHARACTERS - 32]} ({what})"))

    states: dict[str, State] = {}
    failed = claim("not retried") if len(segments) > 1 else ""
    current = name
    for position, segment in enumerate(segments):
        following = segments[position + 1] if position + 1 < len(segments) else None
        catch, after, wait = None, "", ""
        if following is not None:
            after = claim(f"attempt {following.first_attempt}")
            wait = (
                claim(f"wait for attempt {following.first_attempt}")
                if following.wait_seconds
                else ""
            )
            catch = (
                Catcher(error_equals=(*INFRASTRUCTURE_ERRORS, QUERY_ERROR), next=failed),
                Catcher(error_equals=("States.ALL",), output=NO_OUTPUT, next=wait or after),
            )
        states[current] = worker_task(
            {**content, "attempt": _attempt(segment)},
            ending,
            comment=comment,
            retry=_retriers(segment),
            catch=catch,
        )
        if following is not None and wait:
            states[wait] = Wait(seconds=following.wait_seconds, output=NO_OUTPUT, next=after)
        current = after
    if failed:
        states[failed] = Fail(
            comment="Not a failed attempt: Lambda or the definition failed",
            error=expression("$states.input.Error"),
            cause=expression("$states.input.Cause"),
        )
    return states


def _attempt(segment: Segment) -> int | str:
    """Return the number of the attempt under way.

    Arguments are evaluated again at each retry, with `State.RetryCount` counting from 0. It counts
    retries for Lambda's own trouble too, so after one of these the number is one higher; how many
    attempts are made does not depend on it.
    """
    if segment.backoff is None:
        return segment.first_attempt
    return expression(f"$states.context.State.RetryCount + {segment.first_attempt}")


def _retriers(segment: Segment) -> tuple[Retrier, ...]:
    """Return the retriers: Lambda's own trouble first, which never uses up the user's attempts.

    An error that an expression of ours raises is not the user's to retry, so it has a retrier of no
    attempts before the one that matches everything.
    """
    if segment.backoff is None:
        return (INFRASTRUCTURE_RETRIER,)
    return (
        INFRASTRUCTURE_RETRIER,
        Retrier(error_equals=(QUERY_ERROR,), max_attempts=0),
        Retrier(
            error_equals=("States.ALL",),
            interval_seconds=segment.backoff.interval_seconds,
            max_attempts=segment.backoff.retries,
            backoff_rate=segment.backoff.rate,
        ),
    )
