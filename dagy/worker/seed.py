"""What an execution begins with: results of an earlier run, which it is resumed from.

An execution whose name ends in `-resumed` finds them in the bucket, under its own name:

    {"from": "3f2a...", "results": {"extract": "<JSON text>", "load[3]": {"claim": "<key>"}}}

Every invocation is told the name anyway, so nothing is added to the state machine for this. A task
run whose result is there is answered with it, and its function is not called. Where there is no
bucket, the same object stands in the execution's input beside the parameters, as `dagy:seed`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from dagy.interpreter import Assignment, Sink, Transition
from dagy.spec import FlowSpec
from dagy.state import StateType
from dagy.worker.claims import Claims, Handed

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

RESUMED = "-resumed"
"""The end of the name of an execution that has a seed in the bucket."""

SEED = "seed"
"""The key of a seed, within its execution."""

SEED_KEY = "dagy:seed"
"""The key of a seed in the input of an execution; no parameter can be called so."""

RESULTS = "results"
"""The keys of results of a flow that one worker runs as a whole begin so, within its execution."""


class Seed(NamedTuple):
    """Results of an earlier run.

    Attributes:
        claims: know what is handed on.
        came_from: the id of that run.
        results: what stands for them, by task run; items of maps too.
    """

    claims: Claims
    came_from: str = ""
    results: Mapping[str, Handed] = {}

    def given_to(self, assignment: Assignment, spec: FlowSpec) -> Assignment:
        """Return an assignment whose task runs succeed at once if their results are there."""
        if not self.results:
            return assignment
        ids = {run.id for run in spec.task_runs}
        found = {
            name: self.claims.text(handed)
            for name, handed in self.results.items()
            if name in ids or name.partition("[")[0] in ids
        }
        return assignment._replace(
            results={**assignment.results, **found}, reason=f"from run {self.came_from}"
        )


def seed_of(claims: Claims, sent: Any) -> Seed:
    """Return what an execution begins with; nothing, unless it is resumed.

    Args:
        claims: of the execution.
        sent: its input.
    """
    kept: Mapping[str, Any] = {}
    if claims.outlive and (claims.run or "").endswith(RESUMED):
        kept = json.loads(claims.text({"claim": f"{claims.run}/{SEED}"}))
    elif isinstance(sent, Mapping):
        kept = sent.get(SEED_KEY, {})
    return Seed(claims, kept["from"], kept["results"]) if kept else Seed(claims)


class Keeper:
    """A sink that keeps each result in the bucket as it comes, so that a resume can begin with it.

    It is for flows that one worker runs as a whole: between states, the history has the results.
    What cannot be kept will have to run again, and costs the run nothing else.

    Args:
        sink: is told of every transition.
        claims: of the execution.
    """

    def __init__(self, sink: Sink, claims: Claims) -> None:
        self._sink = sink
        self._claims = claims
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def emit(self, transition: Transition) -> None:
        """Pass a transition on, and keep the output in it."""
        self._sink.emit(transition)
        name, output = transition.task_run_id, transition.output
        if name is None or output is None or transition.state is not StateType.SUCCEEDED:
            return
        if self._pool is None:
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(8)
        self._pool.submit(partial(self._keep, f"{RESULTS}/{name}", output))

    def _keep(self, key: str, output: str) -> None:
        with suppress(Exception):
            self._claims.keep(key, output)
