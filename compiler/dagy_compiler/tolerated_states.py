"""The states of a map that tolerates failures of items, beside those that each map has.

An item whose last attempt has failed does not end in that failure, which would end the Map: a
worker stores it under the item's index, and the item puts out that index in place of an output.
What follows the Map counts these. No list of failures passes between states; it could be too large.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from dagy.mapping import share_of
from dagy_compiler.asl import Choice, Rule, Task
from dagy_compiler.jsonata import expression
from dagy_compiler.states import (
    FAILURE,
    INFRASTRUCTURE_RETRIER,
    NO_OUTPUT,
    Ending,
    asking,
    worker_task,
)

# Nothing else that an item puts out is a number: values are text, or objects that name one.
_IS_FAILED: Final = "$type($one) = 'number'"

_FAILED: Final = f"$filter($states.input, function($one) {{{_IS_FAILED}}})"
"""JSONata for the indices of the items that failed, of what all items have put out."""

OUTPUTS: Final = f"[$map($states.input, function($one) {{{_IS_FAILED} ? 'null' : $one}})]"
"""JSONata for what stands for the items' outputs, of what all items have put out."""


def item_failed(task_run_id: str, told: Collection[str], comment: str) -> Task:
    """Return the last state of an item that has failed for good.

    Args:
        task_run_id: of the map.
        told: the fields of its input besides the failure: the item, and whose values it stores.
        comment: names the map, for people.
    """
    given = {field: expression(f"$states.input.{field}") for field in (*FAILURE, *told)}
    return asking(
        {"failed": task_run_id, **given},
        Ending(None, expression("$states.input.item")),
        comment=f"Stores why an item of {comment} failed, which may be tolerated",
    )


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
        output={"item": expression(f"[{_FAILED}][{allowed}]")},
        next=too_many,
    )
    return Choice(choices=(one_too_many,), default=following)


def too_many_failed(task_run_id: str, around: Mapping[str, Any], comment: str) -> Task:
    """Return the state that fails with the error of the first item that is not tolerated.

    Args:
        task_run_id: of the map.
        around: what says in a call whose values it reads.
        comment: names the map, for people.
    """
    return worker_task(
        {"surface": task_run_id, "item": expression("$states.input.item"), **around},
        Ending(None, NO_OUTPUT),
        comment=f"Raises the error of the item of {comment} that was one too many to fail",
        retry=(INFRASTRUCTURE_RETRIER,),
    )
