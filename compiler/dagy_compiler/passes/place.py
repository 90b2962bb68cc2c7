"""place: say where each task run is executed."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dagy_compiler.modes import LAMBDA, STEP_FUNCTIONS, check_executor
from dagy_compiler.plan import Plan


@dataclass(frozen=True)
class Place:
    """Give every task run its executor: the call's own, else the task's, else the mode's.

    Before: the mode is built. After: `placements` has every task run, each with an executor that is
    built and fits the mode.
    """

    def __call__(self, plan: Plan) -> Plan:
        """Return the plan with `placements`.

        Raises:
            CompileError: there is no such executor.
            NotBuiltError: this version does not run it, or not in this mode.
        """
        placements = {}
        for run in plan.spec.task_runs:
            asked = run.executor or plan.task_of(run.id).default_executor
            if plan.task_of(run.id).service is not None:
                placements[run.id] = STEP_FUNCTIONS
                continue
            if asked is not None:
                source = run.source or plan.task_of(run.id).source
                where = f"task {run.task_name!r}" + (f" ({source})" if source else "")
                check_executor(asked, plan.mode, where)
            placements[run.id] = LAMBDA
        return replace(plan, placements=placements)
