"""The schedules of a flow in EventBridge Scheduler, and what stands between them and the flow.

A schedule starts the alias, through a role that may do nothing else. Where a time may come twice,
or no execution is to start while another runs, it starts a guard in its place
(`dagy_compiler.schedule_guard`), and the guard the alias.

The parameter `ScheduleState` says whether they fire: what is paused stays so when the flow is
deployed again, and CloudFormation knows about it.
"""

from __future__ import annotations

import json
from typing import Final

from dagy.errors import ScheduleError
from dagy.spec import FlowSpec
from dagy_compiler.asl import StateMachine as Definition
from dagy_compiler.cloudformation import (
    FlexibleWindow,
    Json,
    Output,
    Parameter,
    Resource,
    Schedule,
    ScheduleTarget,
    StateMachine,
    Statement,
    ref,
)
from dagy_compiler.jsonata import text
from dagy_compiler.machines import OUTERMOST
from dagy_compiler.roles import Identity, role
from dagy_compiler.schedule_guard import MACHINE, TARGET, alone, once
from dagy_compiler.stack import Stack
from dagy_compiler.versions import ALIAS

STATE: Final = "ScheduleState"
"""The parameter that says whether the schedules fire."""

ENABLED: Final = "ENABLED"
DISABLED: Final = "DISABLED"

_TIME: Final = "<aws.scheduler.scheduled-time>"
"""What EventBridge Scheduler puts the scheduled time in the place of (EventBridge Scheduler user
guide, "Adding context attributes", read 2026-11)."""

_ONCE: Final = "ScheduleOnce"
_ALONE: Final = "ScheduleAlone"


def schedule_resources(stack: Stack, spec: FlowSpec) -> dict[str, Resource]:
    """Return the schedules with their role and guards, by logical id; none without a schedule.

    Args:
        stack: whose settings say when.
        spec: the flow, which must be able to start without being told anything else.

    Raises:
        ScheduleError: a parameter has no value when the flow starts by itself.
    """
    schedule = stack.settings.when
    if schedule is None:
        return {}
    _check_parameters(stack, spec)
    settings = stack.settings
    guards = _guards(stack, twice=len(schedule.expressions) > 1)
    started = ref(_ONCE) if guards else ref(ALIAS)
    own = role(
        stack,
        "ScheduleRole",
        "scheduler.amazonaws.com",
        {"Start": [_start(started)]},
        # EventBridge Scheduler user guide, "Confused deputy prevention": for no other account.
        trusted={"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}},
    )
    window = FlexibleWindow(
        mode="FLEXIBLE" if settings.flexible_window else "OFF",
        maximum_window_in_minutes=settings.flexible_window,
    )
    given = {"time": _TIME} if guards else _given(stack)
    resources = {**guards, **own.resources}
    for number, expression in enumerate(schedule.expressions, 1):
        resources["Schedule" if number == 1 else f"Schedule{number}"] = Resource(
            type="AWS::Scheduler::Schedule",
            properties=Schedule(
                description=f"Dagy flow {stack.flow}: {schedule.text}"[:512],
                schedule_expression=expression,
                schedule_expression_timezone=schedule.timezone,
                flexible_time_window=window,
                state=ref(STATE),
                target=ScheduleTarget(arn=started, role_arn=own.arn, input=json.dumps(given)),
            ),
        )
    return resources


def schedule_parameters(stack: Stack) -> dict[str, Parameter]:
    """Return the parameter that says whether the schedules fire, if there are any."""
    if stack.settings.when is None:
        return {}
    allowed = [ENABLED, DISABLED]
    told = "Whether the flow starts by itself"
    return {STATE: Parameter(description=told, default=ENABLED, allowed_values=allowed)}


def schedule_outputs(stack: Stack) -> dict[str, Output]:
    """Return what the stack says of its schedule, if it has one."""
    schedule = stack.settings.when
    if schedule is None:
        return {}
    return {
        "Schedule": Output(description="When the flow starts by itself", value=schedule.text),
        "ScheduleTimezone": Output(description="By whose clocks", value=schedule.timezone),
    }


def _check_parameters(stack: Stack, spec: FlowSpec) -> None:
    named = stack.settings.scheduled_time
    by_name = {each["name"]: each for each in spec.parameters}
    if named is not None and (named not in by_name or "bound" in by_name[named]):
        known = ", ".join(name for name, each in by_name.items() if "bound" not in each)
        raise ScheduleError(
            f"flow {spec.name!r}: scheduled_time is to be given to {named!r}, and the flow has no "
            f"such parameter; it has {known or 'none'}"
        )
    missing = [
        name
        for name, each in by_name.items()
        if each["required"] and "bound" not in each and name != named
    ]
    if missing:
        raise ScheduleError(
            f"flow {spec.name!r}: when it starts by itself, nobody gives it {', '.join(missing)}; "
            f"give a value with --param {missing[0]}=VALUE, or a default in the flow, or the "
            f"scheduled time with --scheduled-time {missing[0]}"
        )


def _given(stack: Stack) -> Json:
    """The input of an execution that a schedule starts by itself."""
    named = stack.settings.scheduled_time
    return {} if named is None else {named: _TIME}


def _guards(stack: Stack, *, twice: bool) -> dict[str, Resource]:
    if not twice and not stack.settings.no_overlap:
        return {}
    named = stack.settings.scheduled_time
    given = "$string({})" if named is None else f"$string({{{text(named)}: $states.input.time}})"
    if not stack.settings.no_overlap:
        return _guard(stack, _ONCE, once(given), ALIAS, [])
    passed = "$string({'time': $states.input.time})"
    looks = Statement(action=["states:ListExecutions"], resource=[ref(OUTERMOST)])
    return {
        **_guard(stack, _ALONE, alone(given), ALIAS, [looks]),
        **_guard(stack, _ONCE, once(passed), _ALONE, []),
    }


def _guard(
    stack: Stack, name: str, definition: Definition, target: str, also: list[Statement]
) -> dict[str, Resource]:
    own = _guard_role(stack, name, [_start(ref(target)), *also])
    substitutions: Json = {TARGET: ref(target)}
    if also:
        substitutions[MACHINE] = ref(OUTERMOST)
    machine = StateMachine(
        role_arn=own.arn,
        definition=definition.to_json(),
        definition_substitutions=substitutions,
        **stack.around_machines,
    )
    return {
        **own.resources,
        name: Resource(type="AWS::StepFunctions::StateMachine", properties=machine),
    }


def _guard_role(stack: Stack, name: str, statements: list[Statement]) -> Identity:
    allowed = [*statements, *stack.use_key(), *stack.trace()]
    return role(stack, f"{name}Role", "states.amazonaws.com", {"Start": allowed})


def _start(target: Json) -> Statement:
    return Statement(action=["states:StartExecution"], resource=[target])
