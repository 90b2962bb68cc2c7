"""Events of executions in which things go wrong: attempts that fail, calls that AWS throttles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from dagy_compiler import limits
from dagy_compiler.asl import Map, Parallel, State, StateMachine, Task
from dagy_compiler.events import Retries, events_of_task, history_events
from dagy_compiler.owners import owners
from dagy_compiler.plan import Plan
from dagy_compiler.program import Guard


def events_of(plan: Plan, machine: StateMachine, *retries: Retries) -> int:
    """Return the events of an execution of a machine at most, with those that retries add.

    Where retries are said, those of the flow as a whole are counted too.

    Args:
        plan: after `emit`.
        machine: one of the plan's.
        retries: what they add, as `of_attempts` and `of_throttling` say.
    """

    def added(name: str, task: Task) -> int:
        return sum(each(name, task) for each in retries)

    once = history_events(machine.states, machine.start_at, added)
    again = flow_retries(plan) if retries and machine is plan.machine else 0
    # Between two attempts of the flow a worker decides, a Choice and a Wait follow.
    between = limits.EVENTS_OF_LAMBDA_TASK + 2 * limits.EVENTS_OF_OTHER_STATE
    return limits.EVENTS_OF_EXECUTION + once + again * (once + between)


def flow_retries(plan: Plan) -> int:
    """Return how often the machine runs the whole flow again; in nano the worker does."""
    assert plan.program is not None
    guarded = any(isinstance(step, Guard) for step in plan.program.body.steps)
    return plan.spec.retries if guarded else 0


def events_of_units(plan: Plan, machine: StateMachine) -> Counter[int]:
    """Return the events of each unit in one attempt of the flow, if it uses all its attempts.

    Args:
        plan: after `emit`.
        machine: one of the plan's.
    """
    unit_of, added = owners(plan), of_attempts(plan)
    found: Counter[int] = Counter()

    def visit(states: Mapping[str, State], times: int) -> None:
        for name, state in states.items():
            match state:
                case Task() if name in unit_of:
                    found[unit_of[name]] += times * (events_of_task(state) + added(name, state))
                case Parallel(branches=branches):
                    for branch in branches:
                        visit(branch.states, times)
                case Map(item_processor=each) if each.processor_config.mode != "DISTRIBUTED":
                    visit(each.states, times * (state.known_items or limits.INLINE_ITEMS))

    visit(machine.states, 1)
    return found


def of_attempts(plan: Plan) -> Retries:
    """Return what the retries of the task runs add."""
    assert plan.attempts is not None
    attempts, unit_of = plan.attempts, owners(plan)

    def added(name: str, state: Task) -> int:
        if name not in unit_of or not _is_attempt(state):
            return 0
        policy = attempts[unit_of[name]]
        # Where an item may fail for good, one more call stores why.
        noted = limits.EVENTS_OF_LAMBDA_TASK * _may_fail(plan, unit_of[name])
        if policy.backoff is not None:
            return policy.retries * _events_again(state) + noted
        # A state that is left and another that is entered: for one whose worker is lost a call that
        # asks what follows, a Choice, and a Wait.
        asked = events_of_task(state) + limits.EVENTS_OF_OTHER_STATE if policy.decided else 0
        each = events_of_task(state) + limits.EVENTS_OF_OTHER_STATE + asked
        return policy.retries * each + noted

    return added


def _may_fail(plan: Plan, unit: int) -> bool:
    """Tell whether a unit is a map that tolerates failures of items."""
    assert plan.units is not None
    task_runs = plan.units[unit].task_runs
    tolerant = bool(task_runs) and bool(plan.task_of(task_runs[0]).tolerated_failures)
    return tolerant and len(task_runs) == 1 and plan.runs[task_runs[0]].map_over is not None


def _is_attempt(state: Task) -> bool:
    """Tell whether a state makes attempts, and does not just ask the worker something."""
    payload = state.arguments.get("Payload")
    if not isinstance(payload, dict) or "dagy" not in payload:
        return True
    return not payload.keys() & {"count", "failed", "surface", "raise", "call"}


def _events_again(state: Task) -> int:
    """Return the events of a retry in the same state, which is entered and left once."""
    return events_of_task(state) - limits.EVENTS_OF_OTHER_STATE


def of_throttling(_name: str, state: Task) -> int:
    """Return what the first retrier of a state adds, which is for AWS's own trouble."""
    first = state.retry[0] if state.retry else None
    return 0 if first is None else (first.max_attempts or 0) * _events_again(state)
