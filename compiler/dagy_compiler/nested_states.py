"""The states that start a nested machine and wait for it, and what its execution is given.

A machine that passes a limit is cut into parts, each a machine of its own (`passes.split`). An
execution of a part is one of the outermost execution's: its stored values stand under that one's
name, and it sees that one's parameters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from dagy.services.integration import parse
from dagy_compiler.asl import Catcher, Pass, Retrier, State, Task
from dagy_compiler.guard import ATTEMPT
from dagy_compiler.jsonata import expression
from dagy_compiler.names import UniqueNames, state_name
from dagy_compiler.program import Nested
from dagy_compiler.service_attempts import transient_errors
from dagy_compiler.service_states import INPUT
from dagy_compiler.states import NO_OUTPUT, REDRIVES, Ending, raised

RESOURCE: Final = "arn:aws:states:::states:startExecution.sync:2"

ANSWER: Final = "$states.result.Output"
"""JSONata for what a nested machine puts out."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where the states of a machine find what belongs to the execution as a whole, as JSONata.

    Attributes:
        run: the execution by which stored values are known.
        parameters: the flow's parameters.
        attempt: the number of the flow's attempt, where it has several.
    """

    run: str
    parameters: str
    attempt: str


OUTERMOST: Final = Surroundings("$states.context.Execution.Name", INPUT, f"${ATTEMPT}")

INNER: Final = Surroundings(
    "$states.context.Execution.Input.run",
    "$states.context.Execution.Input.parameters",
    "$states.context.Execution.Input.attempt",
)

# By the name, a call that is made again finds the execution that it started (API reference,
# "StartExecution", read 2026-11): no task runs twice. A state that is entered again, as a flow is
# retried, starts another. At most 80 characters.
_NAME: Final = expression(
    "$substring($states.context.Execution.Name, 0, 40) & '-' & "
    "$replace($states.context.State.EnteredTime, /[^0-9]/, '')"
)

# By this field the console shows which execution started which (developer guide, "Start workflow
# executions from a task state", read 2026-11).
_STARTED_BY: Final = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"

_RETRIER: Final = Retrier(
    error_equals=transient_errors(parse("states:startExecution.sync:2")),
    interval_seconds=2,
    max_attempts=7,
    backoff_rate=2,
    jitter_strategy="FULL",
)

# The cause of a failed execution is what DescribeExecution says of it, fields in the order of the
# alphabet: its own Cause and Error come before its input, which may be too long for a cause (32,768
# characters). One that timed out has neither, and is told as it is.
_FAILURE: Final = expression(
    "($e := $states.errorOutput; $c := $exists($e.Cause) ? $e.Cause : ''; "
    "$whole := $length($c) < 32768; "
    "$told := $e.Error = 'States.TaskFailed' "
    "and $contains($c, $whole ? '\"ExecutionArn\":' : ',\"ExecutionArn\":'); "
    "$own := $told ? $parse($whole ? $c : $substringBefore($c, ',\"ExecutionArn\":') & '}') "
    ": {'Error': $e.Error, 'Cause': $c}; "
    "{'error': $exists($own.Error) ? $own.Error : $e.Error, "
    "'cause': $exists($own.Cause) ? $own.Cause : $exists($own.Error) ? '' : $c, "
    f"'redriven': {REDRIVES}}})"
)


def part_id(name: str) -> str:
    """Return the logical id of a nested machine: `from-load-2` is `PartFromLoad2`."""
    return "Part" + "".join(word.capitalize() for word in re.findall("[A-Za-z0-9]+", name))


def nested_states(
    step: Nested,
    name: str,
    ending: Ending,
    names: UniqueNames,
    surroundings: Surroundings,
    *,
    numbered: bool = False,
) -> dict[str, State]:
    """Return the states that run a nested machine, the first one first.

    Its failure ends this execution under the error's own name and cause; a redrive after that
    starts the machine anew.

    Args:
        step: what is to be done.
        name: of the first state.
        ending: how it hands over on success.
        names: gives the further states their names.
        surroundings: of the machine that these states are in.
        numbered: whether the machine is to know which attempt of the flow it is part of.
    """
    gone = names.claim(state_name(f"{name} (failed)"))
    given: dict[str, Any] = {"run": expression(surroundings.run)}
    if step.inputs.parameters:
        given["parameters"] = expression(surroundings.parameters)
    if step.inputs.results:
        given["values"] = {
            variable: expression(f"${variable}") for _, variable in step.inputs.results
        }
    if numbered:
        given["attempt"] = expression(surroundings.attempt)
    given[_STARTED_BY] = expression("$states.context.Execution.Id")
    start = Task(
        comment=f"Part {step.name} of the flow, a state machine of its own",
        resource=RESOURCE,
        arguments={
            "StateMachineArn": f"${{{part_id(step.name)}Arn}}",
            "Name": _NAME,
            "Input": given,
        },
        retry=(_RETRIER,),
        catch=(Catcher(error_equals=("States.TaskFailed",), output=_FAILURE, next=gone),),
        **ending.fields(),
    )
    return {name: start, gone: raised(f"Part {step.name} of the flow failed", Ending(name, {}))}


def opening(step: Nested, following: str) -> Pass:
    """Return the first state of a nested machine, which makes variables of what it is given."""
    values = {
        variable: expression(f"$states.input.values.{variable}")
        for _, variable in step.inputs.results
    }
    return Pass(
        comment=f"Takes in what part {step.name} of the flow is given",
        assign=values or None,
        output=NO_OUTPUT,
        next=following,
    )
