"""Type annotations: resolving them, and writing down which JSON they accept.

What is accepted is a *shape*, plain JSON itself, so that it can stand in a FlowSpec and be checked
by a worker that has neither the annotation nor pydantic; see `dagy.shapes`. Standard library only.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import enum
import inspect
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from dagy.shapes import Shape, kind_of

_ANYTHING = (Any, object, inspect.Parameter.empty)
_ARRAYS = (list, collections.abc.Sequence, collections.abc.MutableSequence)
_OBJECTS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
_ATOMS: dict[Any, list[Any]] = {
    None: ["null"],
    type(None): ["null"],
    bool: ["boolean"],
    int: ["integer"],
    float: ["number"],
    str: ["string"],
    collections.abc.Iterable: ["array", "string", "object"],
}
# What pydantic reads from JSON, by the name of the type: importing the modules would cost the
# worker more than it needs.
_TEXTS = ("datetime.date", "datetime.datetime", "datetime.time", "uuid.UUID", "re.Pattern")
_SECRETS = ("pydantic.types.SecretStr", "pydantic.types.SecretBytes", "pydantic.types.Secret")


class Accepted(NamedTuple):
    """What an annotation accepts.

    Attributes:
        shape: the JSON that can fit; None when all can.
        exact: whether what has that shape does fit, and nothing but tuples and floats has to be
            converted. Otherwise it takes pydantic to tell, and to convert.
    """

    shape: Shape | None
    exact: bool


_ALL = Accepted(None, exact=True)


def annotations_of(fn: Callable[..., Any]) -> dict[str, Any]:
    """Return the annotations of a function, resolved; those that cannot be are left out."""
    try:
        return typing.get_type_hints(fn, include_extras=True)
    except Exception:  # one name that is not there spoils them all: take each by itself
        return _resolved_singly(inspect.unwrap(fn))


def _resolved_singly(fn: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, annotation in getattr(fn, "__annotations__", {}).items():
        alone = types.SimpleNamespace(__annotations__={name: annotation})
        names = getattr(fn, "__globals__", {})
        try:
            found |= typing.get_type_hints(alone, globalns=names, include_extras=True)
        except Exception:
            continue
    return found


def accepted(annotation: Any) -> Accepted:
    """Return which JSON an annotation accepts."""
    try:
        return _accepted(annotation)
    except RecursionError:  # a TypedDict that holds itself has no shape of finite size
        return _ALL
    except TypeError:  # no type at all
        return Accepted(None, exact=False)


def _accepted(annotation: Any) -> Accepted:
    if annotation in _ANYTHING or isinstance(annotation, typing.TypeVar):
        return _ALL
    if isinstance(annotation, typing.NewType):
        return _accepted(annotation.__supertype__)
    alias = getattr(typing, "TypeAliasType", None)  # `type X = ...`, from Python 3.12
    if alias is not None and isinstance(annotation, alias):
        aliased: Any = annotation
        return _accepted(aliased.__value__)
    origin, members = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        inner = _accepted(members[0])
        commented = all(isinstance(note, str) for note in members[1:])
        return inner if commented else inner._replace(exact=False)
    if origin is typing.Literal:
        return _literal(members)
    if origin in (typing.Union, types.UnionType):
        return _union(members)
    if typing.is_typeddict(annotation):
        return _typed_dict(annotation)
    return _generic(origin or annotation, members)


def _literal(values: tuple[Any, ...]) -> Accepted:
    exact = all(type(value) in (str, int, bool, type(None)) for value in values)
    plain = [value.value if isinstance(value, enum.Enum) else value for value in values]
    return Accepted([{"const": value} for value in plain], exact)


def _union(members: tuple[Any, ...]) -> Accepted:
    each = [_accepted(member) for member in members]
    exact = all(one.exact for one in each)
    shape: list[Any] = []
    for one in each:
        if one.shape is None:
            return Accepted(None, exact)
        shape.extend(part for part in one.shape if part not in shape)
    return Accepted(shape, exact)


def _typed_dict(kind: Any) -> Accepted:
    hints = typing.get_type_hints(kind, include_extras=True)
    fields = {name: _accepted(_unqualified(hint)) for name, hint in hints.items()}
    part = {
        "fields": {name: field.shape for name, field in fields.items()},
        "required": sorted(kind.__required_keys__),
    }
    return Accepted([part], all(field.exact for field in fields.values()))


def _unqualified(hint: Any) -> Any:
    wrapped = typing.get_origin(hint) in (typing.Required, typing.NotRequired)
    return typing.get_args(hint)[0] if wrapped else hint


def _generic(origin: Any, members: tuple[Any, ...]) -> Accepted:
    if origin in _ATOMS:
        return Accepted(list(_ATOMS[origin]), exact=True)
    if origin in _ARRAYS:
        item = _accepted(members[0]) if members else _ALL
        return Accepted(["array" if item.shape is None else {"array": item.shape}], item.exact)
    if origin in _OBJECTS:
        key, item = map(_accepted, members) if members else (_ALL, _ALL)
        part = "object" if item.shape is None else {"object": item.shape}
        return Accepted([part], item.exact and key in (_ALL, Accepted(["string"], exact=True)))
    if origin is tuple:
        return _tuple(members)
    return Accepted(_rich(origin), exact=False)


def _tuple(members: tuple[Any, ...]) -> Accepted:
    if not members or members[-1] is ...:
        item = _accepted(members[0]) if members else _ALL
        return Accepted([{"tuple_of": item.shape}], item.exact)
    each = [_accepted(member) for member in members]
    return Accepted([{"tuple": [one.shape for one in each]}], all(one.exact for one in each))


def _rich(origin: Any) -> Shape | None:
    """Return the shape of the JSON from which pydantic makes a type, as far as it is sure."""
    if not isinstance(origin, type):
        return None
    if issubclass(origin, enum.Enum):
        values = [member.value for member in origin]
        return [{"const": value} for value in values] if all(map(_is_atom, values)) else None
    if issubclass(origin, (set, frozenset)):
        return ["array"]
    if dataclasses.is_dataclass(origin):
        return ["object"]
    return ["string"] if _full_name(origin) in _TEXTS + _SECRETS else None


def _full_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _is_atom(value: Any) -> bool:
    return kind_of(value) in ("null", "boolean", "integer", "number", "string")


def is_secret(annotation: Any) -> bool:
    """Tell whether an annotation is a secret of pydantic's, or has one in it, as in a field."""
    return any(map(_is_secret, _parts(annotation)))


