"""How the benchmarks measure: the median of several runs, taken in turns."""

import statistics
import time
from collections.abc import Callable


def seconds(action: Callable[[], object]) -> float:
    """Wall time of one call, in seconds."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def in_turns(*actions: Callable[[], object], rounds: int = 7) -> list[float]:
    """Median wall time of each action, in seconds; in turns, so that noise meets all alike."""
    samples: list[list[float]] = [[] for _ in actions]
    for _ in range(rounds):
        for action, taken in zip(actions, samples, strict=True):
            taken.append(seconds(action))
    return [statistics.median(taken) for taken in samples]
