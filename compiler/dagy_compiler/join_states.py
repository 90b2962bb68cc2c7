"""The states of joins across branches: one before what waits, one after what is waited for.

What waits parks a task token, by a call of the worker, and costs nothing until it is sent; what
others wait for stores its outputs and says that it has ended, by a call of the worker too. Which of
the two comes last, that call sends the token (`dagy.worker.meeting`).

Whoever is told has succeeded: that is a state of its own, after all its attempts. As part of an
attempt it would be told of one whose worker dies before it can answer, and that is made again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dagy_compiler.asl import Retrier, Task
from dagy_compiler.jsonata import expression
from dagy_compiler.states import (
    INFRASTRUCTURE_RETRIER,
    PROTOCOL,
    WORKER_ARN,
    Ending,
    asking,
)

RESOURCE: Final = "arn:aws:states:::lambda:invoke.waitForTaskToken"

LOOK_SECONDS: Final = 3_600
"""After so long a state that waits registers anew, and would see that all is there. Nothing needs
that: it is there so that what nobody has foreseen costs an hour, and not the flow."""

LOOKS: Final = 29 * 24
"""How often it does. What is stored is kept for 30 days."""

# The call of the worker failed: DynamoDB was not to be had, or the worker is gone. It can be made
# again at any time.
_RETRIER: Final = Retrier(
    error_equals=("States.TaskFailed",),
    interval_seconds=1,
    max_attempts=6,
    backoff_rate=2,
    jitter_strategy="FULL",
)
_LOOK_RETRIER: Final = Retrier(
    error_equals=("States.Timeout",), interval_seconds=1, max_attempts=LOOKS, backoff_rate=1
)


def await_state(
    task_run_id: str, others: int, around: Mapping[str, Any], ending: Ending, comment: str
) -> Task:
    """Return the state that waits until others have told that they have ended.

    Args:
        task_run_id: of what waits.
        others: for how many it waits.
        around: the execution, as fields of the call.
        ending: how it hands over.
        comment: for people.
    """
    asked = {
        "task": task_run_id,
        "others": others,
        "token": expression("$states.context.Task.Token"),
        # Evaluated again at each retry, which has a token of its own; so is this.
        "since": expression("$millis()"),
    }
    return Task(
        comment=comment,
        resource=RESOURCE,
        arguments={
            "FunctionName": WORKER_ARN,
            "Payload": {"dagy": PROTOCOL, "await": asked, **around},
        },
        timeout_seconds=LOOK_SECONDS,
        retry=(INFRASTRUCTURE_RETRIER, _LOOK_RETRIER, _RETRIER),
        **ending.fields(),
    )


def tell_state(
    task_run_id: str,
    joins: Mapping[str, int],
    sent: Mapping[str, Any],
    around: Mapping[str, Any],
    ending: Ending,
    comment: str,
) -> Task:
    """Return the state that stores what something has made, and tells those that wait for it.

    Args:
        task_run_id: of that.
        joins: for how many each of those waits, by its id.
        sent: what has been made, as fields of the call.
        around: the execution, likewise.
        ending: how it hands over.
        comment: for people.
    """
    told = {"tell": {"task": task_run_id, "joins": dict(joins)}, **sent, **around}
    task = asking(told, ending, comment=comment)
    return task.model_copy(update={"retry": (*(task.retry or ()), _RETRIER)})
