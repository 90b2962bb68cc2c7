"""Tasks whose work Step Functions does itself, with no worker: service calls, waits, approvals.

Called inside a flow, each is a task of the graph like any other. Called outside of one it is done
at once, as a plain function.
"""

from __future__ import annotations

from dagy.services.calls import TASK_TOKEN, approval, aws_task, sleep, sleep_until

__all__ = ["TASK_TOKEN", "approval", "aws_task", "sleep", "sleep_until"]