def _is_secret(part: Any) -> bool:
    return isinstance(part, type) and any(_full_name(base) in _SECRETS for base in part.__mro__)


def owns_keys(annotation: Any) -> bool:
    """Tell whether an annotation says of some dict in it that its keys are more than text."""
    return any(map(_is_keyed, _parts(annotation)))


def returns_keys(fn: Callable[..., Any]) -> bool:
    """Tell whether the annotation of what a function returns does; see `owns_keys`."""
    return owns_keys(annotations_of(fn).get("return"))


def _is_keyed(part: Any) -> bool:
    origin, members = typing.get_origin(part), typing.get_args(part)
    if not members or not isinstance(origin, type):
        return False
    return issubclass(origin, collections.abc.Mapping) and members[0] not in (str, Any, object)


def _parts(annotation: Any) -> Iterator[Any]:
    """Yield an annotation and all that it is made of: its members, and the fields of classes."""
    pending, seen = [annotation], {}
    while pending:
        part = pending.pop()
        if id(part) in seen or typing.get_origin(part) is typing.ClassVar:
            continue
        seen[id(part)] = part  # kept, so that no other can get its id
        yield part
        pending.extend([typing.get_origin(part), *typing.get_args(part), *_fields(part)])


def _fields(kind: Any) -> list[Any]:
    """Return the annotations of the fields of a class that has fields."""
    if hasattr(kind, "model_fields"):  # a model has annotations that are no fields, too
        return [field.annotation for field in kind.model_fields.values()]
    named_tuple = isinstance(kind, type) and hasattr(kind, "_fields")
    if named_tuple or typing.is_typeddict(kind) or dataclasses.is_dataclass(kind):
        return list(annotations_of(kind).values())
    return []


def spell(annotation: Any) -> str:
    """Return an annotation as its author would write it."""
    if isinstance(annotation, type) and typing.get_origin(annotation) is None:
        return annotation.__name__
    return str(annotation).replace("typing.", "")
