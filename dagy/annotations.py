"""What JSON a type annotation accepts, as far as its outermost type tells.

`validate_parameters` refuses what does not fit before any code runs, in the worker too, so this
uses the standard library only. An annotation that says nothing about JSON accepts everything.
"""

from __future__ import annotations

import collections.abc
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any

_KINDS: dict[Any, tuple[str, ...]] = {
    None: ("null",),
    type(None): ("null",),
    bool: ("boolean",),
    int: ("integer",),
    float: ("integer", "number"),
    str: ("string",),
    list: ("array",),
    tuple: ("array",),
    collections.abc.Sequence: ("array",),
    collections.abc.Iterable: ("array", "string", "object"),
    dict: ("object",),
    collections.abc.Mapping: ("object",),
    collections.abc.MutableMapping: ("object",),
}


def annotations_of(fn: Callable[..., Any]) -> dict[str, Any]:
    """Return the annotations of a function, resolved; empty where they cannot be resolved."""
    try:
        return typing.get_type_hints(fn)
    except Exception:
        return {}


def accepted_kinds(annotation: Any) -> tuple[str, ...] | None:
    """Return the JSON kinds that an annotation accepts, or None when it accepts all.

    Kinds are JSON Schema's: null, boolean, integer, number, string, array, object.
    """
    if isinstance(annotation, typing.NewType):
        return accepted_kinds(annotation.__supertype__)
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return accepted_kinds(typing.get_args(annotation)[0])
    if origin is typing.Literal:
        return tuple(sorted({kind_of(value) for value in typing.get_args(annotation)}))
    if origin in (typing.Union, types.UnionType):
        members = [accepted_kinds(member) for member in typing.get_args(annotation)]
        known = [member for member in members if member is not None]
        if len(known) < len(members):
            return None
        return tuple(sorted({kind for member in known for kind in member}))
    if typing.is_typeddict(annotation):
        return ("object",)
    try:
        return _KINDS.get(origin or annotation)
    except TypeError:  # an unhashable annotation
        return None


def kind_of(value: Any) -> str:
    """Return the JSON kind of a value; the name of its type when it is not JSON."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list() | tuple():
            return "array"
        case dict():
            return "object"
        case _:
            return type(value).__name__


def fits(value: Any, accepts: Sequence[str] | None) -> bool:
    """Tell whether a JSON value is of one of the accepted kinds; None accepts all."""
    return accepts is None or kind_of(value) in accepts


def spell(annotation: Any) -> str:
    """Return an annotation as its author would write it."""
    if isinstance(annotation, type) and typing.get_origin(annotation) is None:
        return annotation.__name__
    return str(annotation).replace("typing.", "")


def describe(value: Any) -> str:
    """Return a value and its type in one short line, for a message."""
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({type(value).__name__})"
