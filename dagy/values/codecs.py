"""Codecs that users register for types of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from dagy.errors import CodecError, DefinitionError

T = TypeVar("T")

_PLAIN = (type(None), bool, int, float, str, list, tuple, dict)


class Codec(NamedTuple):
    """How values of one type cross.

    Attributes:
        type: of exactly this type, and no subclass: those would come back as something else.
        name: what the text calls it.
        encode: gives plain data, or anything else that can cross.
        decode: gives the value again.
    """

    type: type
    name: str
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]


_by_type: dict[type, Codec] = {}
_by_name: dict[str, Codec] = {}


def register_codec(
    kind: type[T], *, name: str, encode: Callable[[T], Any], decode: Callable[[Any], T]
) -> None:
    """Let values of a type cross from task to task, and come back as what they were.

    Call it where the type is defined, so that whoever imports the tasks has it too. A later call
    for the same name replaces the earlier one.

    Args:
        kind: the type; subclasses are not meant.
        name: what recorded values call it. Keep it: runs of the history refer to it.
        encode: gives plain data, or anything else that can cross (bytes, a frame, a dataclass).
        decode: gives the value again from that.

    Raises:
        DefinitionError: the type is JSON by itself, or the name is another type's.

    Examples:
        >>> from fractions import Fraction
        >>> register_codec(
        ...     Fraction,
        ...     name="fraction",
        ...     encode=lambda value: [value.numerator, value.denominator],
        ...     decode=lambda data: Fraction(*data),
        ... )
    """
    if not isinstance(kind, type) or kind in _PLAIN:
        raise DefinitionError(f"register_codec: {kind!r} is no type that could need a codec")
    if not isinstance(name, str) or not name:
        raise DefinitionError(f"register_codec: name must be a str that is not empty, not {name!r}")
    known = _by_name.get(name)
    if known is not None and _full_name(known.type) != _full_name(kind):
        raise DefinitionError(
            f"register_codec: {name!r} is the name of the codec of {_full_name(known.type)} "
            f"already; give that of {_full_name(kind)} another"
        )
    codec = Codec(kind, name, encode, decode)
    _by_type[kind] = _by_name[name] = codec


def codec_of(kind: type) -> Codec | None:
    """Return the codec of a type, if it has one."""
    return _by_type.get(kind)


def decode(name: str, data: Any) -> Any:
    """Return the value that the codec of a name encoded.

    Raises:
        CodecError: there is no such codec here, or it fails.
    """
    codec = _by_name.get(name)
    if codec is None:
        raise CodecError(
            f"the value was written by the codec {name!r}, and none of that name is registered "
            "here; call dagy.register_codec in a module that the tasks import"
        )
    try:
        return codec.decode(data)
    except Exception as error:
        raise CodecError(f"the codec {name!r} cannot read what it wrote: {error}") from error


def _full_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
