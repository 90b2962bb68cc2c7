"""place: say what each task run gets to run on."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from dagy.errors import CompileError, LimitError
from dagy.options import EXECUTORS, nearest
from dagy.spec import TaskRunSpec, TaskSpec
from dagy_compiler.limits import (
    FARGATE_GIVEN_STORAGE_GIB,
    FARGATE_MEMORY_MB,
    FARGATE_STORAGE_GIB,
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
    fitting_tier,
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
            f"after {limit}; {_way_out(task)}, where there is no limit, or use a shorter timeout"
        )
    storage = max(task.ephemeral_storage_mb or 0, LAMBDA_STORAGE_MB.start)
    if storage not in LAMBDA_STORAGE_MB:
        raise LimitError(
            f"{where}: ephemeral_storage_mb is {storage:,}, and Lambda has at most "
            f"{LAMBDA_STORAGE_MB[-1]:,}; {_way_out(task)}"
        )
    return Placement(LAMBDA, _lambda_memory(task, where), storage_mb=storage)


def _lambda_memory(task: TaskSpec, where: str) -> int:
    vcpu, memory = task.vcpu or 0, task.memory_mb
    if vcpu > LAMBDA_VCPUS:
        raise LimitError(
            f"{where}: vcpu is {vcpu:g}, and Lambda has at most {LAMBDA_VCPUS}; {_way_out(task)}"
        )
    needed = min(math.ceil(vcpu * LAMBDA_MB_PER_VCPU), LAMBDA_MEMORY_MB[-1])
    if memory is None:
        return max(needed, TIERS[MICRO].memory_mb)
    if memory > LAMBDA_MEMORY_MB[-1]:
        raise LimitError(
            f"{where}: memory_mb is {memory:,}, and Lambda has at most {LAMBDA_MEMORY_MB[-1]:,}; "
            f"{_way_out(task)}"
        )
    if memory < needed:
        raise LimitError(
            f"{where}: Lambda gives processors by the memory, and {vcpu:g} vCPU take {needed:,} MB;"
            f" memory_mb is {memory:,}: leave it or vcpu out, or {_way_out(task)}"
        )
    return max(memory, LAMBDA_MEMORY_MB.start)


def _way_out(task: TaskSpec) -> str:
    """Name the smallest tier on Fargate in which a task would fit."""
    size = _offered(task.vcpu, task.memory_mb)
    tier = None if size is None else fitting_tier(task.memory_mb or 0, task.vcpu or 0)
    if tier is None:
        return f"use executor={ECS!r}"
    return f"use executor={ECS!r} or --execution-mode {tier}"


def _on_fargate(task: TaskSpec, mode: str, where: str) -> Placement:
    tier = TIERS[mode] if TIERS[mode].executor == ECS else TIERS[SMALLEST_FARGATE]
    if task.vcpu is None and task.memory_mb is None:
        vcpu, memory = tier.vcpu, tier.memory_mb
    else:
        size = _offered(task.vcpu, task.memory_mb)
        if size is None:
            raise LimitError(f"{where}: {_not_offered(task)}")
        vcpu, memory = size
    gib = max(math.ceil((task.ephemeral_storage_mb or 0) / 1024), FARGATE_GIVEN_STORAGE_GIB)
    if gib > FARGATE_STORAGE_GIB[-1]:
        raise LimitError(
            f"{where}: ephemeral_storage_mb is {task.ephemeral_storage_mb:,}, and Fargate has at "
            f"most {FARGATE_STORAGE_GIB[-1] * 1024:,}; keep less on disk, or use S3"
        )
    return Placement(ECS, memory, vcpu, gib * 1024)


def _offered(vcpu: float | None, memory_mb: int | None) -> tuple[float, int] | None:
    """Return the smallest size of Fargate for what a task asks, or None.

    Args:
        vcpu: exactly so many processors; None for as many as the memory takes.
        memory_mb: exactly so much with `vcpu`, at least so much without; None for the least.
    """
    for offered, memories in FARGATE_MEMORY_MB.items():
        if vcpu is None:
            enough = [memory for memory in memories if memory >= (memory_mb or 0)]
            if enough:
                return offered, enough[0]
        elif vcpu == offered:
            if memory_mb is None:
                return offered, memories[0]
            return (offered, memory_mb) if memory_mb in memories else None
    return None


def _not_offered(task: TaskSpec) -> str:
    memory = task.memory_mb or 0
    if task.vcpu is None:
        return f"memory_mb is {memory:,}, and Fargate has at most {FARGATE_MEMORY_MB[16][-1]:,}"
    memories = FARGATE_MEMORY_MB.get(task.vcpu)
    if memories is None:
        listed = ", ".join(f"{vcpu:g}" for vcpu in FARGATE_MEMORY_MB)
        return f"vcpu is {task.vcpu:g}, and Fargate offers {listed}"
    tier = fitting_tier(memory, task.vcpu)
    fits = f"; it would fit --execution-mode {tier}" if tier else ""
    return (
        f"Fargate does not offer {memory:,} MB with {task.vcpu:g} vCPU, but {memories[0]:,} to "
        f"{memories[-1]:,} MB in steps of {memories[-1] - memories[-2]:,}; leave out memory_mb or "
        f"vcpu to get the least that goes with the other{fits}"
    )


def _check_environment(task: TaskSpec, executor: str, where: str) -> None:
    size = sum(len(f"{name}={value}".encode()) for name, value in task.environment.items())
    if executor == LAMBDA and size > LAMBDA_ENVIRONMENT_BYTES - OWN_VARIABLES_BYTES:
        raise LimitError(
            f"{where}: its environment takes {size:,} bytes, and a Lambda function has "
            f"{LAMBDA_ENVIRONMENT_BYTES - OWN_VARIABLES_BYTES:,} for it; {_way_out(task)}, or keep "
            "it in Parameter Store and name it in secrets"
        )
    for name, value in task.environment.items():
        # CloudFormation would put a secret in its place, where everybody can read it.
        if "{{resolve:" in value:
            raise CompileError(
                f"{where}: environment[{name!r}] has '{{{{resolve:', which CloudFormation would "
                "replace; name the secret in secrets instead"
            )
