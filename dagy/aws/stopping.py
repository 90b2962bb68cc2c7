"""Stopping a run on AWS, with all that it has started."""

from __future__ import annotations

import time
from typing import Any, Final

from dagy.aws.executions import Execution, nested
from dagy.aws.following import ended
from dagy.aws.refusals import explained
from dagy.errors import RemoteError

ERROR: Final = "Dagy.Cancelled"
CAUSE: Final = "stopped by `dagy runs cancel`"

_PATIENCE: Final = 60.0
"""Seconds until everything that a run has started should have stopped."""


def cancel(execution: Execution) -> Execution:
    """Stop a run: its execution, those of nested machines and of map items, and its containers.

    A function that runs goes on to its end, and nobody waits for it. A container notices at its
    next heartbeat that nobody waits, and ends (`dagy.container`); so none has to be looked for.

    Returns:
        The execution, which has ended.

    Raises:
        AwsError: AWS refuses.
        RemoteError: the run is over already.
    """
    if execution.has_ended:
        raise RemoteError(
            f"run {execution.run_id} is over already: it is {execution.status.lower()}"
        )
    # The outermost first, so that it starts nothing more. Stopping it stops the executions that it
    # waits for (developer guide, "Start workflow executions from a task state"), and the items of
    # its maps; one that was just about to begin is found below.
    stepfunctions = execution.flow.target.client("stepfunctions")
    stop(stepfunctions, execution.arn, ERROR, CAUSE)
    deadline = time.monotonic() + _PATIENCE
    while still := [each for each in nested(execution) if not each.has_ended]:
        for inner in still:
            stop(stepfunctions, inner.arn, ERROR, CAUSE)
        if time.monotonic() > deadline:
            raise RemoteError(
                f"run {execution.run_id} is stopped, and some of what it started goes on: "
                + ", ".join(each.arn for each in still)
            )
    return ended(execution.again())


def stop(stepfunctions: Any, arn: str, error: str, cause: str) -> None:
    """Stop an execution; one that has ended by itself meanwhile is left as it is.

    Args:
        stepfunctions: boto3's client.
        arn: of the execution.
        error: under which it ends.
        cause: why.

    Raises:
        AwsError: AWS refuses.
    """
    with explained(f"stopping execution {arn.rpartition(':')[2]}"):
        try:
            stepfunctions.stop_execution(executionArn=arn, error=error, cause=cause)
        except stepfunctions.exceptions.ClientError:
            if stepfunctions.describe_execution(executionArn=arn)["status"] == "RUNNING":
                raise
