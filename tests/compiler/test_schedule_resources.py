"""The schedules of a stack: what they start, as whom, and with what."""

import json

import pytest

from dagy import flow, task
from dagy.errors import ScheduleError, SettingsError
from dagy_compiler import compile_flow
from tests.asl_lint import problems
from tests.cfn_lint import complaints
from tests.compiler.cases import plain_chain
from tests.compiler.stacks import allowed, of_type, plainly, stack_of


@task
def load(day, n):
    return [day, n]


@flow
def daily(day: str, n: int = 1):
    return load(day, n)


def scheduled(schedule="0 9 * * 1-5", flow=None, bound=None, **settings):
    spec = plain_chain() if flow is None else flow.build(**(bound or {}))
    return stack_of(compile_flow(spec).plan, schedule=schedule, **settings)


def schedules(stack):
    return of_type(stack, "AWS::Scheduler::Schedule")


def test_a_flow_without_a_schedule_has_none():
    stack = stack_of(compile_flow(plain_chain()).plan)
    assert not schedules(stack)
    assert "ScheduleState" not in stack["Parameters"]


def test_a_schedule_starts_the_alias_and_may_do_nothing_else():
    stack = plainly(scheduled(timezone="Europe/Berlin"))
    [schedule] = schedules(stack).values()
    assert schedule["ScheduleExpression"] == "cron(0 9 ? * 2-6 *)"
    assert schedule["ScheduleExpressionTimezone"] == "Europe/Berlin"
    assert schedule["State"] == {"Ref": "ScheduleState"}
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert schedule["Target"] == {
        "Arn": {"Ref": "Alias"},
        "RoleArn": {"Fn::GetAtt": ["ScheduleRole", "Arn"]},
        "Input": "{}",
    }
    assert allowed(stack)["ScheduleRole"] == {("states:StartExecution", "Alias")}
    assert stack["Parameters"]["ScheduleState"]["Default"] == "ENABLED"
    assert stack["Outputs"]["Schedule"]["Value"] == "0 9 * * 1-5"


def test_it_may_fire_within_a_window():
    [schedule] = schedules(scheduled(flexible_window=15)).values()
    assert schedule["FlexibleTimeWindow"] == {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15}


def test_either_day_is_two_schedules_that_start_one_execution_for_a_time():
    stack = plainly(scheduled("0 9 1 * mon"))
    first, second = schedules(stack).values()
    assert first["ScheduleExpression"] == "cron(0 9 1 * ? *)"
    assert second["ScheduleExpression"] == "cron(0 9 ? * 2 *)"
    for each in (first, second):
        assert each["Target"]["Arn"] == {"Ref": "ScheduleOnce"}
        assert json.loads(each["Target"]["Input"]) == {"time": "<aws.scheduler.scheduled-time>"}
    may = allowed(stack)
    assert may["ScheduleRole"] == {("states:StartExecution", "ScheduleOnce")}
    assert may["ScheduleOnceRole"] == {("states:StartExecution", "Alias")}
    once = stack["Resources"]["ScheduleOnce"]["Properties"]
    assert once["DefinitionSubstitutions"] == {"TargetArn": {"Ref": "Alias"}}


def test_without_overlap_a_guard_stands_between():
    stack = plainly(scheduled(no_overlap=True))
    assert allowed(stack)["ScheduleOnceRole"] == {("states:StartExecution", "ScheduleAlone")}
    assert allowed(stack)["ScheduleAloneRole"] == {
        ("states:StartExecution", "Alias"),
        ("states:ListExecutions", "StateMachine"),
    }


def test_a_parameter_is_given_the_scheduled_time():
    stack = scheduled(flow=daily, scheduled_time="day")
    [schedule] = schedules(stack).values()
    given = json.loads(schedule["Target"]["Input"])
    assert given == {"day": "<aws.scheduler.scheduled-time>"}
    stack = scheduled("0 9 1 * mon", flow=daily, scheduled_time="day")
    start = stack["Resources"]["ScheduleOnce"]["Properties"]["Definition"]["States"]["Start"]
    assert start["Arguments"]["Input"] == '{% $string({"day": $states.input.time}) %}'


def test_what_nobody_gives_a_value_when_it_starts_by_itself_is_told():
    with pytest.raises(ScheduleError, match="nobody gives it day; give a value with --param day="):
        scheduled(flow=daily)
    scheduled(flow=daily, bound={"day": "2026-01-31"})
    with pytest.raises(ScheduleError, match="no such parameter; it has day, n"):
        scheduled(flow=daily, scheduled_time="date")
    with pytest.raises(ScheduleError, match="'day'.* it has n"):
        scheduled(flow=daily, bound={"day": "2026-01-31"}, scheduled_time="day")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"schedule": "0 9 * * mo"}, "did you mean 'mon'?"),
        ({"timezone": "Europe/Berln"}, "Europe/Berlin"),
        ({"flexible_window": 0}, "greater than or equal to 1"),
        ({"flexible_window": 1441}, "less than or equal to 1440"),
        ({"scheduled_time": "a-b"}, "not the name of a parameter"),
    ],
)
def test_what_means_nothing_is_refused(settings, told):
    with pytest.raises(SettingsError, match=told):
        scheduled(**settings)


def test_linters_accept_stacks_and_guards_with_schedules():
    stacks = [
        scheduled(),
        scheduled("0 9 1 * mon", flexible_window=5, timezone="Europe/Berlin"),
        scheduled("rate(1 hour)", no_overlap=True, xray=True),
        scheduled("0 9 1 * mon", no_overlap=True, flow=daily, scheduled_time="day"),
    ]
    for stack in stacks:
        for machine in of_type(stack, "AWS::StepFunctions::StateMachine").values():
            assert problems(machine["Definition"]) == ""
        assert complaints(stack) == []
