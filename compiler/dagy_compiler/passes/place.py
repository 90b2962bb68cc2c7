"""place: say what each task run gets to run on."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from dagy.errors import CompileError, LimitError
from dagy.options import EXECUTORS, nearest
from dagy.spec import TaskRunSpec, TaskSpec
from dagy_compiler.fargate_sizes import not_offered, offered, too_large, way_out
from dagy_compiler.limits import (
    FARGATE_GIVEN_STORAGE_GIB,
    LAMBDA_ENVIRONMENT_BYTES,
    LAMBDA_MB_PER_VCPU,
    LAMBDA_MEMORY_MB,
    LAMBDA_STORAGE_MB,
    LAMBDA_TIMEOUT_SECONDS,
    LAMBDA_VCPUS,
)
from dagy_compiler.modes import (
    ECS,
    LAMBDA,
    MICRO,
    SMALLEST_FARGATE,
    STEP_FUNCTIONS,
    TIERS,
)
from dagy_compiler.placement import X86_64, Placement
from dagy_compiler.plan import Plan

OWN_VARIABLES_BYTES = 256
"""What Dagy's own environment variables of a function take, at most."""


@dataclass(frozen=True)
class Place:
    """Give every task run its place.

    The executor is the call's own, else the task's, else the mode's. On Lambda a task that says
    nothing gets what the mode gives, and one that says `vcpu` the memory that brings so many
    processors. On Fargate, where memory and processors are offered in pairs, what a task leaves out
    is the least that is offered with what it says; if it says neither, it gets the mode's size, or
    in a mode on Lambda the smallest tier's.

    Before: the mode exists. After: `placements` has every task run, each with a place that exists
    and that it fits.
    """

    def __call__(self, plan: Plan) -> Plan:
        """Return the plan with `placements`.

        Raises:
            CompileError: there is no such executor, or CloudFormation would replace a variable.
            LimitError: the place is too small; names a tier that is not.
        """
        known: dict[tuple[str, str | None], Placement] = {}
        placements = {}
        for run in plan.spec.task_runs:
            key = (run.task_name, run.executor)
            if key not in known:
                known[key] = _placement(plan, run)
            placements[run.id] = known[key]
        return replace(plan, placements=placements)


def own_executor(plan: Plan, task_run_id: str) -> str | None:
    """Return the executor that a call or its task asks for, or None where the mode decides."""
    return plan.runs[task_run_id].executor or plan.task_of(task_run_id).default_executor


NEEDS = ("memory_mb", "vcpu", "ephemeral_storage_mb", "architecture", "environment", "secrets")
"""What a task may ask of its place, besides the executor."""


def why_placed(plan: Plan, task_run_id: str) -> str:
    """Return in words what gives a task run of a worker its place."""
    run, task = plan.runs[task_run_id], plan.task_of(task_run_id)
    asked = [f"its {need}" for need in NEEDS if getattr(task, need)]
    if run.executor:
        asked.insert(0, "the executor of its call")
    elif task.default_executor:
        asked.insert(0, "its executor")
    return ", ".join(asked) if asked else f"mode {plan.mode}"


def _placement(plan: Plan, run: TaskRunSpec) -> Placement:
    task = plan.task_of(run.id)
    source = run.source or task.source
    where = f"task {task.name!r}" + (f" ({source})" if source else "")
    executor = own_executor(plan, run.id) or TIERS[plan.mode].executor
    if task.service is not None:
        return Placement(STEP_FUNCTIONS)
    if executor == STEP_FUNCTIONS:
        raise CompileError(
            f"{where}: executor {executor!r} is for what Step Functions does itself, and it runs no"
            " Python; use aws_task, sleep or approval, or leave the executor out"
        )
    if executor not in EXECUTORS:
        raise CompileError(
            f"{where}: there is no executor {executor!r}{nearest(executor, EXECUTORS)}; "
            f"the executors are {', '.join(EXECUTORS)}"
        )
    problem = too_large(task)
    if problem:
        raise LimitError(f"{where}: {problem}")
    _check_environment(task, executor, where)
    size = _on_lambda(task, where) if executor == LAMBDA else _on_fargate(task, plan.mode, where)
    return replace(
        size,
        environment=tuple(sorted(task.environment.items())),
        secrets=tuple(sorted(task.secrets.items())),
        architecture=task.architecture or X86_64,
    )


