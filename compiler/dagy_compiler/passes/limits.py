"""limits: refuse what AWS would refuse, or would break off while it runs."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

from dagy.errors import LimitError
from dagy_compiler import limits
from dagy_compiler.asl import StateMachine
from dagy_compiler.events import history_events
from dagy_compiler.plan import Plan
from dagy_compiler.worst_case import events_of, events_of_units, flow_retries, of_attempts

_SUBSTITUTION = re.compile(r"\$\{\w+\}")


@dataclass(frozen=True)
class Limits:
    """Compare the definition with the hard limits of Step Functions.

    Before: there is a machine, and perhaps parts of it. After: their definitions can be deployed,
    and executions in which nothing is retried end within the history that AWS keeps. Where those in
    which every task uses all its attempts might not, that is warned of.
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
        retried = of_attempts(plan)
        for name, machine in ((None, plan.machine), *plan.parts.items()):
            whose = flow if name is None else f"{flow}, part {name!r}"
            self._check(machine, whose)
            worst = events_of(plan, machine, retried)
            if worst > self.history_events:
                self._warn(plan, machine, whose, worst)
        return plan

    def _warn(self, plan: Plan, machine: StateMachine, whose: str, worst: int) -> None:
        """Warn of a history that retries may make too long, and say whose most of it is."""
        assert plan.units is not None
        [(unit, events)] = events_of_units(plan, machine).most_common(1)
        whole = ", or the flow fewer" if flow_retries(plan) and machine is plan.machine else ""
        warnings.warn(
            f"{whose}: if every task uses all its attempts, an execution writes {worst:,} events "
            f"to its history, and Step Functions ends it after {self.history_events:,}; "
            f"{plan.units[unit].name} alone writes {events:,}: give it fewer retries{whole}, or "
            "use --execution-mode nano, where the worker makes all attempts",
            stacklevel=2,
        )

    def _check(self, machine: StateMachine, flow: str) -> None:
        way_out = (
            "use --execution-mode nano (the whole flow in one Lambda invocation), or split the flow"
        )
        events = limits.EVENTS_OF_EXECUTION + history_events(machine.states, machine.start_at)
        if events > self.history_events:
            raise LimitError(
                f"{flow}: an execution in which nothing is retried writes {events:,} events to its "
                f"history, and Step Functions ends it after {self.history_events:,}; {way_out}"
            )
        size = definition_bytes(machine.to_json())
        if size > self.definition_bytes:
            raise LimitError(
                f"{flow}: its definition takes {size:,} bytes, and Step Functions accepts "
                f"{self.definition_bytes:,}; {way_out}"
            )


def definition_bytes(definition: Mapping[str, object]) -> int:
    """Return the size of a definition in bytes, with the longest ARNs that may be put into it."""
    return deployed_bytes(json.dumps(definition, ensure_ascii=False, separators=(",", ":")))


def deployed_bytes(text: str) -> int:
    """Return the size of a definition's text in bytes, with the longest ARNs put into it."""
    return len(_SUBSTITUTION.sub("x" * limits.FUNCTION_ARN_CHARACTERS, text).encode())
