"""fuse: say which task runs share an invocation of a worker."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dagy.naming import slug
from dagy_compiler.modes import NANO
from dagy_compiler.plan import Plan, Unit


@dataclass(frozen=True)
class Fuse:
    """Group the task runs into units, and lift the edges to them.

    Before: every task run is placed. After: every task run is in exactly one unit; a unit is convex
    in the graph; units come after all those they depend on. In mode nano the whole flow is one
    unit, in micro each task run is; so it is too where Step Functions does some of them itself.
    """

    def __call__(self, plan: Plan) -> Plan:
        """Return the plan with `units`."""
        alone = any(task.service is not None for task in plan.spec.tasks.values())
        if plan.mode == NANO and not alone:
            name = slug(plan.spec.name, fallback="flow")
            return replace(plan, units=(Unit(name, tuple(plan.runs), whole_flow=True),))
        index = {task_run_id: position for position, task_run_id in enumerate(plan.runs)}
        units = tuple(
            Unit(run.id, (run.id,), tuple(sorted({index[other] for other in run.depends_on})))
            for run in plan.spec.task_runs
        )
        return replace(plan, units=units)
