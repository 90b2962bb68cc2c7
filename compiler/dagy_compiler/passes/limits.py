"""limits: refuse what AWS would refuse, or would break off while it runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from dagy.errors import LimitError
from dagy_compiler import limits
from dagy_compiler.asl import Fail, Parallel, State, Succeed, Task
from dagy_compiler.plan import Plan
from dagy_compiler.states import WORKER_ARN


@dataclass(frozen=True)
class Limits:
    """Compare the definition with the hard limits of Step Functions.

    Before: there is a machine. After: its definition can be deployed, and an execution in which
    nothing is retried ends within the history that AWS keeps.
    """

    definition_bytes: int = limits.DEFINITION_BYTES
    history_events: int = limits.HISTORY_EVENTS

    def __call__(self, plan: Plan) -> Plan:
        """Return the plan as it is.

        Raises:
            LimitError: names the number, the limit and the way out.
        """
        assert plan.machine is not None
        flow = f"flow {plan.spec.name!r}"
        way_out = (
            "use --execution-mode nano (the whole flow in one Lambda invocation), or split the flow"
        )
        events = limits.EVENTS_OF_EXECUTION + history_events(
            plan.machine.states, plan.machine.start_at
        )
        if events > self.history_events:
            raise LimitError(
                f"{flow}: an execution in which nothing is retried writes {events:,} events to its "
                f"history, and Step Functions ends it after {self.history_events:,}; {way_out}"
            )
        size = definition_bytes(plan.machine.to_json())
        if size > self.definition_bytes:
            raise LimitError(
                f"{flow}: its definition takes {size:,} bytes, and Step Functions accepts "
                f"{self.definition_bytes:,}; {way_out}"
            )
        return plan


def definition_bytes(definition: Mapping[str, object]) -> int:
    """Return the size of a definition in bytes, with the longest ARN of the worker that may be."""
    text = json.dumps(definition, ensure_ascii=False, separators=(",", ":"))
    added = limits.FUNCTION_ARN_CHARACTERS - len(WORKER_ARN)
    return len(text.encode()) + text.count(WORKER_ARN) * added


def history_events(states: Mapping[str, State], start_at: str) -> int:
    """Return how many events the states of a scope write if nothing fails.

    Args:
        states: of the machine or of one branch.
        start_at: the first of them.
    """
    total = 0
    name: str | None = start_at
    while name is not None:
        state = states[name]
        if isinstance(state, Task):
            total += limits.EVENTS_OF_LAMBDA_TASK
        elif isinstance(state, Parallel):
            total += limits.EVENTS_OF_PARALLEL
            total += sum(
                history_events(branch.states, branch.start_at) for branch in state.branches
            )
        else:
            total += limits.EVENTS_OF_OTHER_STATE
        name = None if isinstance(state, (Succeed, Fail)) else state.next
    return total
