"""Mapping a task over lists: which arguments are mapped, and what each call gets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fractions import Fraction

    from dagy.spec import TaskRunSpec

SHARE_DECIMALS = 9
"""Of a share of items. With as many, an expression of a state machine compares shares exactly."""


class Unmapped:
    """An argument of `Task.map` that every call gets whole; made by `unmapped`."""

    def __init__(self, value: Any) -> None:
        self.value = value


def unmapped(value: Any) -> Any:
    """Mark an argument of `Task.map` that every call is to get whole, also if it is a list.

    Args:
        value: any argument, or an output of another task.

    Examples:
        Inside a flow: `convert.map(rows, unmapped(rates))`.
    """
    return Unmapped(value)


def keyed(args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str | int, Any]:
    """Return the arguments of a call in one dict: by position from 0, and by name."""
    found: dict[str | int, Any] = dict(enumerate(args))
    found.update(kwargs)
    return found


def calls_of(
    args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Iterator[tuple[list[Any], dict[str, Any]]]:
    """Yield the positional and keyword arguments of each call of a map over known lists.

    Raises:
        ValueError: nothing is mapped, a mapped argument is not a list, or their lengths differ.
    """
    given = keyed(args, kwargs)
    keys = [key for key, value in given.items() if not isinstance(value, Unmapped)]
    for index in range(common_length({key: given[key] for key in keys})):
        each = {
            key: value.value if isinstance(value, Unmapped) else value[index]
            for key, value in given.items()
        }
        yield (
            [each[position] for position in range(len(args))],
            {name: each[name] for name in kwargs},
        )


def item_of(run: TaskRunSpec, index: int) -> TaskRunSpec:
    """Return one item of a mapped task run as a task run of its own.

    Args:
        run: the mapped task run.
        index: of the item, from 0.
    """
    from dataclasses import replace  # only a worker needs it

    mapped = run.map_over or ()
    args = [_item(arg, index) if at in mapped else arg for at, arg in enumerate(run.args)]
    kwargs = {key: _item(arg, index) if key in mapped else arg for key, arg in run.kwargs.items()}
    return replace(run, id=f"{run.id}[{index}]", args=args, kwargs=kwargs, map_over=None)


def _item(argument: Any, index: int) -> Any:
    # Part of a reference is a reference with a longer path; anything else is a list as it stands.
    if isinstance(argument, dict):
        return {**argument, "path": [*argument.get("path", []), index]}
    return argument[index]


def known_length(run: TaskRunSpec) -> int | None:
    """Return how many items a mapped task run has, if that is known before it runs.

    It is where the lists stand in the flow. Not of none, which no item would tell of; nor where an
    argument is part of something, or decided by it: where that fails, the map does as a whole.
    """
    from dagy.spec.references import decides, references_in  # the worker has no need of it

    given = keyed(run.args, run.kwargs)
    lists = [given[key] for key in run.map_over or ()]
    if not lists or not all(isinstance(each, list) and each for each in lists):
        return None
    if decides(run.arguments) or any(each.path for each in references_in(run.arguments)):
        return None
    lengths = {len(each) for each in lists}
    return lengths.pop() if len(lengths) == 1 else None


def as_list(value: Any) -> Any:
    """Return a sequence that is there already, such as a range, as the list that it stands for."""
    if isinstance(value, (str, bytes, bytearray, list, tuple)) or not isinstance(value, Sequence):
        return value
    return list(value)


def common_length(mapped: Mapping[str | int, Any]) -> int:
    """Return the length that all mapped arguments have.

    Args:
        mapped: the arguments, by position from 0 or by name.

    Raises:
        ValueError: there is none, one is not a list, or the lengths differ.
    """
    if not mapped:
        raise ValueError("map needs an argument that is a list; all of them are unmapped")
    lengths = {}
    for key, value in mapped.items():
        if not isinstance(value, (list, tuple)):
            is_whole = isinstance(value, (str, bytes, dict)) or not hasattr(value, "__iter__")
            listed = "" if is_whole else "give list(...) of it, or "
            raise ValueError(  # noqa: TRY004 - one class for all that is wrong with a map
                f"{label(key)} of map is {type(value).__name__}, not a list; "
                f"{listed}wrap it in unmapped(...) if every call is to get it whole"
            )
        lengths[key] = len(value)
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{label(key)} has {length}" for key, length in lengths.items())
        raise ValueError(f"the lists that are mapped over differ in length: {told}")
    return next(iter(lengths.values()))


def tolerable(failures: float | None, items: int) -> int:
    """Return how many items of a map may fail for good while the map succeeds.

    Args:
        failures: as the task says: how many, or what share of the items, or None for none.
        items: that the map has.

    Examples:
        >>> tolerable(0.1, 25)
        2
    """
    if isinstance(failures, float):
        share = share_of(failures)
        return items * share.numerator // share.denominator
    return failures or 0


def share_of(failures: float) -> Fraction:
    """Return a share of items as it is meant: 0.29 of 100 items is 29, and 1/3 of 3 is 1."""
    from fractions import Fraction  # few maps tolerate a share

    return Fraction(failures).limit_denominator(10**SHARE_DECIMALS)


def is_tolerance(value: Any) -> bool:
    """Tell whether a value says how many items of a map may fail, or which share of them."""
    if isinstance(value, float):
        return 0 < value < 1 and 0 < share_of(value) < 1
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value is None or (whole and value >= 0)


def label(key: str | int) -> str:
    """Return how a message names an argument: `argument 1`, `argument 'rows'`."""
    return f"argument {key + 1}" if isinstance(key, int) else f"argument {key!r}"
