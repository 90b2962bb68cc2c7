"""validate: refuse what is malformed, before anything is planned."""

from __future__ import annotations

import math
import re
import warnings
from dataclasses import dataclass
from typing import Any

from dagy.code import is_callable_mark
from dagy.errors import CompileError, SpecError
from dagy.spec import TaskSpec
from dagy_compiler.modes import check_mode
from dagy_compiler.plan import Plan
from dagy_compiler.service_states import check_service

_ID = re.compile(r"\w[\w.-]*")


@dataclass(frozen=True)
class Validate:
    """Check the mode, the ids and the policies of a flow.

    Before: the spec is well-formed, as `FlowSpec.from_json` and the tracer make sure. After: the
    mode exists; ids are safe inside expressions, names and paths; every policy is one that the
    later passes know.
    """

    def __call__(self, plan: Plan) -> Plan:
        """Return the plan as it is.

        Raises:
            CompileError: there is no such mode, a service does not take its arguments, or an id
                means something to CloudFormation.
            SpecError: an id or a retry policy is malformed.
        """
        check_mode(plan.mode)
        for index, run in enumerate(plan.spec.task_runs):
            if not _ID.fullmatch(run.id):
                raise SpecError(
                    f"task_runs[{index}].id",
                    f"{run.id!r} must be made of letters, digits, '_', '.' and '-', and not start "
                    "with '.' or '-'",
                )
            if run.id == "Ref":
                # As a key of a definition it would be CloudFormation's function of this name.
                raise CompileError(
                    f"task {run.task_name!r}: no call of a task can be called 'Ref', which "
                    "CloudFormation evaluates; give the task another name"
                )
        for name, task in plan.spec.tasks.items():
            _check_retries(name, task)
        for run in plan.spec.task_runs:
            not_checked = check_service(plan.task_of(run.id), run)
            if not_checked is not None:
                warnings.warn(not_checked, stacklevel=2)
        return plan


def _check_retries(name: str, task: TaskSpec) -> None:
    if task.retries < 0:
        raise SpecError(f"tasks[{name!r}].retries", f"must be at least 0, not {task.retries}")
    delays = task.retry_delay_seconds
    if delays is None:
        return
    if is_callable_mark(delays):
        return
    for delay in delays if isinstance(delays, (list, tuple)) else [delays]:
        if not _is_seconds(delay):
            raise SpecError(
                f"tasks[{name!r}].retry_delay_seconds",
                f"must be a number of at least 0 or a list of them, not {delays!r}",
            )


def _is_seconds(value: Any) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and math.isfinite(value) and value >= 0
