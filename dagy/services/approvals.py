"""Approvals in a local run: a question at the terminal."""

from __future__ import annotations

import sys
from typing import Any

from dagy.errors import NotLocalError, service_error

REJECTED = "ApprovalRejected"
"""The error of an approval that is answered with no, here and by convention on AWS."""


def ask(task_name: str, *, message: Any, **channel: Any) -> dict[str, bool]:
    """Ask for an approval at the terminal.

    Args:
        task_name: of the approval, for messages.
        message: what is to be approved.
        channel: where it would be asked on AWS; not used here.

    Raises:
        ServiceError: the answer is no; named `ApprovalRejected`.
        NotLocalError: there is no terminal.
    """
    del channel
    if sys.stdin is None or not sys.stdin.isatty():
        raise NotLocalError(
            f"approval {task_name!r} ({message!r}) has nobody to ask: standard input is not a "
            "terminal. Run the flow at one, or in a test give it a stand-in: "
            f"run_in_memory(flow, replace={{{task_name!r}: lambda message: {{'approved': True}}}})"
        )
    print(f"{message}\nApprove? [y/N]", flush=True)  # noqa: T201 - it is shown where tasks print
    if sys.stdin.readline().strip().lower() in ("y", "yes"):
        return {"approved": True}
    raise service_error(REJECTED, "answered no at the terminal")
