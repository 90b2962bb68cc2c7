"""validate: refuse what this compiler does not build, before anything is planned."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dagy.errors import NotBuiltError, SpecError
from dagy.spec import TaskSpec
from dagy_compiler.modes import check_mode
from dagy_compiler.plan import Plan

_ID = re.compile(r"\w[\w.-]*")

_NOT_BUILT = ("timeout_seconds", "concurrency_limit", "retry_jitter_factor")


@dataclass(frozen=True)
class Validate:
    """Check the mode, the ids and the policies of a flow.

    Before: the spec is well-formed, as `FlowSpec.from_json` and the tracer make sure. After: the
    mode is built; ids are safe inside expressions, names and paths; every policy is one that the
    later passes know.
    """

    def __call__(self, plan: Plan) -> Plan:
        """Return the plan as it is.

        Raises:
            CompileError: there is no such mode.
            NotBuiltError: something is asked for that this version does not do; names all of it.
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
        problems: list[str] = []
        for name, task in plan.spec.tasks.items():
            _check_retries(name, task)
            problems += _not_built(name, task)
        if problems:
            raise NotBuiltError("\n".join(problems))
        return plan


def _check_retries(name: str, task: TaskSpec) -> None:
    if task.retries < 0:
        raise SpecError(f"tasks[{name!r}].retries", f"must be at least 0, not {task.retries}")
    delays = task.retry_delay_seconds
    if delays is None:
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


def _not_built(name: str, task: TaskSpec) -> Iterator[str]:
    for option in _NOT_BUILT:
        if getattr(task, option) is not None:
            where = f" ({task.source})" if task.source else ""
            yield (
                f"task {name!r}{where}: {option} is not built in this version of Dagy; "
                "leave it out of the decorator"
            )
