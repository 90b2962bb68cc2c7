"""emit: spell the program in Amazon States Language."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from dagy_compiler import states
from dagy_compiler.asl import Branch, Parallel, Pass, State, StateMachine
from dagy_compiler.limits import STATE_NAME_CHARACTERS
from dagy_compiler.names import UniqueNames, neutral, state_name
from dagy_compiler.plan import Plan
from dagy_compiler.program import Call, Fork, Program, Sequence, Source, Values
from dagy_compiler.states import NO_OUTPUT, OUTPUT, Ending, expression

NAMED_TASK_RUNS = 12
"""Task runs that the comment of a state for a whole flow mentions."""

NAMED_BRANCHES = 3
"""Branches that the name of a Parallel mentions."""


@dataclass(frozen=True)
class Emit:
    """Write the state machine: a Task for each segment of a call, a Parallel for each fork.

    Before: there are segments and a program. After: `machine` is a definition in which names are
    legal and unique, and which depends on nothing but the plan.
    """

    def __call__(self, plan: Plan) -> Plan:
        """Return the plan with `machine`."""
        assert plan.program is not None
        emitter = _Emitter(plan)
        returned = _returned(plan.program)
        body = emitter.scope(plan.program.body, returned)
        comment = f"Dagy flow {plan.spec.name}, version {plan.spec.version}, mode {plan.mode}"
        machine = StateMachine(
            comment=neutral(comment),
            query_language="JSONata",
            start_at=body.start_at,
            states=body.states,
        )
        return replace(plan, machine=machine)


class _Emitter:
    """Emits one machine, and hands out its names."""

    def __init__(self, plan: Plan) -> None:
        assert plan.units is not None
        assert plan.segments is not None
        self._plan = plan
        self._units = plan.units
        self._segments = plan.segments
        self._names = UniqueNames("-", STATE_NAME_CHARACTERS)
        # Task runs come first, so that no other state can take a name away from one of them.
        self._unit_names = self._names.claim_all(state_name(unit.name) for unit in plan.units)
        self._first = True

    def scope(self, sequence: Sequence, output: Any) -> Branch:
        """Return the states of a machine or branch, the last of which puts out `output`."""
        heads = [self._head(step) for step in sequence.steps]
        found: dict[str, State] = {}
        for position, (step, name) in enumerate(zip(sequence.steps, heads, strict=True)):
            if position + 1 < len(heads):
                ending = Ending(heads[position + 1], NO_OUTPUT, _expressions(step.assigns))
            else:
                ending = Ending(None, output)
            found |= self._states(step, name, ending)
        return Branch(start_at=heads[0], states=found)

    def _head(self, step: Call | Fork) -> str:
        if isinstance(step, Fork):
            return self._names.claim(state_name(self._fork_name(step)))
        if step.unit is None:
            return self._names.claim("return")
        return self._unit_names[step.unit]

    def _fork_name(self, fork: Fork) -> str:
        firsts = [self._first_call(branch) for branch in fork.branches[:NAMED_BRANCHES]]
        # Long ids are cut so that the number of further branches is always seen.
        named = [first if len(first) <= 20 else f"{first[:19]}…" for first in firsts]
        more = len(fork.branches) - NAMED_BRANCHES
        return "fork: " + ", ".join(named) + (f", +{more}" if more > 0 else "")

    def _first_call(self, sequence: Sequence) -> str:
        step = sequence.steps[0]
        while isinstance(step, Fork):
            step = step.branches[0].steps[0]
        assert step.unit is not None
        return self._unit_names[step.unit]

    def _states(self, step: Call | Fork, name: str, ending: Ending) -> dict[str, State]:
        first, self._first = self._first, False
        if isinstance(step, Fork):
            return self._fork(step, name, ending, first=first)
        if step.unit is None:
            content = self._payload(step, {"return": True})
            return {name: states.worker_task(content, ending, comment="The flow's return value")}
        if self._units[step.unit].whole_flow:
            content = self._payload(step, {})
            ids = list(self._plan.runs)
            more = f" and {len(ids) - NAMED_TASK_RUNS} more" if len(ids) > NAMED_TASK_RUNS else ""
            named = ", ".join(ids[:NAMED_TASK_RUNS]) or "no tasks"
            comment = neutral(f"The whole flow: {named}{more}")
            return {name: states.worker_task(content, ending, comment=comment)}
        task_runs = self._units[step.unit].task_runs
        return states.attempts(
            name,
            self._segments[step.unit],
            self._payload(step, {"tasks": list(task_runs), "attempt": 1}),
            ending,
            self._comment(task_runs[0]),
            self._names,
        )

    def _fork(self, fork: Fork, name: str, ending: Ending, *, first: bool) -> dict[str, State]:
        """Return a Parallel, and the Pass that hands on what its branches leave, if they do.

        A Parallel may assign and put out by itself, but not every engine that people test with does
        it (ministack 1.5 does not). A Pass means the same on all of them, for one transition more.
        """
        branches = tuple(
            self.scope(branch, _expressions(branch.yields)) for branch in fork.branches
        )
        # Only the machine's first state has an input, the execution's; nobody reads it there.
        arguments = NO_OUTPUT if first else None
        if not ending.assign and ending.output == NO_OUTPUT:
            return {name: Parallel(branches=branches, arguments=arguments, **ending.fields())}
        join = self._names.claim(state_name(name.replace("fork", "join", 1)))
        return {
            name: Parallel(branches=branches, arguments=arguments, next=join),
            join: Pass(**ending.fields()),
        }

    def _payload(self, call: Call, what: dict[str, Any]) -> dict[str, Any]:
        return states.payload(results=call.results, parameters=call.parameters, **what)

    def _comment(self, task_run_id: str) -> str:
        run = self._plan.runs[task_run_id]
        return neutral(run.task_name + (f" ({run.source})" if run.source else ""))


def _expressions(values: Values) -> dict[str, str]:
    return {name: expression(_jsonata(source)) for name, source in values}


def _jsonata(source: Source) -> str:
    if source.variable is not None:
        return f"${source.variable}"
    if source.branch is not None:
        return f"$states.input[{source.branch}].{source.key}"  # in the Pass after the Parallel
    return OUTPUT


def _returned(program: Program) -> str:
    """Return the execution's output: the one place where a value's text is opened by JSONata."""
    if program.returns is None:
        return expression("null")
    return expression(f"$parse({_jsonata(program.returns)})")
