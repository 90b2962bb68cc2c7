"""Values that are more than plain JSON: written as JSON with marks, and read again.

What pydantic can serialise becomes JSON, and comes back as what it was where the consumer is
annotated. Artifacts and values with a codec become `{"$artifact": ...}` and `{"$codec": ...}`, and
come back by themselves. Pydantic is imported when a value turns up that needs it.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import math
from collections import deque
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, cast

from dagy.annotations import is_secret, owns_keys
from dagy.errors import CodecError
from dagy.values.marks import ARTIFACT, CODEC, MARKS, Lookalike, spelled

if TYPE_CHECKING:
    from dagy.values.artifacts import Store
    from dagy.values.codecs import Codec

_encode = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode

# Of a class: asked for each of its values.
_is_secret = lru_cache(is_secret)
_owns_keys = lru_cache(owns_keys)


class Writer:
    """Turns a value into JSON, piece by piece, and knows where it is.

    Args:
        store: takes artifacts; None refuses them.
        any_keys: keys of dicts may be more than text.
        pickles: what cannot cross otherwise is pickled, if the store takes pickles.
        reveal: secrets become what is in them.
    """

    def __init__(
        self,
        store: Store | None,
        *,
        any_keys: bool = False,
        pickles: bool = False,
        reveal: bool = False,
    ) -> None:
        self._store = store
        self._marks = True
        self._looks_alike = False
        self._any_keys = any_keys
        self._pickles = pickles and store is not None and store.pickles
        self._reveal = reveal

    def text(self, value: Any) -> str:
        """Return a value as JSON text in which artifacts and the like are marked.

        Raises:
            CodecError: something in it cannot cross.
        """
        written = self._write(value, "")
        return spelled(written) if self._looks_alike else _encode(written)

    def unmarked(self, value: Any) -> Any:
        """Return a value as JSON that needs no mark.

        Raises:
            CodecError: something in it cannot cross, or not without a mark.
        """
        self._marks = False
        return self._write(value, "")

    def _write(self, value: Any, path: str) -> Any:
        from dagy.values.codecs import codec_of

        codec = codec_of(type(value))
        if codec is not None:
            return self._coded(codec, value, path)
        match value:
            case enum.Enum():
                return self._write(value.value, path)
            case None | bool() | int() | float() | str():
                return _scalar(value, path)
            case dict():
                return self._dict(value, path)
            case list() | tuple() | deque():
                return [self._write(item, f"{path}[{i}]") for i, item in enumerate(value)]
            case set() | frozenset():
                # In an order of its own, or the same set would be two texts in two processes.
                return sorted((self._write(item, path) for item in value), key=json.dumps)
        return self._object(value, path)

    def _coded(self, codec: Codec, value: Any, path: str) -> dict[str, Any]:
        if not self._marks:
            raise _refused(value, path, "has a codec of its own; return it from a task instead")
        try:
            data = codec.encode(value)
        except Exception as error:
            raise _refused(value, path, f"its codec {codec.name!r} failed: {error}") from error
        return {CODEC: {"name": codec.name, "data": self._write(data, path)}}

    def _dict(self, value: dict[Any, Any], path: str) -> dict[str, Any]:
        written: dict[str, Any] = {}
        for key, item in value.items():
            name = self._key(key, path)
            if name in written:
                raise CodecError(f"value{path} has two keys that JSON spells {name!r}", path=path)
            written[name] = self._write(item, f"{path}[{key!r}]")
        if self._marks and len(written) == 1 and not MARKS.isdisjoint(written):
            self._looks_alike = True
            return Lookalike(written)
        return written

    def _key(self, key: Any, path: str) -> str:
        if isinstance(key, str):
            return str.__str__(key)
        if self._any_keys:
            match self._write(key, path):
                case str(text):
                    return text
                case bool() | int() | float() as number:
                    return json.dumps(number)
        raise CodecError(
            f"value{path} has the key {key!r} ({type(key).__name__}); keys of a dict that crosses "
            "to another task must be str, or what the annotation of a parameter or of what a task "
            "returns says, as in dict[int, str]",
            path=path,
        )

    def _object(self, value: Any, path: str) -> Any:
        from dagy.values import artifacts, scalars

        if artifacts.is_artifact(value):
            return self._artifact(value, path)
        if scalars.is_scalar(value):
            try:
                return self._write(scalars.as_python(value), path)
            except scalars.BentError as error:
                raise _refused(value, path, str(error)) from None
        if isinstance(value, PurePath):
            return str(value)
        kind: Any = type(value)
        if _is_secret(kind) and hasattr(value, "get_secret_value"):
            return self._secret(value, path)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return self._owner(value, path, self._dataclass)
        if hasattr(kind, "__pydantic_serializer__") and hasattr(value, "model_dump"):
            return self._owner(value, path, self._model)
        try:
            return _by_pydantic(value, path)
        except CodecError:
            if not self._pickles:
                raise
            return self._artifact(artifacts.Pickled(value), path)

    def _owner(self, value: Any, path: str, write: Callable[[Any, str], Any]) -> Any:
        """Write what has annotated fields, which say what the keys of its dicts are."""
        before, kind = self._any_keys, cast("Any", type(value))
        self._any_keys = before or _owns_keys(kind)
        try:
            return write(value, path)
        finally:
            self._any_keys = before

    def _dataclass(self, value: Any, path: str) -> dict[str, Any]:
        return {
            field.name: self._write(getattr(value, field.name), f"{path}.{field.name}")
            for field in dataclasses.fields(value)
        }

    def _secret(self, value: Any, path: str) -> Any:
        if not self._reveal:
            raise _refused(value, path, "a secret does not cross; let the consumer read it itself")
        content = value.get_secret_value()
        if not isinstance(content, bytes):
            return self._write(content, path)
        try:
            return content.decode()
        except UnicodeDecodeError:
            raise _refused(value, path, "a secret has to be text, in UTF-8") from None

    def _model(self, value: Any, path: str) -> Any:
        try:
            # Not as JSON: that would turn a secret into asterisks, and refuse an artifact.
            dumped = value.model_dump(mode="python", by_alias=True, round_trip=True)
            return self._write(dumped, path)
        except CodecError:
            for name, item in value:  # the dump is dicts all through; the path has attributes
                self._write(item, f"{path}.{name}")
            raise

    def _artifact(self, value: Any, path: str) -> dict[str, Any]:
        from dagy.values import artifacts

        told = value.value if isinstance(value, artifacts.Pickled) else value
        if self._store is None:
            raise _refused(
                told,
                path,
                "a run keeps such a value in a file, so that it cannot be a parameter or a literal "
                "in a flow; make it in a task and use that one's output, or pass where it is kept",
            )
        try:
            return {ARTIFACT: artifacts.write(value, self._store)}
        except CodecError:
            raise
        except Exception as error:  # whatever a framework raises for what Parquet does not have
            raise _refused(told, path, f"it cannot be written: {error}") from error


def _scalar(value: Any, path: str) -> Any:
    """Return a scalar as one of exactly that type, as a subclass may print as anything."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if math.isfinite(value):
        return float(value)
    raise CodecError(f"value{path} is {value}, which JSON does not have", path=path)


