"""emit: spell the program in Amazon States Language."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from dagy.spec import ParameterReference, TaskReference
from dagy_compiler.asl import Branch, Choice, Parallel, Pass, Rule, State, StateMachine, Task
from dagy_compiler.attempt_states import AttemptStates, Calls, native_retrier
from dagy_compiler.guard import GuardStates, is_caught
from dagy_compiler.join_states import await_state, tell_state
from dagy_compiler.jsonata import expression, text
from dagy_compiler.limits import PARAMETERS_BYTES, STATE_NAME_CHARACTERS
from dagy_compiler.map_states import MapStates, items_of
from dagy_compiler.names import UniqueNames, neutral, state_name
from dagy_compiler.nested_states import (
    ANSWER,
    INNER,
    OUTERMOST,
    nested_states,
    opening,
)
from dagy_compiler.parameter_truths import parameter_truth
from dagy_compiler.plan import Plan
from dagy_compiler.program import (
    OWN_OUTPUT,
    Await,
    Call,
    Decide,
    Fork,
    Guard,
    Inputs,
    Join,
    Nested,
    Program,
    Sequence,
    Source,
    Step,
    Tell,
    Values,
    every,
    given_together,
)
from dagy_compiler.rolled_states import RolledStates, siblings
from dagy_compiler.service_attempts import service_states
from dagy_compiler.service_states import (
    NO_OUTPUT_TEXT,
    ServiceCall,
    ServiceWait,
    Variable,
    service_state,
)
from dagy_compiler.service_states import OUTPUT as SERVICE_OUTPUT
from dagy_compiler.states import (
    NO_OUTPUT,
    OUTPUT,
    TRUTHS,
    Ending,
    asking,
)

NAMED_TASK_RUNS = 12
"""Task runs that the comment of a state for a whole flow mentions."""

NAMED_CALLS = 4
"""Calls that the comment of a state for several task runs mentions."""

NAMED_BRANCHES = 3
"""Branches that the name of a Parallel mentions."""


@dataclass(frozen=True)
class Emit:
    """Write the state machine: the states of each call, a Parallel for each fork.

    Before: there are attempts and a program. After: `machine`, and each of `parts`, is a definition
    in which names are legal and unique, and which depends on nothing but the plan.
    """

    def __call__(self, plan: Plan) -> Plan:
        """Return the plan with `machine` and `parts`."""
        assert plan.program is not None
        emitter = _Emitter(plan)
        body = emitter.scope(plan.program.body, emitter.returned(plan.program))
        return replace(plan, machine=_machine(plan, body), parts=emitter.parts)


def states_of_units(plan: Plan) -> dict[int, dict[str, State]]:
    """Return the states that each unit becomes if it is not rolled, by its index."""
    assert plan.program is not None
    emitter = _Emitter(plan, rolling=False)
    emitter.scope(plan.program.body, NO_OUTPUT)
    return emitter.of_units


def _machine(plan: Plan, body: Branch, part: str = "") -> StateMachine:
    comment = f"Dagy flow {plan.spec.name}, version {plan.spec.version}, mode {plan.mode}{part}"
    return StateMachine(
        comment=neutral(comment),
        query_language="JSONata",
        start_at=body.start_at,
        states=body.states,
    )


class _Answer(NamedTuple):
    """JSONata for what a state is answered.

    Attributes:
        value: what it hands on of that, where that is one value.
        fields: the object that has the values, where they are several.
        rolled: whether the branches of a fork are the items of a Map, each of one value.
    """

    value: str
    fields: str = "$states.result.Payload.outputs"
    rolled: bool = False


class _Emitter:
    """Emits the machines of a flow, and hands out their names.

    Attributes:
        parts: nested machines by name, in the order of execution, an inner one first.
        of_units: the states of each unit, by its index.
    """

    def __init__(self, plan: Plan, *, rolling: bool = True) -> None:
        assert plan.units is not None
        assert plan.attempts is not None
        assert plan.program is not None
        self._plan = plan
        self._rolling = rolling
        self._units = plan.units
        self._attempts = plan.attempts
        self._alone = {unit.task_runs[0] for unit in plan.units if len(unit.task_runs) == 1}
        self._names = UniqueNames("-", STATE_NAME_CHARACTERS)
        # Task runs come first, so that no other state can take a name away from one of them.
        self._unit_names = self._names.claim_all(state_name(unit.name) for unit in plan.units)
        # Whether what is stored under the id of a task run has to say of which attempt of the flow.
        self._numbered = is_caught(plan.spec) and _stores(plan)
        # What an execution's input may take, if a state is given it beside results or a failure.
        told_of_failures = is_caught(plan.spec) and isinstance(plan.program.body.steps[0], Guard)
        beside = told_of_failures or given_together(plan.program)
        self._most = PARAMETERS_BYTES if beside else None
        self._first = True
        self._surroundings = OUTERMOST
        self.parts: dict[str, StateMachine] = {}
        self.of_units: dict[int, dict[str, State]] = {}

    def scope(self, sequence: Sequence, output: Any) -> Branch:
        """Return the states of a machine or branch, the last of which puts out `output`."""
        start_at, states = self._steps(sequence.steps, Ending(None, output))
        return Branch(start_at=start_at, states=states)

    def _steps(self, steps: tuple[Step, ...], last: Ending) -> tuple[str, dict[str, State]]:
        """Return the name of the first state of some steps, and the states of all of them."""
        heads = [
            self._head(step, before) for before, step in zip((None, *steps), steps, strict=False)
        ]
        found: dict[str, State] = {}
        for position, (step, name) in enumerate(zip(steps, heads, strict=True)):
            ending = last
            if position + 1 < len(heads):
                ending = Ending(heads[position + 1], NO_OUTPUT)
            if isinstance(step, (Call, Fork, Nested)) and step.assigns:
                ending = replace(ending, assign=_expressions(step.assigns, self._answer(step)))
            found |= self._states(step, name, ending)
        return heads[0], found

    def returned(self, program: Program) -> Any:
        """Return the execution's output: the one place where a value's text is opened by JSONata.

        A value that is stored stays the claim that it is: it is too large for an execution's
        output.
        """
        if program.returns is None:
            return expression("null")
        work = self._service_of(program.body.steps[-1])
        if program.returns == OWN_OUTPUT and work is not None:
            return expression("null" if isinstance(work, ServiceWait) else "$states.result")
        value = _jsonata(program.returns, self._answer(program.body.steps[-1]))
        return expression(f"$type({value}) = 'string' ? $parse({value}) : {value}")

    def _yielded(self, scope: Sequence) -> dict[str, str]:
        return _expressions(scope.yields, self._answer(scope.steps[-1]))

    def _answer(self, step: Step) -> _Answer:
        if isinstance(step, Nested):
            return _Answer(ANSWER, ANSWER)
        if isinstance(step, Fork):
            return _Answer(OUTPUT, rolled=bool(self._siblings(step)))
        match self._service_of(step):
            case None:
                return _Answer(OUTPUT)
            case ServiceWait():
                return _Answer(text(NO_OUTPUT_TEXT))
            case ServiceCall():
                return _Answer(SERVICE_OUTPUT)

    def _service_of(self, step: Step) -> ServiceCall | ServiceWait | None:
        """Return what Step Functions itself does in a step; None if a worker does it."""
        if not isinstance(step, Call) or step.unit is None:
            return None
        for task_run_id in self._units[step.unit].task_runs:
            run, task = self._plan.runs[task_run_id], self._plan.task_of(task_run_id)
            if task.service is not None:
                variables = {name: self._variable(name, as_) for name, as_ in step.inputs.results}
                parameters = self._plan.spec.parameters
                given = self._surroundings.parameters
                return service_state(task, run, variables, parameters, given)
        return None

    def _variable(self, task_run_id: str, name: str) -> Variable:
        if self._plan.task_of(task_run_id).service is not None:
            return Variable(name, "answer")
        return Variable(name, "texts" if self._is_map(task_run_id) else "text")

    def _is_map(self, task_run_id: str) -> bool:
        """Tell whether a task run is a Map; in a worker that others share, it is one call."""
        return task_run_id in self._alone and self._plan.runs[task_run_id].map_over is not None

    def _head(self, step: Step, before: Step | None) -> str:
        match step:
            case Fork():
                return self._names.claim(state_name(self._fork_name(step)))
            case Nested(name=name):
                return self._names.claim(state_name(f"part {name}"))
            case Decide():
                return self._names.claim(state_name(f"branch: {_condition(step)}"))
            case Await(unit=unit) | Tell(unit=unit):
                does = "await" if isinstance(step, Await) else "tell"
                return self._names.claim(state_name(f"{does}: {self._unit_names[unit]}"))
            case Join():
                # Not by a number: with another map or branch, those of all after it would change.
                if isinstance(before, (Call, Decide)):
                    return self._names.claim(state_name(f"end: {self._first_call((before,))}"))
                return self._names.claim("end")
            case Guard():
                return self._names.claim("flow")
            case Call(unit=None):
                return self._names.claim("return")
            case Call(unit=int(unit)):
                return self._unit_names[unit]
        raise AssertionError(f"{step!r} is no step")

    def _fork_name(self, fork: Fork) -> str:
        firsts = [self._first_call(branch.steps) for branch in fork.branches[:NAMED_BRANCHES]]
        # Long ids are cut so that the number of further branches is always seen.
        named = [first if len(first) <= 20 else f"{first[:19]}…" for first in firsts]
        more = len(fork.branches) - NAMED_BRANCHES
        does = "each" if self._siblings(fork) else "fork"
        return f"{does}: " + ", ".join(named) + (f", +{more}" if more > 0 else "")

    def _first_call(self, steps: tuple[Step, ...]) -> str:
        match steps[0]:
            case Await(unit=unit):
                return self._unit_names[unit]
            case Fork(branches=branches):
                return self._first_call(branches[0].steps)
            case Nested(body=body):
                return self._first_call(body.steps)
            case Decide(then=then, otherwise=otherwise):
                return self._first_call(then or otherwise)
            case Call(unit=int(unit)):
                return self._unit_names[unit]
        raise AssertionError("a branch begins with a unit")

    def _states(self, step: Step, name: str, ending: Ending) -> dict[str, State]:
        first, self._first = self._first, False
        match step:
            case Fork():
                return self._fork(step, name, ending, first=first)
            case Decide():
                return self._decide(step, name, ending)
            case Join():
                return {name: Pass(**ending.fields())}
            case Await():
                return {name: self._await(step, ending)}
            case Tell():
                return {name: self._tell(step, ending)}
            case Guard():
                return self._guard(step, name, ending)
            case Nested():
                return self._nested(step, name, ending)
            case Call(unit=None):
                return self._return(step, name, ending)
            case Call(unit=int(unit)):
                self.of_units[unit] = self._call(step, unit, name, ending)
                return self.of_units[unit]
        raise AssertionError(f"{step!r} is no step")

    def _await(self, step: Await, ending: Ending) -> Task:
        waiting, others = self._id(step.unit), [self._id(unit) for unit in step.others]
        comment = neutral(f"{waiting} waits for {_some(others)}, across branches")
        return await_state(waiting, len(others), self._around, ending, comment)

    def _tell(self, step: Tell, ending: Ending) -> Task:
        told, joins = self._id(step.unit), {self._id(unit): n for unit, n in step.waiting}
        comment = neutral(f"{told} has ended: for {_some(list(joins)) or 'what reads it'}")
        return tell_state(told, joins, self._sent(step.inputs), self._around, ending, comment)

    def _id(self, unit: int) -> str:
        return self._units[unit].task_runs[0]

    @property
    def _flow_attempt(self) -> str | None:
        """Which attempt of the flow this is, as JSONata; None where nothing has to say it."""
        return self._surroundings.attempt if self._numbered else None

    @property
    def _around(self) -> dict[str, str]:
        """What says whose the values under the ids of task runs are: each attempt of the flow's."""
        attempt = self._flow_attempt
        numbered = {} if attempt is None else {"flow_attempt": expression(attempt)}
        return {"run": self._run, **numbered}

    def _return(self, step: Call, name: str, ending: Ending) -> dict[str, State]:
        content = {**self._sent(step.inputs), "return": True, "run": self._run}
        return {name: asking(content, ending, comment="The flow's return value")}

    def _call(self, step: Call, index: int, name: str, ending: Ending) -> dict[str, State]:
        work = self._service_of(step)
        if work is not None:
            return self._service(step, work, name, ending)
        calls, unit = self._calls(step, index), self._units[index]
        if unit.whole_flow or not self._is_map(unit.task_runs[0]):
            return AttemptStates(name, calls, ending, self._names).states()
        [task_run_id] = unit.task_runs
        calls = replace(calls, content={**calls.content, **self._around})
        items = items_of(self._plan.task_of(task_run_id), self._plan.runs[task_run_id])
        return MapStates(name, calls, items, ending, self._names).states()

    def _calls(self, step: Call, index: int) -> Calls:
        unit, attempts = self._units[index], self._attempts[index]
        if unit.whole_flow:
            content, comment = {**self._sent(step.inputs), "run": self._run}, self._whole_flow()
        else:
            content, comment = self._content(step, index), self._comment(*unit.task_runs)
        return Calls(attempts, content, unit.placement, comment)

    def _content(self, step: Call, index: int) -> dict[str, Any]:
        """Return what every call of a unit is sent."""
        unit = self._units[index]
        content = {"tasks": list(unit.task_runs), **self._sent(step.inputs), "run": self._run}
        if step.want is not None:
            content["want"] = list(step.want)
        if step.limit is not None:
            content["limit"] = step.limit
        if step.inline_only:
            content["inline"] = list(step.inline_only)
        if step.stores:
            content["store"] = list(step.stores)
            content |= self._around
        if step.truths:
            content["truths"] = [{"task": task, "branch": at} for task, at in step.truths]
        return content

    def _service(
        self, step: Call, work: ServiceCall | ServiceWait, name: str, ending: Ending
    ) -> dict[str, State]:
        assert step.unit is not None
        task_run_id = self._units[step.unit].task_runs[0]
        native = native_retrier(self._attempts[step.unit])
        task, comment = self._plan.task_of(task_run_id), self._comment(task_run_id)
        return service_states(name, work, task, ending, comment, self._names, native)

    def _whole_flow(self) -> str:
        return neutral(f"The whole flow: {_some(list(self._plan.runs)) or 'no tasks'}")

    def _fork(self, fork: Fork, name: str, ending: Ending, *, first: bool) -> dict[str, State]:
        """Return a Parallel, and the Pass that hands on what its branches leave, if they do.

        A Parallel may assign and put out by itself, but not every engine that people test with does
        it (ministack 1.5 does not). A Pass means the same on all of them, for one transition more.
        """
        if alike := self._siblings(fork):
            return self._rolled(*alike, name, ending)
        branches = tuple(self.scope(branch, self._yielded(branch)) for branch in fork.branches)
        # Only the machine's first state has an input, the execution's; nobody reads it there.
        arguments = NO_OUTPUT if first else None
        if not ending.assign and ending.output == NO_OUTPUT:
            return {name: Parallel(branches=branches, arguments=arguments, **ending.fields())}
        join = self._names.claim(state_name(name.replace("fork", "join", 1)))
        return {
            name: Parallel(branches=branches, arguments=arguments, next=join),
            join: Pass(**ending.fields()),
        }

    def _siblings(self, fork: Fork) -> tuple[Call, list[str]] | None:
        return siblings(self._plan, fork) if self._rolling else None

    def _rolled(self, call: Call, ids: list[str], name: str, ending: Ending) -> dict[str, State]:
        assert call.unit is not None
        calls = replace(self._calls(call, call.unit), comment=self._comment(*ids))
        task = self._plan.runs[ids[0]].task_name
        return RolledStates(name, task, ids, calls, ending, self._names).states()

    def _decide(self, step: Decide, name: str, ending: Ending) -> dict[str, State]:
        """Return the state that asks, the Choice, and both sides, which go on to the same state.

        What a side leaves has no value where it is not taken: null, which the worker knows.

        Where an earlier call has told the truth, or the input of the execution shows it, the Choice
        comes first. What asks is for a value whose truth could not be told, so that what is wrong
        with it comes out here, and leads back to the Choice.
        """
        assert ending.next is not None
        told, cut = self._told(step), name[: STATE_NAME_CHARACTERS - 12]
        if told is None:
            ask, choice = name, self._names.claim(f"{cut}, choose")
        else:
            ask, choice = self._names.claim(f"{cut}, ask"), name
        heads: list[str] = []
        states: dict[str, State] = {}
        for side in (step.then, step.otherwise):
            head, found = self._steps(side, Ending(ending.next, NO_OUTPUT)) if side else ("", {})
            heads.append(head or ending.next)
            states |= found
        task_run_id, branch = step.asked
        asked = {"task": task_run_id, "branch": branch}
        content = {"truth": asked, **self._sent(step.inputs), "run": self._run}
        truth = Ending(choice, expression("$states.result.Payload.truth"))
        asks = asking(content, truth, comment=f"Whether {_condition(step)} is true")
        then = Rule(
            condition=expression("$states.input" if told is None else told[0]),
            assign=_nothing(step.lost_otherwise),
            output=NO_OUTPUT,
            next=heads[0],
        )
        lost_then = _nothing(step.lost_then)
        if told is None:
            chosen = Choice(choices=(then,), assign=lost_then, output=NO_OUTPUT, default=heads[1])
            return {ask: asks, choice: chosen, **states}
        otherwise = Rule(
            condition=expression(told[1]),
            assign=lost_then,
            output=NO_OUTPUT,
            next=heads[1],
        )
        chosen = Choice(choices=(then, otherwise), output=NO_OUTPUT, default=ask)
        return {choice: chosen, ask: asks, **states}

    def _told(self, step: Decide) -> list[str] | None:
        """Return JSONata for whether what decides is true, and for whether it is false.

        Neither holds where a worker has to be asked, until it has been: it puts out what it tells.
        """
        asked = "$states.input"
        if step.truth is not None:
            return [f"${step.truth} = {each} or {asked} = {each}" for each in ("true", "false")]
        given = self._surroundings.parameters
        truth = parameter_truth(self._plan.spec.parameters, step.condition, given, asked)
        return None if truth is None else [f"{truth} = {each}" for each in ("true", "false")]

    def _guard(self, guard: Guard, name: str, ending: Ending) -> dict[str, State]:
        body = self.scope(guard.body, self._yielded(guard.body))
        assigns = _expressions(guard.assigns, _Answer(OUTPUT))
        return GuardStates(self._plan.spec, name, body, assigns, ending, self._names).states()

    def _nested(self, step: Nested, name: str, ending: Ending) -> dict[str, State]:
        surroundings = self._surroundings
        states = nested_states(
            step, name, ending, self._names, surroundings, numbered=self._numbered
        )
        given = self._names.claim(state_name(f"{name} (given)"))
        self._surroundings = INNER
        body = self.scope(step.body, self._yielded(step.body))
        self._surroundings = surroundings
        whole = Branch(start_at=given, states={given: opening(step, body.start_at), **body.states})
        self.parts[step.name] = _machine(self._plan, whole, f", part {step.name}")
        return states

    @property
    def _run(self) -> str:
        """The execution, by which its stored values are known."""
        return expression(self._surroundings.run)

    def _sent(self, inputs: Inputs) -> dict[str, Any]:
        """Return what a call is sent of parameters and results."""
        content: dict[str, Any] = {}
        if inputs.parameters:
            content["parameters"] = expression(self._surroundings.parameters)
            if self._most is not None:
                content["most"] = self._most
        results: dict[str, Any] = {
            task_run: expression(f"${name}") for task_run, name in inputs.results
        }
        if results:
            content["results"] = results
        if inputs.joined:
            content["joined"] = list(inputs.joined)
            content |= self._around
        return content

    def _comment(self, *task_run_ids: str) -> str:
        """Return which tasks are run, and where they are called."""
        runs = [self._plan.runs[task_run_id] for task_run_id in task_run_ids]
        called = [run.task_name + (f" ({run.source})" if run.source else "") for run in runs]
        return neutral(_some(list(dict.fromkeys(called)), NAMED_CALLS))


