"""The execution modes, and the checks of what a flow asks of them."""

from __future__ import annotations

from dagy.errors import CompileError, NotBuiltError
from dagy.options import EXECUTORS, nearest

NANO = "nano"
MICRO = "micro"
FARGATE_MODES = ("small", "medium", "large", "xlarge")
MODES = (NANO, MICRO, *FARGATE_MODES)

LAMBDA = "lambda"
STEP_FUNCTIONS = "step-functions"


def check_mode(mode: str) -> None:
    """Refuse a mode that does not exist or is not built.

    Raises:
        CompileError: there is no such mode; names the nearest.
        NotBuiltError: it runs on Fargate.
    """
    if mode not in MODES:
        raise CompileError(
            f"there is no execution mode {mode!r}{nearest(mode, MODES)}; "
            f"the modes are {', '.join(MODES)}"
        )
    if mode in FARGATE_MODES:
        raise NotBuiltError(
            f"execution mode {mode!r} runs tasks on Fargate, which this version of Dagy does not do"
            f" yet; use --execution-mode {NANO} (the whole flow in one Lambda invocation) or"
            f" {MICRO} (an invocation for each task)"
        )


def check_executor(executor: str, mode: str, where: str) -> None:
    """Refuse an executor that does not exist, is not built, or does not fit the mode.

    Args:
        executor: as the task or the call asks.
        mode: as checked by `check_mode`.
        where: names the task run, for messages.

    Raises:
        CompileError: there is no such executor.
        NotBuiltError: this version does not run it, or not in this mode.
    """
    if executor not in EXECUTORS:
        raise CompileError(
            f"{where}: there is no executor {executor!r}{nearest(executor, EXECUTORS)}; "
            f"the executors are {', '.join(EXECUTORS)}"
        )
    if executor == STEP_FUNCTIONS:
        raise CompileError(
            f"{where}: executor {executor!r} is for what Step Functions does itself, and it runs no"
            " Python; use aws_task, sleep or approval, or leave the executor out"
        )
    if executor != LAMBDA:
        raise NotBuiltError(
            f"{where}: executor {executor!r} is not built in this version of Dagy; leave it out, or"
            f" use executor={LAMBDA!r} with --execution-mode {MICRO}"
        )
    if mode == NANO:
        raise NotBuiltError(
            f"{where}: executor {executor!r} gives a task a Lambda invocation of its own, and "
            f"execution mode {NANO!r} has one for the whole flow; use --execution-mode {MICRO}, or "
            "leave the executor out"
        )
