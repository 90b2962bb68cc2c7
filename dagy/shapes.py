"""Shapes: which JSON a parameter accepts, as data, and what checks and converts by it.

A shape is a list of alternatives, of which a value has to have one:

    "null" "boolean" "integer" "number" "string" "array" "object"   a kind of JSON
    {"array": shape}, {"object": shape}                             each item, each value
    {"tuple": [shape, ...]}, {"tuple_of": shape}                    a list that becomes a tuple
    {"fields": {name: shape}, "required": [name, ...]}              an object with known keys
    {"const": value}                                                that value

In place of a shape, None accepts everything. An integer is a number, and becomes a float where only
a number is accepted: JSON has one kind for both, and Step Functions writes 3.0 as 3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Shape = list[Any]
Convert = Callable[[Any], Any]
"""Gives a value of a shape, converted; raises MisfitError. Never changes what it is given."""

_KINDS: dict[type, str] = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    tuple: "array",
    dict: "object",
}
_PYTHON = {
    "null": "None",
    "boolean": "bool",
    "integer": "int",
    "number": "float",
    "string": "str",
    "array": "list",
    "object": "dict",
}


class MisfitError(Exception):
    """A value does not have a shape.

    Attributes:
        problem: what it must be there: `must be int`.
        value: what it is instead, described; empty where that adds nothing.
        steps: where inside the value, innermost first.
    """

    def __init__(self, problem: str, value: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.value = value
        self.steps: list[str | int] = []

    def told_of(self, name: str, annotation: str) -> str:
        """Return what is wrong with a parameter: `must be int, not 'x' (str)`.

        Args:
            name: the parameter's.
            annotation: as its author wrote it.
        """
        instead = f", not {self.value}" if self.value else ""
        if self.steps:
            path = "".join(f"[{step!r}]" for step in reversed(self.steps))
            return f"must be {annotation}: {name}{path} {self.problem}{instead}"
        if self.problem.startswith("must be "):
            return f"must be {annotation}{instead}"
        return f"must be {annotation}{instead}: it {self.problem}"


def kind_of(value: Any) -> str:
    """Return the JSON kind of a value; the name of its type when it is not JSON."""
    kind = type(value)
    if kind in _KINDS:
        return _KINDS[kind]
    return next((name for base, name in _KINDS.items() if isinstance(value, base)), kind.__name__)


def is_shape(data: Any) -> bool:
    """Tell whether JSON is a shape."""
    return isinstance(data, list) and all(map(_is_part, data))


def _is_part(part: Any) -> bool:
    match part:
        case str():
            return part in _PYTHON
        case {"array": item, **rest} | {"object": item, **rest} | {"tuple_of": item, **rest}:
            return not rest and _is_shape_or_any(item)
        case {"tuple": list(items), **rest}:
            return not rest and all(map(_is_shape_or_any, items))
        case {"fields": dict(fields), "required": list(required), **rest}:
            return (
                not rest
                and fields.keys() >= set(required)
                and all(map(_is_shape_or_any, fields.values()))
            )
        case {"const": _, **rest}:
            return not rest
        case _:
            return False


def _is_shape_or_any(data: Any) -> bool:
    return data is None or is_shape(data)


def fits(value: Any, shape: Shape | None) -> bool:
    """Tell whether a JSON value has a shape."""
    try:
        converter(shape)(value)
    except MisfitError:
        return False
    return True


def describe(value: Any) -> str:
    """Return a value and its type in one short line, for a message."""
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({type(value).__name__})"


def spell_shape(shape: Shape | None) -> str:
    """Return a shape as the annotation that it stands for."""
    return "Any" if shape is None else " | ".join(map(_spell, shape))


def _spell(part: Any) -> str:
    match part:
        case str():
            return _PYTHON[part]
        case {"array": item}:
            return f"list[{spell_shape(item)}]"
        case {"object": item}:
            return f"dict[str, {spell_shape(item)}]"
        case {"tuple_of": item}:
            return f"tuple[{spell_shape(item)}, ...]"
        case {"tuple": items}:
            return f"tuple[{', '.join(map(spell_shape, items))}]"
        case {"const": value}:
            return repr(value)
        case _:
            return "dict"


def converter(shape: Shape | None) -> Convert:
    """Return what checks a JSON value against a shape and converts it."""
    if shape is None:
        return _unchanged
    # An integer stays one where that is accepted, whatever the order.
    parts = sorted(shape, key=lambda part: part == "number")
    each = [_of_part(part) for part in parts]
    return each[0] if len(each) == 1 else _first_that_fits(each, spell_shape(shape))


def _unchanged(value: Any) -> Any:
    return value


def _misfit(value: Any, expected: str) -> MisfitError:
    return MisfitError(f"must be {expected}", describe(value))


def _first_that_fits(each: list[Convert], expected: str) -> Convert:
    def convert(value: Any) -> Any:
        deepest: MisfitError | None = None
        for one in each:
            try:
                return one(value)
            except MisfitError as misfit:
                if misfit.steps and (deepest is None or len(misfit.steps) > len(deepest.steps)):
                    deepest = misfit
        raise deepest or _misfit(value, expected)

    return convert


def _of_part(part: Any) -> Convert:
    match part:
        case "number":
            return _number
        case str():
            return _of_kind(part)
        case {"array": item}:
            return _list(converter(item))
        case {"object": item}:
            return _dict(converter(item))
        case {"tuple_of": item}:
            return _uniform_tuple(converter(item))
        case {"tuple": items}:
            return _tuple(list(map(converter, items)), _spell(part))
        case {"fields": fields, "required": required}:
            return _fields({name: converter(field) for name, field in fields.items()}, required)
        case {"const": value}:
            return _const(value)
        case _:
            raise ValueError(f"no part of a shape: {part!r}")


def _of_kind(kind: str) -> Convert:
    types = frozenset(python for python, name in _KINDS.items() if name == kind)

    def convert(value: Any) -> Any:
        if type(value) in types or kind_of(value) == kind:
            return value
        raise _misfit(value, _PYTHON[kind])

    return convert


def _number(value: Any) -> Any:
    kind = kind_of(value)
    if kind == "number":
        return value
    if kind == "integer":
        try:
            return float(value)
        except OverflowError:
            raise _misfit(value, "float") from None
    raise _misfit(value, "float")


def _const(expected: Any) -> Convert:
    kind = kind_of(expected)

    def convert(value: Any) -> Any:
        if kind_of(value) == kind and value == expected:  # True == 1, and is not meant
            return value
        raise _misfit(value, repr(expected))

    return convert


_array = _of_kind("array")
_object = _of_kind("object")


def _within(step: str | int, convert: Convert, value: Any) -> Any:
    try:
        return convert(value)
    except MisfitError as misfit:
        misfit.steps.append(step)
        raise


def _items(convert: Convert, values: Any) -> list[Any]:
    try:
        return list(map(convert, values))
    except MisfitError:  # once more, to tell where
        return [_within(index, convert, value) for index, value in enumerate(values)]


def _list(convert: Convert) -> Convert:
    return lambda value: _items(convert, _array(value))


def _uniform_tuple(convert: Convert) -> Convert:
    return lambda value: tuple(_items(convert, _array(value)))


def _tuple(each: list[Convert], expected: str) -> Convert:
    def convert(value: Any) -> Any:
        if len(_array(value)) != len(each):
            raise _misfit(value, f"{expected} ({len(each)} items)")
        pairs = enumerate(zip(each, value, strict=True))
        return tuple(_within(index, one, item) for index, (one, item) in pairs)

    return convert


def _dict(convert: Convert) -> Convert:
    def convert_all(value: Any) -> Any:
        return {key: _within(key, convert, item) for key, item in _object(value).items()}

    return convert_all


def _fields(fields: dict[str, Convert], required: list[str]) -> Convert:
    def convert(value: Any) -> Any:
        missing = [name for name in required if name not in _object(value)]
        if missing:
            raise MisfitError(f"has no key {missing[0]!r}")
        return {
            key: _within(key, fields[key], item) if key in fields else item
            for key, item in value.items()
        }

    return convert
