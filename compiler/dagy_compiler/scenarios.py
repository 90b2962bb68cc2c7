"""What a flow's tasks may take, where that is not known: several guesses instead of one."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from statistics import median

_MOST = 16
"""Guesses for a small flow."""

_TOTAL = 8_000
"""Guesses times tasks, at most; a flow that is larger has one guess."""

_SHORTEST = 1e-6
"""Seconds that a task takes at least, so that every task comes after those before it."""

Scenario = Sequence[float]


def expected(durations: Sequence[float | None]) -> list[float]:
    """Return durations with the median of the known ones, or 1, for those not known.

    Args:
        durations: seconds by node; None where not known.
    """
    known = [duration for duration in durations if duration is not None]
    usual = median(known) if known else 1.0
    return [max(_SHORTEST, usual if duration is None else duration) for duration in durations]


def scenarios(durations: Sequence[float | None]) -> list[Scenario]:
    """Return guesses at how long each node may take, always the same for the same durations.

    With one guess, in which every task takes as long as any other, barriers between levels would
    seem to cost nothing. In these an unknown task takes from a quarter to four times the usual.

    Args:
        durations: seconds by node; None where not known. The known ones are taken for certain.
    """
    likely = expected(durations)
    if None not in durations:
        return [likely]
    count = max(4, min(_MOST, _TOTAL // len(durations)))
    if count == 1:
        return [likely]
    found: list[list[float]] = [[] for _ in range(count)]
    for node, duration in enumerate(durations):
        draw = Random(node).random  # of the node alone: others do not change its guesses
        for guess in found:
            factor = 1 if duration is not None else 4 ** (draw() + draw() - 1)
            guess.append(likely[node] * factor)
    return [tuple(guess) for guess in found]
