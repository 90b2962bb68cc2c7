"""What an execution of a lowered flow takes: transitions, events, time, and bytes.

Worked out from the plan, with nothing run. The figures are upper bounds where the way through the
machine is not known: of a branch the dearer side counts, of a map as many items as are said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from dagy_compiler.asl import Map, Parallel, State, Task
from dagy_compiler.durations import expected
from dagy_compiler.events import heaviest
from dagy_compiler.makespan import critical_path, makespan
from dagy_compiler.nested_states import part_id
from dagy_compiler.passes.structure import TREE, Structure
from dagy_compiler.payload import Payload, largest_payload
from dagy_compiler.plan import Plan
from dagy_compiler.tree import EMPTY, joined_in
from dagy_compiler.worst_case import events_of, of_attempts, of_throttling


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one execution takes.

    Attributes:
        task_runs: of the flow; a map is one.
        states: of the definition, and of those nested in it.
        transitions: states that are entered if every task run succeeds first time and every map has
            one item; Step Functions is paid by them.
        transitions_per_item: those that each further item of every map adds.
        history_events: written in that case, with 40 items in a map that is not distributed; here
            and below those of the outermost execution.
        history_events_retried: if every task run uses all its attempts, and each ends the worst way
            there is: its worker is lost.
        history_events_throttled: if besides that AWS throttles every call as often as is retried.
        critical_path_seconds: of the flow's own graph: no order of its task runs takes less.
        makespan_seconds: of the machine, with as many workers as it can use; tasks alone count.
        joins: states that wait across branches, by a task token.
        join_transitions: those of the transitions that are for joins: of what waits, and of what
            tells it.
        makespan_without_joins_seconds: of the best machine without joins.
        known_durations: task runs whose durations are known; the others count as the median of
            these, or as 1 s.
        largest_payload: what may be largest of all that states take in and put out.
    """

    task_runs: int
    states: int
    transitions: int
    transitions_per_item: int
    history_events: int
    history_events_retried: int
    history_events_throttled: int
    critical_path_seconds: float
    makespan_seconds: float
    joins: int
    join_transitions: int
    makespan_without_joins_seconds: float
    known_durations: int
    largest_payload: Payload

    @property
    def transitions_per_task_run(self) -> float:
        """Transitions over task runs; 0 for a flow without any."""
        return self.transitions / self.task_runs if self.task_runs else 0.0

    @property
    def stretch(self) -> float:
        """Makespan of the machine over the critical path of the flow: 1 if nothing is lost."""
        return self.makespan_seconds / self.critical_path_seconds if self.task_runs else 1.0


def estimate(plan: Plan) -> Estimate:
    """Return what an execution takes.

    Args:
        plan: after the last pass.
    """
    assert plan.machine is not None
    one = _transitions(plan, 1)
    seconds = _seconds(plan)
    taken = _makespan(plan, seconds)
    waiting = [node for node in joined_in(plan.tree or EMPTY) if node.waits_for]
    told = [node for node in joined_in(plan.tree or EMPTY) if node.told]
    return Estimate(
        task_runs=len(plan.runs),
        states=sum(_states(machine.states) for machine in plan.machines),
        transitions=one,
        transitions_per_item=_transitions(plan, 2) - one,
        history_events=events_of(plan, plan.machine),
        history_events_retried=events_of(plan, plan.machine, of_attempts(plan)),
        history_events_throttled=events_of(plan, plan.machine, of_attempts(plan), of_throttling),
        critical_path_seconds=_critical_path(plan, seconds, list(plan.runs)),
        makespan_seconds=taken,
        joins=len(waiting),
        join_transitions=len(waiting) + len(told),
        makespan_without_joins_seconds=(
            _makespan(Structure()(replace(plan, joins=TREE)), seconds) if waiting else taken
        ),
        known_durations=len(plan.durations),
        largest_payload=largest_payload(plan),
    )


def _states(states: Mapping[str, State]) -> int:
    count = len(states)
    for state in states.values():
        if isinstance(state, Parallel):
            count += sum(_states(branch.states) for branch in state.branches)
        elif isinstance(state, Map):
            count += _states(state.item_processor.states)
    return count


def _transitions(plan: Plan, items: int) -> int:
    """Return how many states are entered, those of nested machines among them."""
    parts = {f"${{{part_id(name)}Arn}}": part for name, part in plan.parts.items()}

    def weigh(_name: str, state: State) -> int:
        match state:
            case Parallel(branches=branches):
                return 1 + sum(heaviest(each.states, each.start_at, weigh) for each in branches)
            case Map(item_processor=each):
                return 1 + (state.known_items or items) * heaviest(
                    each.states, each.start_at, weigh
                )
            case Task(arguments={"StateMachineArn": str(arn)}) if arn in parts:
                return 1 + heaviest(parts[arn].states, parts[arn].start_at, weigh)
        return 1

    assert plan.machine is not None
    return heaviest(plan.machine.states, plan.machine.start_at, weigh)


def _seconds(plan: Plan) -> dict[str, float]:
    known = [plan.durations.get(task_run_id) for task_run_id in plan.runs]
    return dict(zip(plan.runs, expected(known), strict=True))


def _critical_path(plan: Plan, seconds: Mapping[str, float], task_runs: list[str]) -> float:
    """Return the critical path of some task runs, in the flow's order."""
    position = {task_run_id: index for index, task_run_id in enumerate(task_runs)}
    before = [
        [position[other] for other in plan.runs[name].depends_on if other in position]
        for name in task_runs
    ]
    return critical_path(before, [seconds[name] for name in task_runs])


def _makespan(plan: Plan, seconds: Mapping[str, float]) -> float:
    assert plan.units is not None
    assert plan.tree is not None
    # Within a unit, the interpreter runs at once what may.
    spans = [_critical_path(plan, seconds, list(unit.task_runs)) for unit in plan.units]
    return makespan(plan.tree, spans)
