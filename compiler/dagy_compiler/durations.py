"""How long tasks take: what is known of it, and guesses where nothing is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from statistics import median

from dagy.spec import FlowSpec

_MOST = 16
_LEAST = 4
_TOTAL = 8_000
"""How many guesses, and how many guesses times tasks unless those would be too few."""

_SHORTEST = 1e-6
"""Seconds that a task takes at least, so that every task comes after those before it."""

Durations = Sequence[float]
"""Seconds by node."""


def known_durations(spec: FlowSpec, measured: Mapping[str, float]) -> dict[str, float]:
    """Return seconds by task run id: what was measured, else what the task expects, else nothing.

    How long a `sleep` takes stands in the flow, if no task or parameter says it.

    Args:
        spec: the flow.
        measured: seconds by task run id, as `dagy.history.task_durations` returns them.
    """
    known = {}
    for run in spec.task_runs:
        task = spec.tasks[run.task_name]
        seconds = measured.get(run.id, task.expected_seconds)
        sleeps = run.kwargs.get("seconds") if task.service == {"kind": "sleep"} else None
        if isinstance(sleeps, int):
            seconds = max(_SHORTEST, sleeps)
        if seconds is not None:
            known[run.id] = seconds
    return known


def expected(durations: Sequence[float | None]) -> Durations:
    """Return durations with the median of the known ones, or 1, for those that are not known."""
    known = [duration for duration in durations if duration is not None]
    usual = median(known) if known else 1.0
    return [max(_SHORTEST, usual if duration is None else duration) for duration in durations]


def guesses(durations: Sequence[float | None]) -> list[Durations]:
    """Return guesses at how long each node may take, always the same for the same durations.

    If every task took as long as any other, a barrier between two levels would cost nothing, and
    the tree of a flow whose durations nobody knows would be such barriers. So an unknown task takes
    from a quarter to four times the usual here, and a known one what is known.
    """
    likely = expected(durations)
    if None not in durations:
        return [likely]
    count = max(_LEAST, min(_MOST, _TOTAL // len(durations)))
    factors = [_factors(node, count) for node in range(len(durations))]
    return [
        [
            seconds if known is not None else seconds * factor[number]
            for known, seconds, factor in zip(durations, likely, factors, strict=True)
        ]
        for number in range(count)
    ]


def _factors(node: int, count: int) -> list[float]:
    """Return factors around 1; those of a node do not depend on what other nodes there are."""
    draw = Random(node).random
    return [4 ** (draw() + draw() - 1) for _ in range(count)]
