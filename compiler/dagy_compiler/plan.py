"""The plan: what the passes hand from one to the next. Each fills in one part of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from dagy.spec import FlowSpec, TaskRunSpec, TaskSpec
from dagy_compiler.asl import StateMachine
from dagy_compiler.limits import (
    LAMBDA_TIMEOUT_SECONDS,
    STARTING_SECONDS,
    TASK_TIMEOUT_SECONDS,
)
from dagy_compiler.modes import ECS, MICRO
from dagy_compiler.placement import FUNCTION, Placement, mode_placement
from dagy_compiler.program import Program
from dagy_compiler.tree import Tree, joined_in


@dataclass(frozen=True, slots=True)
class Unit:
    """Task runs that share one invocation of a worker.

    Attributes:
        name: its state's name, before it is made legal: the task run's id, or the flow's name.
        task_runs: ids, in the flow's order.
        after: units that must have ended before, by index.
        whole_flow: whether it is all there is, so that the worker also makes the return value.
        outputs: the task runs whose outputs are read outside, by other units or by the flow's
            return value; in the flow's order.
        placement: the logical id of the function or task definition that it runs on.
        why: why these task runs and no others, in words.
    """

    name: str
    task_runs: tuple[str, ...]
    after: tuple[int, ...] = ()
    whole_flow: bool = False
    outputs: tuple[str, ...] = ()
    placement: str = FUNCTION
    why: str = ""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Retries that Step Functions makes by itself.

    Attributes:
        interval_seconds: whole seconds before the first of them, at least 1.
        rate: factor from one delay to the next, at least 1.
        max_delay_seconds: what no delay passes; None where none would.
        retries: how many, at least 1.
    """

    interval_seconds: int
    rate: int
    max_delay_seconds: int | None
    retries: int


@dataclass(frozen=True, slots=True)
class Attempts:
    """Who makes the attempts of a unit.

    Attributes:
        retries: how many there can be after the first.
        backoff: Step Functions makes them by itself.
        decided: the worker decides after each failure, and another one if it died.
        timeout_seconds: of the state, each time it is entered; whole seconds. None on Fargate,
            where a unit may take as long as it sends heartbeats.
    """

    retries: int = 0
    backoff: Backoff | None = None
    decided: bool = False
    timeout_seconds: int | None = TASK_TIMEOUT_SECONDS


@dataclass(frozen=True)
class Plan:
    """A flow on its way to a state machine. A field is None until its pass has run.

    Attributes:
        spec: the flow.
        mode: the execution mode asked for.
        durations: seconds that task runs take, by id, as far as known.
        fuse: which task runs of mode micro may share an invocation: "off", "chains" or "auto".
        joins: how tasks wait for others: "tree", or "auto" for across branches too.
        placements: set by `place`: what each task run gets to run on, by id.
        units: set by `fuse`.
        tree: set by `structure`: the order of the units.
        attempts: set by `retry`: who makes the attempts of each unit, by the unit's index.
        program: set by `dataflow`.
        machine: set by `emit`.
        parts: set by `emit`: the machines that run inside of it or of each other, by name.
    """

    spec: FlowSpec
    mode: str
    durations: Mapping[str, float] = field(default_factory=dict)
    fuse: str = "off"
    joins: str = "tree"
    placements: dict[str, Placement] | None = None
    units: tuple[Unit, ...] | None = None
    tree: Tree | None = None
    attempts: tuple[Attempts, ...] | None = None
    program: Program | None = None
    machine: StateMachine | None = field(default=None, repr=False)
    parts: Mapping[str, StateMachine] = field(default_factory=dict, repr=False)

    @cached_property
    def runs(self) -> dict[str, TaskRunSpec]:
        """The task runs by id."""
        return {run.id: run for run in self.spec.task_runs}

    @cached_property
    def places(self) -> dict[str, Placement]:
        """What the units run on, by the logical id of each function or task definition.

        Once the machine is there, the function that is asked between tasks is among them.
        """
        used = {unit.placement for unit in self.units or ()}
        asked = f"${{{FUNCTION}Arn}}"
        if any(asked in machine.model_dump_json() for machine in self.machines):
            used.add(FUNCTION)
        every = [mode_placement(mode) for mode in (MICRO, self.mode)]
        every += (self.placements or {}).values()
        return {place.name: place for place in every if place.name in used}

    @property
    def machines(self) -> list[StateMachine]:
        """All machines, the outermost one first."""
        return [] if self.machine is None else [self.machine, *self.parts.values()]

    @property
    def has_bucket(self) -> bool:
        """Whether there is a bucket for what is too large to pass between states.

        Values pass between units, and to and from the items of a map. A container is given by S3
        what its overrides cannot hold, even where it runs the whole flow.
        """
        assert self.units is not None
        apart = len(self.units) > 1 or any(not unit.whole_flow for unit in self.units)
        return apart or any(place.executor == ECS for place in self.places.values())

    @cached_property
    def has_joins(self) -> bool:
        """Whether anything waits across branches, in any of the machines."""
        return self.tree is not None and any(True for _ in joined_in(self.tree))

    def function_seconds(self, place: str) -> int:
        """Return the timeout of a function, in seconds, by its logical id.

        It is longer where a task has one that Lambda would otherwise forestall, so that the worker
        can still report it.
        """
        return LAMBDA_TIMEOUT_SECONDS + STARTING_SECONDS * (place in self._late)

    @cached_property
    def _late(self) -> set[str]:
        """The places of tasks whose timeout leaves no time to report it in."""
        assert self.placements is not None
        latest = LAMBDA_TIMEOUT_SECONDS - STARTING_SECONDS
        timeouts = {name: task.timeout_seconds or 0 for name, task in self.spec.tasks.items()}
        runs = self.runs.values()
        return {self.placements[run.id].name for run in runs if timeouts[run.task_name] > latest}

    def task_of(self, task_run_id: str) -> TaskSpec:
        """Return the task that a task run calls."""
        return self.spec.tasks[self.runs[task_run_id].task_name]
