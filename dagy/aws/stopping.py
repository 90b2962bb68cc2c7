"""Stopping a run on AWS, with all that it has started."""

from __future__ import annotations

from typing import Final

from dagy.aws.executions import Execution, nested
from dagy.aws.following import ended
from dagy.aws.refusals import explained
from dagy.errors import RemoteError

CAUSE: Final = "stopped by `dagy runs cancel`"


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
    client = execution.flow.target.client("stepfunctions")
    with explained(f"stopping run {execution.run_id}"):
        # The outermost first, so that it starts nothing more. Stopping it stops the executions that
        # it waits for (developer guide, "Start workflow executions from a task state"), and the
        # items of its maps; a nested one that it has just let go of is stopped below.
        client.stop_execution(executionArn=execution.arn, error="Dagy.Cancelled", cause=CAUSE)
        for inner in nested(execution):
            if not inner.has_ended:
                client.stop_execution(executionArn=inner.arn, error="Dagy.Cancelled", cause=CAUSE)
    return ended(execution.again())
