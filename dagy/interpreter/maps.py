"""Maps: the items of a mapped task run, which are known once its arguments are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dagy.interpreter.run import Arguments, TaskRun
from dagy.mapping import common_length, keyed
from dagy.values import from_text, to_text

if TYPE_CHECKING:
    from dagy.values.artifacts import Store


def expand(run: TaskRun, store: Store | None = None) -> list[TaskRun]:
    """Return a task run for each item of a mapped task run.

    Args:
        run: the mapped task run.
        store: keeps artifacts among the items.

    Raises:
        LookupError: an argument refers to what is not there.
        ValueError: a mapped argument is not a list, or the lists differ in length.
    """
    args, kwargs = run.arguments()
    given = keyed(args, kwargs)
    mapped = {key: given[key] for key in run.spec.map_over or ()}
    length = common_length(mapped)
    # As text, so that each attempt of each item gets a copy of its own.
    texts = {
        key: [to_text(item, store, pickles=True) for item in value] for key, value in mapped.items()
    }
    return [
        _item(run, index, _arguments(run.arguments, texts, index, store)) for index in range(length)
    ]


def _item(run: TaskRun, index: int, arguments: Arguments) -> TaskRun:
    spec = replace(run.spec, id=f"{run.id}[{index}]")
    item = TaskRun(spec, run.body, run.policy, arguments)
    item.parent = run
    return item


def _arguments(
    whole: Callable[[], tuple[list[Any], dict[str, Any]]],
    texts: Mapping[str | int, Sequence[str]],
    index: int,
    store: Store | None,
) -> Arguments:
    def arguments() -> tuple[list[Any], dict[str, Any]]:
        args, kwargs = whole()
        for key, values in texts.items():
            if isinstance(key, int):
                args[key] = from_text(values[index], store)
            else:
                kwargs[key] = from_text(values[index], store)
        return args, kwargs

    return arguments
