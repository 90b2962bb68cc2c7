"""Flows of what random ones do not draw: rich values, parameters, subflows, maps over maps."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from dagy import branch, flow, task, unmapped


@dataclass
class Order:
    number: int
    day: dt.date


@task
def ordered(number: int, day: dt.date) -> Order:
    return Order(number, day)


@task
def next_day(order: Order) -> Order:
    return Order(order.number + 1, order.day + dt.timedelta(days=1))


@task
def told(order: Order) -> str:
    return f"{order.number} on {order.day:%A}"


@task
def encoded(text: str) -> bytes:
    return text.encode()


@task(isolation="process")
def backwards(data: bytes) -> bytes:
    return data[::-1]


@task
def decoded(data: bytes) -> str:
    return data.decode()


@task
def joined(parts: list) -> str:
    return "-".join(map(str, parts))


@task
def listed(n: int) -> list[int]:
    return list(range(n))


@task(retries=1, retry_delay_seconds=0)
def doubled(n: int) -> int:
    return 2 * n


@task
def long(n: int) -> str:
    return str(n) * 150_000


@task
def length(text: str) -> int:
    return len(text)


@task(serializer="pickle")
def pickled(n: int) -> Any:
    return {n, n + 1}


@task
def among(n: int, numbers: Any) -> bool:
    return n in numbers


@flow
def rich(day: dt.date = dt.date(2026, 1, 31), number: int = 3):
    return told(next_day(next_day(ordered(number, day))))


@flow
def by_reference(text: str = "abc"):
    return decoded(backwards(encoded(text)))


@flow
def maps_over_maps(n: int = 3):
    once = doubled.map(listed(n))
    twice = doubled.map(once)
    return {"twice": twice, "lengths": length.map(long.map(once)), "joined": joined(twice)}


@flow
def within(n: int, day: dt.date):
    return told(ordered(doubled(n), day))


@flow
def subflows(n: int = 4, day: dt.date = dt.date(2026, 2, 1)):
    return [within(n, day), within(doubled(n), day), n]


@flow
def branches_on_parameters_and_maps(n: int = 0):
    mapped = doubled.map(listed(n))
    on_parameter = branch(n, lambda: joined(mapped), lambda: told(ordered(1, dt.date(2026, 1, 1))))
    on_map = branch(mapped, lambda: doubled.map(mapped), lambda: listed(2))
    after = joined([on_map, on_parameter], wait_for=[mapped])
    return [on_parameter, on_map, after]


@flow
def waits_across_a_branch(n: int = 1):
    before = doubled(n)
    side = branch(
        before, lambda: doubled(doubled(2, wait_for=[before])), lambda: doubled.map(listed(2))
    )
    return joined([side, doubled(5, wait_for=[before])], wait_for=[before])


@flow
def with_options(n: int = 2):
    patient = doubled.with_options(retries=2, retry_delay_seconds=2, timeout_seconds=30)
    return [among(n, pickled(n)), patient(n)]


@task
def keywords(**given: Any) -> dict:
    return given


@task
def of_bytes(data: bytes, like: Any) -> list:
    """Its text has a mark and what looks like one."""
    return [like, {"$artifact": data.decode()}, {"$codec": {"name": "x", "data": like}}]


@flow
def like_marks(it: Any = {"$codec": [{"$plain": 1}]}):  # noqa: B006
    return of_bytes(encoded("x"), it)


@flow
def like_references(it: Any = {"$task": "keywords"}):  # noqa: B006
    given = keywords(**{"$task": "keywords", "$literal": it, "$branch": {"$param": "it"}})
    return [given, {"$param": given}, keywords(**{"$param": "it"})]


@flow
def over_lists(n: int = 2):
    """The lists stand in the flow, so nobody counts their items."""
    of_one = doubled(n)
    some = doubled.map([1, of_one, n])
    many = doubled.map(range(41))
    both = keywords.map(first=[some, 2], second=unmapped(of_one))
    return [some, many, both, doubled.map([]), length.map(long.map(range(1, 4)))]


FLOWS = [
    (rich, {"day": "2027-02-28", "number": 9}),
    (by_reference, {}),
    (maps_over_maps, {}),
    (maps_over_maps, {"n": 0}),
    (maps_over_maps, {"n": 41}),
    (subflows, {"n": 5}),
    (branches_on_parameters_and_maps, {}),
    (branches_on_parameters_and_maps, {"n": 2}),
    (waits_across_a_branch, {}),
    (waits_across_a_branch, {"n": 0}),
    (with_options, {}),
    (over_lists, {}),
    (like_marks, {}),
    (like_marks, {"it": {"$artifact": {"kind": "bytes", "file": "x.bin", "bytes": 1}}}),
    (like_references, {"it": {"$literal": {"$task": 1}}}),
]
