"""The plan: what the passes hand from one to the next. Each fills in one part of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from dagy.spec import FlowSpec, TaskRunSpec, TaskSpec
from dagy_compiler.asl import StateMachine
from dagy_compiler.limits import TASK_TIMEOUT_SECONDS
from dagy_compiler.program import Program
from dagy_compiler.tree import Tree


@dataclass(frozen=True, slots=True)
class Unit:
    """Task runs that share one invocation of a worker.

    Attributes:
        name: its state's name, before it is made legal: the task run's id, or the flow's name.
        task_runs: ids, in the flow's order.
        after: units that must have ended before, by index.
        whole_flow: whether it is all there is, so that the worker also makes the return value.
    """

    name: str
    task_runs: tuple[str, ...]
    after: tuple[int, ...] = ()
    whole_flow: bool = False


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
        timeout_seconds: of the state, each time it is entered; whole seconds.
    """

    retries: int = 0
    backoff: Backoff | None = None
    decided: bool = False
    timeout_seconds: int = TASK_TIMEOUT_SECONDS


@dataclass(frozen=True)
class Plan:
    """A flow on its way to a state machine. A field is None until its pass has run.

    Attributes:
        spec: the flow.
        mode: the execution mode asked for.
        placements: set by `place`: the executor of each task run, by id.
        units: set by `fuse`.
        tree: set by `structure`: the order of the units.
        attempts: set by `retry`: who makes the attempts of each unit, by the unit's index.
        program: set by `dataflow`.
        machine: set by `emit`.
    """

    spec: FlowSpec
    mode: str
    placements: dict[str, str] | None = None
    units: tuple[Unit, ...] | None = None
    tree: Tree | None = None
    attempts: tuple[Attempts, ...] | None = None
    program: Program | None = None
    machine: StateMachine | None = field(default=None, repr=False)

    @cached_property
    def runs(self) -> dict[str, TaskRunSpec]:
        """The task runs by id."""
        return {run.id: run for run in self.spec.task_runs}

    def task_of(self, task_run_id: str) -> TaskSpec:
        """Return the task that a task run calls."""
        return self.spec.tasks[self.runs[task_run_id].task_name]
