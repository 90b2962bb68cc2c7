"""What the role of a state machine must be allowed for tasks that Step Functions does itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from dagy.errors import CompileError
from dagy.services.catalog import SYNC, SYNC_2, operation_name
from dagy.services.integration import Integration
from dagy.spec import FlowSpec, TaskRunSpec, TaskSpec
from dagy_compiler.call_policies import call
from dagy_compiler.iam import Permission, arn
from dagy_compiler.iam_actions import UnknownActionError
from dagy_compiler.job_policies import FOLLOWED, JOB_EVENTS, OPTIMIZED_RULES
from dagy_compiler.service_states import known_arguments, where


def permissions(task: TaskSpec, run: TaskRunSpec) -> tuple[Permission, ...]:
    """Return what a state needs that does the work of a task run; a wait needs nothing.

    Raises:
        CompileError: it is not known what IAM calls what it does.
    """
    if task.service is None or task.service["kind"] in ("sleep", "sleep_until"):
        return ()
    integration, arguments = known_arguments(task, run)
    try:
        return tuple(_permissions(integration, arguments))
    except UnknownActionError as error:
        raise CompileError(f"{where(run)}: aws_task {integration.resource!r}: {error}") from error


def permissions_of(spec: FlowSpec) -> list[Permission]:
    """Return what the state machine of a flow needs for its service tasks.

    Raises:
        CompileError: it is not known what IAM calls what one of them does.
    """
    return [
        permission
        for run in spec.task_runs
        for permission in permissions(spec.tasks[run.task_name], run)
    ]


def _permissions(integration: Integration, arguments: Mapping[str, Any]) -> Iterator[Permission]:
    service, action = integration.service, integration.action
    if integration.sdk:
        service = _OPTIMIZED_NAMES.get(service, service)
    key = (service, action)
    is_job = integration.pattern in (SYNC, SYNC_2)
    own = OPTIMIZED_RULES.get(key)
    if own is not None:
        yield from own(arguments, is_job)
    else:
        name = integration.service
        operation = operation_name(name, action)
        yield from call(name, operation, arguments, *(FOLLOWED.get(key, ()) if is_job else ()))
    if is_job and key in JOB_EVENTS:
        # Step Functions makes this rule itself, and learns of the job's end by it.
        rule = arn("events", "rule/", JOB_EVENTS[key])
        yield Permission(("events:PutTargets", "events:PutRule", "events:DescribeRule"), (rule,))


_OPTIMIZED_NAMES: Final[Mapping[str, str]] = {
    "emr": "elasticmapreduce",
    "emrcontainers": "emr-containers",
    "emrserverless": "emr-serverless",
    "eventbridge": "events",
    "sfn": "states",
}
"""Services by the names of their optimized integrations: the same call takes the same."""
