"""Options that several commands have: a command takes them as one value."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

Command = Callable[..., None]


def grouped(
    command: Command, name: str, options: Mapping[str, Any], made: Callable[[dict[str, Any]], Any]
) -> Command:
    """Give a command options in the place of one of its parameters.

    Args:
        command: as Typer takes it.
        name: of that parameter.
        options: what stands there instead: annotations by name; all may be left out.
        made: makes its value of theirs, which are None where nothing was given.

    Examples:
        >>> def greet(loud: bool, whom: str) -> None: ...
        >>> inspect.signature(grouped(greet, "whom", {"first": str, "last": str}, " ".join))
        <Signature (*, loud: bool, first: str = None, last: str = None)>
    """
    keyword = inspect.Parameter.KEYWORD_ONLY  # Typer calls by name, so any order will do
    parameters: list[inspect.Parameter] = []
    for own in inspect.signature(command, eval_str=True).parameters.values():
        if own.name != name:
            parameters.append(own.replace(kind=keyword))
            continue
        parameters += [
            inspect.Parameter(option, keyword, default=None, annotation=annotation)
            for option, annotation in options.items()
        ]

    @functools.wraps(command)
    def called(**given: Any) -> None:
        value = made({option: given.pop(option) for option in options})
        command(**given, **{name: value})

    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    called.__annotations__ = {each.name: each.annotation for each in parameters}
    return called
