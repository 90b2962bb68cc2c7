"""emit: spell the program in Amazon States Language."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from dagy_compiler.asl import Branch, Parallel, Pass, State, StateMachine, Task
from dagy_compiler.attempt_states import AttemptStates, Calls, native_retrier
from dagy_compiler.choice_states import ChoiceStates, told_truth
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
from dagy_compiler.step_names import StepNames

NAMED_TASK_RUNS = 12
"""Task runs that the comment of a state for a whole flow mentions."""

NAMED_CALLS = 4
"""Calls that the comment of a state for several task runs mentions."""


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
        self._program = plan.program
        self._rolling = rolling
        self._units = plan.units
        self._attempts = plan.attempts
        self._alone = {unit.task_runs[0] for unit in plan.units if len(unit.task_runs) == 1}
        self._names = UniqueNames("-", STATE_NAME_CHARACTERS)
        # Task runs come first, so that no other state can take a name away from one of them.
        heads = self._names.claim_all(state_name(unit.name) for unit in plan.units)
        self._step_names = StepNames(heads, self._names)
        # Whether what is stored under the id of a task run has to say of which attempt of the flow.
        self._numbered = is_caught(plan.spec) and _stores(plan)
        # What an execution's input may take, if a state is given it beside results or a failure.
        told_of_failures = is_caught(plan.spec) and isinstance(plan.program.body.steps[0], Guard)
        beside = told_of_failures or given_together(plan.program)
        self._most = PARAMETERS_BYTES if beside else None
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
            self._step_names.first(step, before, rolled=self._is_rolled(step))
            for before, step in zip((None, *steps), steps, strict=False)
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
            return _Answer(OUTPUT, rolled=self._is_rolled(step))
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

    def _states(self, step: Step, name: str, ending: Ending) -> dict[str, State]:
        match step:
            case Fork():
                return self._fork(step, name, ending)
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

    def _fork(self, fork: Fork, name: str, ending: Ending) -> dict[str, State]:
        """Return a Parallel, and the Pass that hands on what its branches leave, if they do.

        A Parallel may assign and put out by itself, but not every engine that people test with does
        it (ministack 1.5 does not). A Pass means the same on all of them, for one transition more.
        """
        if alike := self._siblings(fork):
            return self._rolled(*alike, name, ending)
        branches = tuple(self.scope(branch, self._yielded(branch)) for branch in fork.branches)
        # Only the machine's first state has an input, the execution's; nobody reads it there.
        arguments = NO_OUTPUT if fork is self._program.body.steps[0] else None
        if not ending.assign and ending.output == NO_OUTPUT:
            return {name: Parallel(branches=branches, arguments=arguments, **ending.fields())}
        join = self._names.claim(state_name(name.replace("fork", "join", 1)))
        return {
            name: Parallel(branches=branches, arguments=arguments, next=join),
            join: Pass(**ending.fields()),
        }

    def _siblings(self, fork: Fork) -> tuple[Call, list[str]] | None:
        return siblings(self._plan, fork) if self._rolling else None

    def _is_rolled(self, step: Step) -> bool:
        return isinstance(step, Fork) and self._siblings(step) is not None

    def _rolled(self, call: Call, ids: list[str], name: str, ending: Ending) -> dict[str, State]:
        assert call.unit is not None
        calls = replace(self._calls(call, call.unit), comment=self._comment(*ids))
        task = self._plan.runs[ids[0]].task_name
        return RolledStates(name, task, ids, calls, ending, self._names).states()

    def _decide(self, step: Decide, name: str, ending: Ending) -> dict[str, State]:
        """Return the states that decide, and both sides, which go on to the same state."""
        content = {**self._sent(step.inputs), "run": self._run}
        given = self._surroundings.parameters
        told = told_truth(step, self._plan.spec.parameters, given)
        choice = ChoiceStates(name, step, content, told, self._names)
        assert ending.next is not None
        heads: list[str] = []
        states: dict[str, State] = {}
        for side in (step.then, step.otherwise):
            head, found = self._steps(side, Ending(ending.next, NO_OUTPUT)) if side else ("", {})
            heads.append(head or ending.next)
            states |= found
        return {**choice.states(*heads), **states}

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


def _some(names: list[str], most: int = NAMED_TASK_RUNS) -> str:
    """Return the first of some names, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


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
