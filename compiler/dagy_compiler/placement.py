"""Places: what a task run gets to run on. Equal places are one function or task definition."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from dagy_compiler.limits import FARGATE_GIVEN_STORAGE_GIB, LAMBDA_STORAGE_MB
from dagy_compiler.modes import ECS, LAMBDA, MICRO, STEP_FUNCTIONS, TIERS

FUNCTION = "WorkerFunction"
TASK_DEFINITION = "TaskDefinition"

X86_64 = "x86_64"

_SIZES = {(tier.memory_mb, tier.vcpu): tier.name for tier in TIERS.values()}


@dataclass(frozen=True, slots=True)
class Placement:
    """What a task run gets to run on.

    Attributes:
        executor: "lambda", "ecs" or "step-functions"; the last has none of what follows.
        memory_mb: memory, in MB.
        vcpu: processors; None on Lambda, which gives them by the memory.
        storage_mb: disk, in MB.
        environment: variables and their values, in order of names.
        secrets: variables and where their values are kept, in order of names.
        architecture: "x86_64" or "arm64".
    """

    executor: str
    memory_mb: int = 0
    vcpu: float | None = None
    storage_mb: int = 0
    environment: tuple[tuple[str, str], ...] = ()
    secrets: tuple[tuple[str, str], ...] = ()
    architecture: str = X86_64

    @property
    def name(self) -> str:
        """The logical id of its function or task definition in the template, if it has one.

        It says what is special, so that people know it, and depends on nothing else, so that it
        stays when other tasks of the flow change.

        Examples:
            >>> Placement("lambda", memory_mb=2048, storage_mb=512).name
            'WorkerFunction2048Mb'
        """
        if self.executor == STEP_FUNCTIONS:
            return "StepFunctions"
        special = [self._size()]
        if self.architecture != X86_64:
            special.append(self.architecture.title())
        if self.environment or self.secrets:
            content = json.dumps([self.environment, self.secrets]).encode()
            special.append(f"Env{hashlib.sha256(content).hexdigest()[:6]}")
        return (FUNCTION if self.executor == LAMBDA else TASK_DEFINITION) + "".join(special)

    def _size(self) -> str:
        size = ""
        given = LAMBDA_STORAGE_MB.start
        if self.executor == ECS:
            assert self.vcpu is not None
            given = FARGATE_GIVEN_STORAGE_GIB * 1024
            tier = _SIZES.get((self.memory_mb, self.vcpu))
            size = tier.title() if tier else f"{int(self.vcpu * 1024)}Cpu{self.memory_mb}Mb"
        elif self.memory_mb != TIERS[MICRO].memory_mb:
            size = f"{self.memory_mb}Mb"
        return size + (f"Disk{self.storage_mb}Mb" if self.storage_mb != given else "")

    def __str__(self) -> str:
        """The place as people read it: `lambda, 2048 MB, arm64`."""
        if self.executor == STEP_FUNCTIONS:
            return self.executor
        parts = [self.executor]
        if self.vcpu is not None:
            parts.append(f"{self.vcpu:g} vCPU")
        parts.append(f"{self.memory_mb} MB")
        if "Disk" in self._size():
            parts.append(f"{self.storage_mb} MB of disk")
        if self.architecture != X86_64:
            parts.append(self.architecture)
        named = [*(name for name, _ in self.environment), *(name for name, _ in self.secrets)]
        return ", ".join(parts) + (f", with {', '.join(named)}" if named else "")


def is_container(name: str) -> bool:
    """Tell whether the logical id of a place is that of a task definition."""
    return name.startswith(TASK_DEFINITION)


def mode_placement(mode: str) -> Placement:
    """Return the place of the task runs that ask for nothing."""
    tier = TIERS[mode]
    if tier.executor == LAMBDA:
        return Placement(LAMBDA, tier.memory_mb, storage_mb=LAMBDA_STORAGE_MB.start)
    return Placement(ECS, tier.memory_mb, tier.vcpu, FARGATE_GIVEN_STORAGE_GIB * 1024)
