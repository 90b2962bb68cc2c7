"""The reference model: what each task run of a world must come to, whatever the order of events.

It knows nothing of threads, timers or queues: it goes through the calls once, from first to last.
"""

import json
from typing import Any, NamedTuple

from dagy.interpreter.caching import CACHED
from dagy.interpreter.frontier import NOT_TAKEN
from tests.interpreter.worlds import Join, Kind

RESUMED = "from an earlier run"


class End(NamedTuple):
    """How a task run ends: after how many attempts, with which output, and what is said of it."""

    state: str
    attempts: int
    value: Any = None
    note: str | None = None


def expected(world, round, given, kept):
    """Return how each task run ends, by id, if nothing stops the rest when one fails.

    Args:
        world: the world.
        round: how often its flow was begun before, be it to retry or to resume it.
        given: the outputs that the run begins with, by id.
        kept: the outputs in the cache, by `cache_key`.
    """
    ends = {}
    for index, call in enumerate(world.calls):
        name = f"t{index}"
        if name in given:
            ends[name] = End("SUCCEEDED", 0, given[name], RESUMED)
        elif any(_has_failed(ends[f"t{number}"]) for number in call.depends_on):
            ends[name] = End("SKIPPED", 0)
        elif not _is_taken(call, ends):
            ends[name] = End("SKIPPED", 0, note=NOT_TAKEN)
        else:
            ends |= _ends_of(call, name, ends, _Round(world.kinds[call.kind], round, given, kept))
    return ends


class _Round(NamedTuple):
    kind: Kind
    number: int
    given: dict[str, Any]
    kept: dict[str, Any]


def _ends_of(call, name, ends, round):
    """How a call ends that is given all it needs, and its items if it is mapped."""
    if call.over is None:
        return {name: _end_of(call, name, 0, got_by(call, None, ends), round)}
    items = {
        f"{name}[{item}]": _end_of(call, f"{name}[{item}]", item, got_by(call, each, ends), round)
        for item, each in enumerate(listed(value_of(call.over, ends)))
    }
    failed = sum(map(_has_failed, items.values()))
    if failed > tolerated(round.kind, len(items)):
        return {name: End("FAILED", 1), **items}
    return {name: End("SUCCEEDED", 1, [end.value for end in items.values()]), **items}


def _end_of(call, name, item, got, round):
    if name in round.given:
        return End("SUCCEEDED", 0, round.given[name], RESUMED)
    if round.kind.cached and cache_key(name, got) in round.kept:
        return End("SUCCEEDED", 1, round.kept[cache_key(name, got)], CACHED)
    for attempt in range(1, round.kind.retries + 2):
        step = call.step(round.number, item, attempt)
        if step == "ok" or (step == "slow" and not round.kind.has_timeout):
            return End("SUCCEEDED", attempt, output(call, name, round.number, got))
        if step == "fatal":
            break
    return End("FAILED", attempt)


def tolerated(kind, items):
    """How many items of a map may fail."""
    return items // 2 if kind.tolerated == 0.5 else kind.tolerated or 0


def _has_failed(end):
    return end.state != "SUCCEEDED" and end.note != NOT_TAKEN


def _is_taken(call, ends):
    return all(ends[f"t{number}"].state == "SUCCEEDED" for number in call.needs) and all(
        bool(listed(ends[f"t{condition}"].value)) is side for condition, side in call.when
    )


# What the bodies of tasks do; see `worlds`.


def output(call, name, round, got):
    """What a call returns: who made it and when, what it was given, and a list for others."""
    return {"made": f"{name} in {round}", "got": got, "items": list(range(call.width))}


def got_by(call, each, ends):
    """What a call is given, in short: an item if it is mapped, and its inputs."""
    return short([each, [value_of(source, ends) for source in call.inputs]])


def short(value):
    """Return a value with only the name of each output in it: else it would grow with the flow."""
    match value:
        case {"made": made}:
            return made
        case list():
            return [short(item) for item in value]
        case _:
            return value


def listed(value):
    """Return the list in an output; that of a mapped call is one itself."""
    return value["items"] if isinstance(value, dict) else value or []


def value_of(source, ends):
    """Return the value of a source: of a join, that of the side that is taken."""
    if isinstance(source, Join):
        taken = listed(ends[f"t{source.condition}"].value)
        source = source.then if taken else source.otherwise
        return None if source is None else value_of(source, ends)
    return ends[f"t{source}"].value


def cache_key(name, got):
    """What must be the same for a cached output to be used."""
    return json.dumps([name, got])
