"""The states that end an item of a map whose last attempt has failed, and that follow its Map.

A worker stores the failure, which else would be lost: that of an execution of its own becomes an
error of the Map's. Where it may be tolerated, the item then puts out its index in place of an
output, and what follows the Map counts these. No list of failures passes between states; it could
be too large.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from dagy.mapping import share_of
from dagy_compiler.asl import Choice, Rule, Task
from dagy_compiler.jsonata import expression
from dagy_compiler.states import (
    NO_OUTPUT,
    REDRIVEN,
    TOLD,
    Ending,
    asking,
    surfacing,
    worker_task,
)

# Nothing else that an item puts out is a number: values are text, or objects that name one.
_IS_FAILED: Final = "$type($one) = 'number'"

_FAILED: Final = f"$filter($states.input, function($one) {{{_IS_FAILED}}})"
"""JSONata for the indices of the items that failed, of what all items have put out."""

OUTPUTS: Final = f"[$map($states.input, function($one) {{{_IS_FAILED} ? 'null' : $one}})]"
"""JSONata for what stands for the items' outputs, of what all items have put out."""


def item_tolerated(task_run_id: str, told: Collection[str], comment: str) -> Task:
    """Return the last state of an item that has failed for good, where that may be tolerated.

    Args:
        task_run_id: of the map.
        told: the fields of its input besides the error: the item, and whose values it stores.
        comment: names the map, for people.
    """
    return asking(
        {"failed": task_run_id, **_given(told)},
        Ending(None, expression("$states.input.item")),
        comment=f"Stores why an item of {comment} failed, which may be tolerated",
    )


def item_raised(task_run_id: str, told: Collection[str], comment: str) -> Task:
    """Return the last state of an item that has failed for good, which fails its execution too.

    Args:
        task_run_id: of the map.
        told: as for `item_tolerated`, and `redriven`: by this the failures of one run of the Map
            are told from those of another.
        comment: names the map, for people.
    """
    # What it raises may be named as what a lost worker leaves, so that is not tried again here.
    return worker_task(
        {"failed": task_run_id, **_given(told)},
        Ending(None, NO_OUTPUT),
        comment=f"Stores why an item of {comment} failed, if it is the first, and raises it",
    )


def _given(told: Collection[str]) -> dict[str, str]:
    return {**TOLD, **{field: expression(f"$states.input.{field}") for field in told}}


def enough_succeeded(failures: float, following: str, too_many: str) -> Choice:
    """Return the state that follows a Map, and goes on if no more of its items failed than may.

    Shares are compared as products of whole numbers, which doubles hold exactly.

    Args:
        failures: as the task says.
        following: the state that comes next if so.
        too_many: the state that comes next if not.
    """
    count, items = f"$count({_FAILED})", "$count($states.input)"
    if isinstance(failures, float):
        share = share_of(failures)
        condition = f"{count} * {share.denominator} > {items} * {share.numerator}"
        allowed = f"$floor({items} * {share.numerator} / {share.denominator})"
    else:
        condition, allowed = f"{count} > {failures}", str(failures)
    one_too_many = Rule(
        condition=expression(condition),
        output={"item": expression(f"[{_FAILED}][{allowed}]"), **REDRIVEN},
        next=too_many,
    )
    return Choice(choices=(one_too_many,), default=following)


def too_many_failed(
    task_run_id: str, around: Mapping[str, Any], anew: Ending, comment: str
) -> Task:
    """Return the state that fails with the error of the first item that is not tolerated.

    Args:
        task_run_id: of the map.
        around: what says in a call whose values it reads.
        anew: how it hands over when the execution is redriven after that.
        comment: names the map, for people.
    """
    return surfacing(
        {"surface": task_run_id, "item": expression("$states.input.item"), **around},
        anew,
        f"Raises the error of the item of {comment} that was one too many to fail",
    )
