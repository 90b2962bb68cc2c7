"""What Fargate offers for what a task asks, and in words what would do where it offers nothing."""

from __future__ import annotations

from dagy.spec import TaskSpec
from dagy_compiler.limits import FARGATE_MEMORY_MB, FARGATE_STORAGE_GIB
from dagy_compiler.modes import ECS, fitting_tier

Size = tuple[float, int]
"""Processors, and memory in MB."""


def offered(vcpu: float | None, memory_mb: int | None) -> Size | None:
    """Return the smallest size of Fargate for what a task asks, or None.

    Args:
        vcpu: exactly so many processors; None for as many as the memory takes.
        memory_mb: exactly so much with `vcpu`, at least so much without; None for the least.
    """
    size = sufficient(vcpu or 0, memory_mb or 0)
    if size is None or vcpu is None:
        return size
    return size if size == (vcpu, memory_mb or size[1]) else None


def sufficient(vcpu: float, memory_mb: int) -> Size | None:
    """Return the smallest size of Fargate that has at least so much of both, or None."""
    return next(
        (
            (cpus, memory)
            for cpus, memories in FARGATE_MEMORY_MB.items()
            for memory in memories
            if cpus >= vcpu and memory >= memory_mb
        ),
        None,
    )


def too_large(task: TaskSpec) -> str | None:
    """Return in words what of a task's needs is more than any place has, or None."""
    processors, memories = max(FARGATE_MEMORY_MB.items())
    for need, most, way_out in (
        ("memory_mb", memories[-1], "split its work over several tasks"),
        ("vcpu", processors, "split its work over several tasks"),
        (
            "ephemeral_storage_mb",
            FARGATE_STORAGE_GIB[-1] * 1024,
            "keep less on disk at once, as by S3, or split its work over several tasks",
        ),
    ):
        asked = getattr(task, need) or 0
        if asked > most:
            return (
                f"{need} is {asked:,}, and the largest place, on Fargate, has {most:,}; {way_out}"
            )
    return None


def not_offered(task: TaskSpec) -> str:
    """Return in words that no size of Fargate is what a task asks, and which would do."""
    vcpu, memory = task.vcpu or 0, task.memory_mb or 0
    size = sufficient(vcpu, memory)
    assert size is not None, "more than any place has"
    enough = f"the least that is enough is vcpu={size[0]:g} with memory_mb={size[1]}"
    if vcpu not in FARGATE_MEMORY_MB:
        listed = ", ".join(f"{cpus:g}" for cpus in FARGATE_MEMORY_MB)
        return f"vcpu is {vcpu:g}, and Fargate offers {listed}; {enough}"
    memories = FARGATE_MEMORY_MB[vcpu]
    return (
        f"Fargate does not offer {memory:,} MB with {vcpu:g} vCPU, but {memories[0]:,} to "
        f"{memories[-1]:,} MB in steps of {memories[-1] - memories[-2]:,}; {enough}, or leave out "
        "one of them to get the least that goes with the other"
    )


def way_out(task: TaskSpec) -> str:
    """Say how a task that does not fit Lambda fits Fargate."""
    size = offered(task.vcpu, task.memory_mb)
    if size is None:
        return f"use executor={ECS!r} with another size: {not_offered(task)}"
    tier = fitting_tier(task.memory_mb or 0, task.vcpu or 0)
    given = (
        f" or --execution-mode {tier}" if tier else f", with {size[0]:g} vCPU and {size[1]:,} MB"
    )
    return f"use executor={ECS!r}{given}"