def restored(value: Any, store: Store | None) -> Any:
    """Return what a text that `Writer.text` wrote holds, with everything marked as it was.

    Args:
        value: as `dagy.values.marks.parsed` returns it.
        store: has the artifacts.

    Raises:
        CodecError: an artifact is not there, or no codec of that name is registered.
    """
    if isinstance(value, list):
        return [restored(item, store) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and not isinstance(value, Lookalike):
        if ARTIFACT in value:
            from dagy.values import artifacts

            return artifacts.read(value[ARTIFACT], store)
        if CODEC in value:
            from dagy.values.codecs import decode

            return decode(value[CODEC]["name"], restored(value[CODEC]["data"], store))
    return {key: restored(item, store) for key, item in value.items()}


def _by_pydantic(value: Any, path: str) -> Any:
    if isinstance(value, (bytes, bytearray)):  # pydantic would make a text of it
        raise _refused(value, path, "only bytes themselves cross; return bytes(...)")
    if isinstance(value, Iterator):  # pydantic would use it up
        raise _refused(value, path, "it can be read only once; return a list")
    try:
        from pydantic_core import to_jsonable_python
    except ImportError as error:
        raise _refused(
            value,
            path,
            "it takes pydantic to write it as JSON, and pydantic cannot be imported here; put it "
            "beside the flow's code, or return plain data",
        ) from error
    try:
        return to_jsonable_python(value)
    except Exception as error:  # also what the type itself raises when it is asked
        raise _refused(
            value,
            path,
            "which cannot cross; return plain data, a dataclass or a model, or register a codec "
            "for it with dagy.register_codec",
        ) from error


def _refused(value: Any, path: str, problem: str) -> CodecError:
    joint = ", " if problem.startswith("which") else ": "
    return CodecError(f"value{path} is of type {_type_name(value)}{joint}{problem}", path=path)


def _type_name(value: Any) -> str:
    kind = type(value)
    builtin = kind.__module__ == "builtins"
    return kind.__qualname__ if builtin else f"{kind.__module__}.{kind.__qualname__}"
