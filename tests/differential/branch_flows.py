"""Flows with branches on every kind of value: what decides is named in their parameters."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from dagy import branch, flow, register_codec, task


def frame() -> Any:
    import pandas as pd  # a worker on ministack has none

    return pd.DataFrame({"n": [1]})


class Basket:
    """A type of the user's own, with a truth of its own.

    Args:
        truth: what it says to be; None if it cannot say.
    """

    def __init__(self, truth: bool | None) -> None:
        self.truth = truth

    def __bool__(self) -> bool:
        if self.truth is None:
            raise RuntimeError("nobody knows what is in it")
        return self.truth


register_codec(
    Basket, name="tests.basket", encode=lambda basket: basket.truth, decode=lambda it: Basket(it)
)

VALUES: dict[str, Callable[[], Any]] = {
    "true": lambda: True,
    "false": lambda: False,
    "none": lambda: None,
    "zero": lambda: 0,
    "minus zero": lambda: -0.0,
    "tiny": lambda: 1e-9,
    "huge": lambda: 2**70,
    "empty text": lambda: "",
    "the text false": lambda: "false",
    "the text 0": lambda: "0",
    "an expression": lambda: "{% false %}",
    "empty list": list,
    "a list of false": lambda: [False],
    "a list of an empty list": lambda: [[]],
    "empty object": dict,
    "an object": lambda: {"": None},
    "like a reference": lambda: {"$task": "made"},
    "no bytes": lambda: b"",
    "bytes": lambda: b"\0",
    "decimal zero": lambda: Decimal("0.00"),
    "a decimal": lambda: Decimal("1E-30"),
    "no time": lambda: dt.timedelta(0),
    "a day": lambda: dt.date(2026, 1, 1),
    "midnight": lambda: dt.time(0),
    "an empty set": set,
    "larger than a state": lambda: ["x" * 300_000],
    "an empty basket": lambda: Basket(False),
    "a full basket": lambda: Basket(True),
}

WITHOUT_TRUTH: dict[str, Callable[[], Any]] = {
    "a frame": frame,
    "an unknown basket": lambda: Basket(None),
}


def value_of(name: str) -> Any:
    return (VALUES | WITHOUT_TRUTH)[name]()


@task(serializer="pickle")
def made(name: str) -> Any:
    return value_of(name)


@task(serializer="pickle", retries=2, retry_delay_seconds=0.001)
def made_within(name: str) -> Any:
    return {"rows": [0, {"the one": value_of(name)}], "frame": frame()}


@task(executor="ecs", serializer="pickle")
def made_in_a_container(name: str) -> Any:
    return {"it": value_of(name)}


@task(memory_mb=512)
def basket_of(truth: bool) -> Basket:
    return Basket(truth)


@task
def said(what: Any) -> str:
    return f"said {what}"


@task(executor="lambda")
def apart(what: Any) -> str:
    return f"apart {what}"


@task
def both(*given: Any) -> list:
    return list(given)


@task
def below(n: int) -> list:
    return list(range(n))


@task
def same(it: Any) -> Any:
    return it


@flow
def whole(name: str):
    return branch(made(name), lambda: said("yes"), lambda: said("no"))


@flow
def part(name: str):
    found = made_within(name)
    return branch(found["rows"][1]["the one"], lambda: said("yes"), lambda: said("no"))


@flow
def in_a_container(name: str):
    found = made_in_a_container(name)
    return branch(found["it"], lambda: said("yes"), lambda: said("no"))


@flow
def at_once(name: str):
    """Of what decides, one comes out of a fork, one stays in it, and one goes into another."""
    before = same(name)
    outer, inner = made(before), same(before)
    ended = both(
        branch(inner, lambda: said("inner")),
        said("beside", wait_for=[before]),
        wait_for=[outer],
    )
    return both(
        branch(outer, lambda: both(said(1), said(2)), lambda: said(3)),
        branch(outer, lambda: apart(ended)),
        same(4, wait_for=[ended]),
    )


@flow
def one_in_another(name: str, second: bool = True):
    """In mode small, `nested` is skipped within a call that others share."""
    first = made(name)

    def deeper() -> Any:
        nested = same(second)
        return branch(nested, lambda: apart("both"), lambda: apart("first"))

    return both(branch(first, deeper, lambda: said("neither")), same("after"))


@flow
def waited_for(name: str):
    """What waits for a branch waits for all of it, and runs whichever side was taken."""
    found = made(name)

    def then() -> None:
        said(1)
        branch(same(0), lambda: apart("never"), lambda: said(2))

    side = branch(found, then, lambda: both(said(3)))
    after = same("after", wait_for=[side])
    return both(
        after, same(4, wait_for=[{"both": [after, side]}]), branch(after, lambda: said("again"))
    )


@flow
def again_and_again(name: str, second: bool = True):
    """The same values decide several branches; each side reads what the other one has left."""
    it, other = made(name), same(second)

    def within(*earlier: Any) -> Any:
        inner = branch(other, lambda: both("in", *earlier), lambda: both("out", *earlier))
        return branch(other, lambda: both(inner, *earlier), lambda: branch(it, lambda: said(inner)))

    first = branch(it, lambda: said("yes"), lambda: apart("no"))
    again = branch(it, lambda: within(first), lambda: both("b", first))
    last = branch(it, None, lambda: both("c", first, again))
    return both(first, again, last, branch(it, lambda: both(last, again)))


@flow
def on_a_map(n: int):
    return branch(same.map(below(n)), lambda: said("some"), lambda: said("none"))


@flow
def on_baskets(truths: list = [False]):  # noqa: B006
    """The worker that is asked has run nothing of the user's before."""
    return branch(basket_of.map(truths), lambda: said("some"), lambda: said("none"))


@flow
def no_such_key(name: str = "true"):
    return branch(made_within(name)["rows"][1]["nothing"], lambda: said("yes"))


@flow
def no_such_item(name: str = "true"):
    return branch(made_within(name)["rows"][7], lambda: said("yes"))


@flow(retries=1)
def on_parameters(
    flag: bool = False,
    number: int = 0,
    text: str = "",
    options: dict = {"deep": [None]},  # noqa: B006
    maybe: int | None = None,
):
    """The first branch looks at the input itself; the others are told."""
    first = branch(flag, lambda: said("flag"))
    given = both(number, first)
    return both(
        branch(number, lambda: both(given, "number"), lambda: said(given)),
        branch(text, lambda: both(branch(flag, lambda: apart(given)), said("text"))),
        branch(options["deep"][0], lambda: both(given, "option")),
        branch(maybe, lambda: both(given, "maybe")),
        branch(flag, lambda: both(given, "again"), lambda: both(given, "not again")),
        given,
    )


@flow
def on_a_flag(flag: bool):
    return branch(flag, lambda: said("yes"), lambda: said("no"))


@flow
def on_a_number(number: float = 1e-9, day: dt.date = dt.date(2026, 1, 1)):
    return branch(number, lambda: said("yes"), lambda: said(day))


@flow
def on_a_list(items: list = [0]):  # noqa: B006
    """The first two look at the input, the third at a part of it, for which a worker is asked."""
    some = branch(items, lambda: said("some"), lambda: said("none"))
    return both(some, branch(items, lambda: said("again")), branch(items[0], lambda: said("one")))


@flow
def on_nested_lists(rows: list[list[int]] = [[0]], flag: bool = True):  # noqa: B006
    """More is to be checked of `rows` than its kind, so a worker does."""
    return branch(flag, lambda: said("yes"), lambda: said(rows))
