"""Which functions and task definitions read parameters of the flow that are secrets.

An execution is told where a secret is kept, and a worker reads it there. Only the role of a place
whose units read one may do that. The worker's side is `dagy.worker.invocation`, which reads the
secrets that the call at hand needs, and no others.
"""

from __future__ import annotations

from dagy.mapping import known_length
from dagy.spec.reading import parameters_in, parameters_read, secret_names
from dagy_compiler.placement import FUNCTION
from dagy_compiler.plan import Plan, Unit


def secret_readers(plan: Plan) -> frozenset[str]:
    """Return the logical ids of the places that read secrets.

    Args:
        plan: after `fuse`.
    """
    assert plan.units is not None
    secret = secret_names(plan.spec)
    if not secret:
        return frozenset()
    found = {unit.placement for unit in plan.units if _reads(plan, unit, secret)}
    return frozenset(found | {FUNCTION} if _is_asked(plan, secret) else found)


def _reads(plan: Plan, unit: Unit, secret: frozenset[str]) -> bool:
    runs = (plan.runs[name] for name in unit.task_runs)
    return unit.whole_flow or not secret.isdisjoint(parameters_read(runs))


def _is_asked(plan: Plan, secret: frozenset[str]) -> bool:
    """Tell whether the function that is asked between tasks is asked about a secret.

    It makes the return value, says whether a value is true and how many items a map has, and calls
    the flow's own hooks, which are told all parameters.
    """
    assert plan.units is not None
    if any(unit.whole_flow for unit in plan.units):
        return False
    if plan.spec.hooks or plan.spec.retries:
        return True
    mapped = [run for run in plan.spec.task_runs if run.map_over is not None]
    counted = [run for run in mapped if known_length(run) is None]
    asked = [plan.spec.outputs, [run.when for run in plan.spec.task_runs]]
    return not secret.isdisjoint(parameters_in(asked) | parameters_read(counted))