def _on_lambda(task: TaskSpec, where: str) -> Placement:
    limit = LAMBDA_TIMEOUT_SECONDS
    if task.timeout_seconds is not None and task.timeout_seconds > limit:
        raise LimitError(
            f"{where}: timeout_seconds is {task.timeout_seconds:g}, and a Lambda invocation ends "
            f"after {limit}; {way_out(task)}, where there is no limit, or use a shorter timeout"
        )
    storage = max(task.ephemeral_storage_mb or 0, LAMBDA_STORAGE_MB.start)
    if storage not in LAMBDA_STORAGE_MB:
        raise LimitError(
            f"{where}: ephemeral_storage_mb is {storage:,}, and Lambda has at most "
            f"{LAMBDA_STORAGE_MB[-1]:,}; {way_out(task)}"
        )
    return Placement(LAMBDA, _lambda_memory(task, where), storage_mb=storage)


def _lambda_memory(task: TaskSpec, where: str) -> int:
    vcpu, memory = task.vcpu or 0, task.memory_mb
    if vcpu > LAMBDA_VCPUS:
        raise LimitError(
            f"{where}: vcpu is {vcpu:g}, and Lambda has at most {LAMBDA_VCPUS}; {way_out(task)}"
        )
    needed = min(math.ceil(vcpu * LAMBDA_MB_PER_VCPU), LAMBDA_MEMORY_MB[-1])
    if memory is None:
        return max(needed, TIERS[MICRO].memory_mb)
    if memory > LAMBDA_MEMORY_MB[-1]:
        raise LimitError(
            f"{where}: memory_mb is {memory:,}, and Lambda has at most {LAMBDA_MEMORY_MB[-1]:,}; "
            f"{way_out(task)}"
        )
    if memory < needed:
        raise LimitError(
            f"{where}: Lambda gives processors by the memory, and {vcpu:g} vCPU take {needed:,} MB;"
            f" memory_mb is {memory:,}: make it that much, or leave it or vcpu out"
        )
    return max(memory, LAMBDA_MEMORY_MB.start)


def _on_fargate(task: TaskSpec, mode: str, where: str) -> Placement:
    tier = TIERS[mode] if TIERS[mode].executor == ECS else TIERS[SMALLEST_FARGATE]
    if task.vcpu is None and task.memory_mb is None:
        vcpu, memory = tier.vcpu, tier.memory_mb
    else:
        size = offered(task.vcpu, task.memory_mb)
        if size is None:
            raise LimitError(f"{where}: {not_offered(task)}")
        vcpu, memory = size
    gib = max(math.ceil((task.ephemeral_storage_mb or 0) / 1024), FARGATE_GIVEN_STORAGE_GIB)
    return Placement(ECS, memory, vcpu, gib * 1024)


def _check_environment(task: TaskSpec, executor: str, where: str) -> None:
    size = sum(len(f"{name}={value}".encode()) for name, value in task.environment.items())
    if executor == LAMBDA and size > LAMBDA_ENVIRONMENT_BYTES - OWN_VARIABLES_BYTES:
        raise LimitError(
            f"{where}: its environment takes {size:,} bytes, and a Lambda function has "
            f"{LAMBDA_ENVIRONMENT_BYTES - OWN_VARIABLES_BYTES:,} for it; {way_out(task)}, or keep "
            "it in Parameter Store and name it in secrets"
        )
    for name, value in task.environment.items():
        # CloudFormation would put a secret in its place, where everybody can read it.
        if "{{resolve:" in value:
            raise CompileError(
                f"{where}: environment[{name!r}] has '{{{{resolve:', which CloudFormation would "
                "replace; name the secret in secrets instead"
            )