def _stores(plan: Plan) -> bool:
    """Tell whether anything is stored under the ids of task runs, in any of the machines."""
    assert plan.program is not None
    mapped = any(run.map_over is not None for run in plan.spec.task_runs)
    steps = every(plan.program.body.steps)
    stored = any(isinstance(step, Call) and step.stores for step in steps)
    return plan.has_joins or mapped or stored


def _condition(step: Decide) -> str:
    """Return what decides a branch, for a name: `found["rows"]`."""
    match step.condition:
        case (
            TaskReference(task_run_id=whose, path=path) | ParameterReference(name=whose, path=path)
        ):
            return neutral(whose + "".join(f"[{json.dumps(part)}]" for part in path))


def _some(names: list[str], most: int = NAMED_TASK_RUNS) -> str:
    """Return the first of some names, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def _nothing(names: tuple[str, ...]) -> dict[str, str] | None:
    return dict.fromkeys(names, expression("null")) or None


def _expressions(values: Values, answer: _Answer) -> dict[str, str]:
    return {name: expression(_jsonata(source, answer)) for name, source in values}


def _jsonata(source: Source, answer: _Answer) -> str:
    """Return JSONata for a value, where the state has just been answered."""
    if source.variable is not None:
        return f"${source.variable}"
    if source.truth is not None:
        return f"{TRUTHS}.t{source.truth}"
    if source.branch is not None:  # in the Pass after the Parallel, or the Map
        whole = f"$states.input[{source.branch}]"
        return whole if answer.rolled else f"{whole}.{source.key}"
    if source.key is not None:
        return f"{answer.fields}.{source.key}"
    return answer.value
