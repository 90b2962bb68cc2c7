"""The options that say what a stack is to be, for the commands that build one.

Each is a setting of `dagy_compiler.settings`, which says what they mean and checks them; here they
are once more, as text, so that `dagy --help` need not load it.
"""

from __future__ import annotations

import inspect
from typing import Annotated, Any

import typer

from dagy.cli.grouped import Command, grouped

Settings = dict[str, Any]
"""Settings by name: those that were given."""


def _option(kind: Any, *names: str, metavar: str | None = None, text: str) -> Any:
    return Annotated[kind | None, typer.Option(*names, metavar=metavar, help=text)]


OPTIONS: dict[str, Any] = {
    "log_retention_days": _option(
        int, "--log-retention", metavar="DAYS", text="Days that what tasks print is kept; 30."
    ),
    "data_bucket": _option(
        str, "--data-bucket", metavar="NAME", text="A bucket of yours for large values."
    ),
    "data_retention_days": _option(
        int,
        "--data-retention",
        metavar="DAYS",
        text="Days that the stack's bucket keeps them; 30.",
    ),
    "keep_data": _option(
        bool, "--keep-data/--destroy-data", text="Whether the stack's bucket outlives it; it does."
    ),
    "worker_role": _option(
        str, "--worker-role", metavar="ARN", text="A role of yours for what runs tasks."
    ),
    "state_machine_role": _option(
        str, "--state-machine-role", metavar="ARN", text="A role of yours for the state machines."
    ),
    "execution_role": _option(
        str, "--execution-role", metavar="ARN", text="A role of yours for starting containers."
    ),
    "permissions_boundary": _option(
        str, "--permissions-boundary", metavar="ARN", text="A policy that bounds every role made."
    ),
    "role_path": _option(
        str, "--role-path", metavar="PATH", text="The path of roles, as /teams/data/."
    ),
    "cluster": _option(
        str, "--cluster", metavar="NAME", text="An ECS cluster of yours, by name or ARN."
    ),
    "subnets": _option(
        list[str], "--subnet", metavar="ID", text="A subnet for containers; repeatable."
    ),
    "security_groups": _option(
        list[str], "--security-group", metavar="ID", text="A security group for them; repeatable."
    ),
    "public_ip": _option(
        bool, "--public-ip/--no-public-ip", text="Whether containers get public addresses; they do."
    ),
    "functions_in_vpc": _option(
        bool,
        "--functions-in-vpc/--no-functions-in-vpc",
        text="Whether functions run in those subnets too; they do not.",
    ),
    "kms_key": _option(
        str, "--kms-key", metavar="ARN", text="A key of yours, by which everything is encrypted."
    ),
    "xray": _option(bool, "--xray/--no-xray", text="Trace executions with X-Ray."),
    "alarms": _option(
        bool,
        "--alarms/--no-alarms",
        text="Alarms on executions that fail, time out or are throttled.",
    ),
    "notify": _option(
        list[str],
        "--notify",
        metavar="WHO",
        text="Who is told of alarms: an e-mail address, the ARN of an SNS topic, or where the "
        "address of a webhook is kept (ssm:NAME, secretsmanager:NAME); repeatable.",
    ),
    "dashboard": _option(bool, "--dashboard/--no-dashboard", text="A CloudWatch dashboard."),
    "tags": _option(
        list[str], "--tags", metavar="K=V", text="A tag of everything; may be repeated."
    ),
    "reserved_concurrency": _option(
        int,
        "--reserved-concurrency",
        metavar="N",
        text="Invocations that each function may run at once, taken from the account's.",
    ),
    "schedule": _option(
        str,
        "--schedule",
        metavar="WHEN",
        text="When it starts by itself: '0 9 * * 1-5', @daily, 'rate(15 minutes)'.",
    ),
    "timezone": _option(
        str, "--timezone", metavar="ZONE", text="By whose clocks, as Europe/Berlin; UTC."
    ),
    "flexible_window": _option(
        int, "--flexible-window", metavar="MINUTES", text="Within which the schedule may fire."
    ),
    "no_overlap": _option(
        bool,
        "--no-overlap/--overlap",
        text="Whether the schedule starts nothing while an execution runs; it does.",
    ),
    "scheduled_time": _option(
        str, "--scheduled-time", metavar="PARAM", text="The parameter that is given that time."
    ),
}


def with_settings(command: Command) -> Command:
    """Give a command these options; it gets those that were given as `settings`.

    An option that the command has itself is left to it.
    """
    own = inspect.signature(command).parameters
    added = {name: annotation for name, annotation in OPTIONS.items() if name not in own}
    return grouped(command, "settings", added, _given)


def _given(values: dict[str, Any]) -> Settings:
    return {name: _value(name, value) for name, value in values.items() if value is not None}


def _value(name: str, given: Any) -> Any:
    if name != "tags":
        return given
    from dagy.tags import tags_of

    return tags_of(given)
