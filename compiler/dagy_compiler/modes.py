"""The execution modes, and the size and time that each gives a flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dagy.errors import CompileError
from dagy.options import MODES, nearest
from dagy_compiler.limits import LAMBDA_TIMEOUT_SECONDS

LAMBDA: Final = "lambda"
ECS: Final = "ecs"
STEP_FUNCTIONS: Final = "step-functions"

NANO, MICRO, SMALL, MEDIUM, LARGE, XLARGE = MODES


@dataclass(frozen=True, slots=True)
class Tier:
    """What an execution mode gives to task runs that ask for nothing.

    Attributes:
        name: of the mode.
        executor: "lambda" or "ecs".
        memory_mb: memory, in MB.
        vcpu: processors; None on Lambda, which gives them by the memory.
        timeout_seconds: limit of one invocation; None for none.
    """

    name: str
    executor: str
    memory_mb: int
    vcpu: float | None = None
    timeout_seconds: int | None = None


TIERS: Final = {
    tier.name: tier
    for tier in (
        Tier(NANO, LAMBDA, 1_024, timeout_seconds=LAMBDA_TIMEOUT_SECONDS),
        Tier(MICRO, LAMBDA, 1_024, timeout_seconds=LAMBDA_TIMEOUT_SECONDS),
        Tier(SMALL, ECS, 1_024, 0.5),
        Tier(MEDIUM, ECS, 2_048, 1),
        Tier(LARGE, ECS, 4_096, 2),
        Tier(XLARGE, ECS, 12_288, 4),
    )
}
"""The modes by name, from the smallest to the largest."""

SMALLEST_FARGATE: Final = SMALL


def check_mode(mode: str) -> None:
    """Refuse a mode that does not exist.

    Raises:
        CompileError: there is no such mode; names the nearest.
    """
    if mode not in TIERS:
        raise CompileError(
            f"there is no execution mode {mode!r}{nearest(mode, TIERS)}; "
            f"the modes are {', '.join(TIERS)}"
        )


def fitting_tier(memory_mb: int, vcpu: float) -> str | None:
    """Return the smallest mode on Fargate that gives so much, or None."""
    return next(
        (
            tier.name
            for tier in TIERS.values()
            if tier.vcpu is not None and tier.memory_mb >= memory_mb and tier.vcpu >= vcpu
        ),
        None,
    )
