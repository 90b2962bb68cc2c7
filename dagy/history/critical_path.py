"""What a run was waiting for: the chain of task runs that decided when it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime


def critical_path(ended_at: Mapping[str, datetime], edges: Iterable[Sequence[str]]) -> list[str]:
    """Return the task runs that the run's end hung on, in the order in which they ran.

    From the task run that ended last, go back to the one among its inputs that ended last, until
    one has no inputs: had any of these been quicker, the run would have been, but for workers being
    taken by others.

    Args:
        ended_at: when each task run that ran ended.
        edges: `[source, target]` pairs, as in `FlowSpec.edges`.
    """
    inputs: dict[str, list[str]] = {}
    for source, target in edges:
        if source in ended_at:
            inputs.setdefault(target, []).append(source)
    path: list[str] = []
    candidates = list(ended_at)
    while candidates:
        path.append(max(candidates, key=ended_at.__getitem__))
        candidates = inputs.get(path[-1], [])
    return path[::-1]
