"""The small state machines that stand between a schedule and the flow where one is needed.

Both rest on one thing that Step Functions does exactly: of all that ask it to start an execution
under one name, one succeeds (API reference, StartExecution). Listing executions is "eventually
consistent" there, so what a list says is only ever used where an old answer does no harm.

`once` starts one execution for a scheduled time, however often that time is delivered: EventBridge
Scheduler may deliver it twice, and the two schedules of "the 1st or a Monday" both fire on a Monday
that is the 1st. The name of the execution is made from the scheduled time.

`alone` starts no execution while another runs. Executions that it starts are called `scheduled-1`,
`scheduled-2` and so on. It starts the next number only when the one before has ended, which stays
true; and who has seen an old list asks for a name that is taken, and is refused. So of those that
it starts, two never run at once. Those that are started by others it sees in the list of running
ones, and lets the turn pass.
"""

from __future__ import annotations

from typing import Final

from dagy_compiler.asl import (
    Catcher,
    Choice,
    Pass,
    Retrier,
    Rule,
    State,
    StateMachine,
    Succeed,
    Task,
)
from dagy_compiler.jsonata import expression

TARGET: Final = "TargetArn"
"""What stands for the ARN of what is started."""

MACHINE: Final = "FlowArn"
"""What stands for the ARN of the flow's state machine."""

_START: Final = "arn:aws:states:::aws-sdk:sfn:startExecution"
_LIST: Final = "arn:aws:states:::aws-sdk:sfn:listExecutions"
_TAKEN: Final = ("Sfn.ExecutionAlreadyExistsException", "Sfn.ExecutionAlreadyExists")
"""The name is taken. The API calls this error by the second name, its Java client, by whose names
Step Functions tells of errors, by the first."""

_PAGE: Final = 100
"""Executions on a page: with 1,000, which the API allows, a state's 256 KiB would not hold it."""

# A name that is taken is an answer, not a failure.
_RETRY: Final = (
    Retrier(error_equals=_TAKEN, max_attempts=0),
    Retrier(
        error_equals=("States.ALL",),
        interval_seconds=2,
        max_attempts=8,
        max_delay_seconds=120,
        backoff_rate=2,
        jitter_strategy="FULL",
    ),
)


def once(given: str) -> StateMachine:
    """Return the machine that starts one execution for a scheduled time.

    Args:
        given: the input of that execution, as JSONata that makes JSON text.
    """
    name = "'scheduled-' & $replace($states.input.time, ':', '-')"
    states: dict[str, State] = {
        "Start": _start(name, given, taken="Started already"),
        "Started": Succeed(),
        "Started already": Pass(output={"skipped": "this time has been started already"}, end=True),
    }
    return StateMachine(
        comment="One execution for a scheduled time",
        query_language="JSONata",
        start_at="Start",
        states=states,
    )


def alone(given: str) -> StateMachine:
    """Return the machine that starts an execution unless one runs.

    Args:
        given: the input of that execution, as JSONata that makes JSON text.
    """
    ended = "$latest.status in ['SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED', 'NONE']"
    states: dict[str, State] = {
        "Look for running": Task(
            resource=_LIST,
            arguments={
                "StateMachineArn": f"${{{MACHINE}}}",
                "StatusFilter": "RUNNING",
                "MaxResults": 1,
            },
            retry=_RETRY[1:],
            assign={
                "time": expression("$states.input.time"),
                "running": expression("$count($states.result.Executions)"),
                "latest": {"number": 0, "status": "NONE"},
                "page": expression("''"),
            },
            next="Running?",
        ),
        "Running?": Choice(
            choices=(Rule(condition=expression("$running > 0"), next="Runs"),),
            default="Look for latest",
        ),
        "Look for latest": _look_for_latest(),
        "Ended?": Choice(
            choices=(
                Rule(
                    condition=expression("$latest.status = 'NONE' and $page != ''"),
                    next="Look further",
                ),
                Rule(condition=expression(ended), next="Start"),
            ),
            default="Runs",
        ),
        "Look further": _look_for_latest(NextToken=expression("$page")),
        "Start": _start("'scheduled-' & $string($latest.number + 1)", given, taken="Runs"),
        "Started": Succeed(),
        "Runs": Pass(output={"skipped": "another execution runs"}, end=True),
    }
    return StateMachine(
        comment="No execution while another runs",
        query_language="JSONata",
        start_at="Look for running",
        states=states,
    )


# In JSONata a filter over one execution works as over many; what it does not find is nothing.
_LATEST: Final = (
    "($own := $states.result.Executions[$contains(Name, /^scheduled-[0-9]+$/)][0]; "
    "$exists($own) ? {'number': $number($substringAfter($own.Name, '-')), "
    "'status': $own.Status} : $latest)"
)
_NEXT_PAGE: Final = "$exists($states.result.NextToken) ? $states.result.NextToken : ''"


def _look_for_latest(**page: str) -> Task:
    return Task(
        comment="The newest execution that was started here; newest come first",
        resource=_LIST,
        arguments={"StateMachineArn": f"${{{MACHINE}}}", "MaxResults": _PAGE, **page},
        retry=_RETRY[1:],
        assign={"latest": expression(_LATEST), "page": expression(_NEXT_PAGE)},
        next="Ended?",
    )


def _start(name: str, given: str, *, taken: str) -> Task:
    return Task(
        resource=_START,
        arguments={
            "StateMachineArn": f"${{{TARGET}}}",
            "Name": expression(name),
            "Input": expression(given),
        },
        retry=_RETRY,
        catch=(Catcher(error_equals=_TAKEN, next=taken),),
        next="Started",
    )
