"""Binding the arguments of a call to the names of a function's parameters."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any


class Binding:
    """Binds calls of one function, as `inspect.Signature.bind` does.

    That takes several microseconds, and every task is bound twice: when it is traced, and when it
    runs. Most calls are plain: nothing is named, and no parameter is more than a name.

    Args:
        signature: of the function.
    """

    def __init__(self, signature: inspect.Signature) -> None:
        self._signature = signature
        parameters = signature.parameters.values()
        self._names = [each.name for each in parameters]
        self._required = sum(each.default is each.empty for each in parameters)
        self._is_plain = all(each.kind is each.POSITIONAL_OR_KEYWORD for each in parameters)

    def arguments(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is given, by the names of the parameters.

        Raises:
            TypeError: the function cannot be called so.
        """
        if self._is_plain and not kwargs and self._required <= len(args) <= len(self._names):
            return dict(zip(self._names, args, strict=False))
        return dict(self._signature.bind(*args, **kwargs).arguments)
