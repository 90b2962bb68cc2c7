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
import sys
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dagy.errors import CodecError
from dagy.values import ARTIFACT, CODEC, MARKS, PLAIN

if TYPE_CHECKING:
    from dagy.values.artifacts import Store
    from dagy.values.codecs import Codec

_SECRETS = ("SecretStr", "SecretBytes", "Secret")


class Writer:
    """Turns a value into JSON, piece by piece, and knows where it is.

    Args:
        store: takes artifacts; None refuses them.
    """

    def __init__(self, store: Store | None) -> None:
        self._store = store
        self._marks = True

    def marked(self, value: Any) -> Any:
        """Return a value as JSON in which artifacts and the like are marked.

        Raises:
            CodecError: something in it cannot cross.
        """
        return self._write(value, "")

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
        written = {}
        for key, item in value.items():
            if not isinstance(key, str):
                raise CodecError(
                    f"value{path} has the key {key!r} ({type(key).__name__}); keys of a dict "
                    "that crosses to another task must be str",
                    path=path,
                )
            written[str.__str__(key)] = self._write(item, f"{path}[{str.__str__(key)!r}]")
        could_be_a_mark = self._marks and len(written) == 1 and not MARKS.isdisjoint(written)
        return {PLAIN: written} if could_be_a_mark else written

    def _object(self, value: Any, path: str) -> Any:
        from dagy.values import artifacts

        if artifacts.is_artifact(value):
            return self._artifact(value, path)
        if _is_numpy_scalar(value):
            return self._write(value.item(), path)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {
                field.name: self._write(getattr(value, field.name), f"{path}.{field.name}")
                for field in dataclasses.fields(value)
            }
        if hasattr(type(value), "__pydantic_serializer__") and hasattr(value, "model_dump"):
            return self._model(value, path)
        if _is_secret(value):
            raise _refused(value, path, "a secret does not cross; let the consumer read it itself")
        return _by_pydantic(value, path)

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

        if self._store is None:
            raise _refused(
                value,
                path,
                "artifacts do not cross here: not as a parameter or a literal argument of a flow, "
                "and not on AWS yet in this version; write it to S3 in the task and return its "
                "address",
            )
        try:
            return {ARTIFACT: artifacts.write(value, self._store)}
        except Exception as error:  # whatever a framework raises for what Parquet does not have
            raise _refused(value, path, f"it cannot be written: {error}") from error


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
    """Return JSON that `Writer.marked` wrote with everything that was marked as it was.

    Raises:
        CodecError: an artifact is not there, or no codec of that name is registered.
    """
    if isinstance(value, list):
        return [restored(item, store) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        if ARTIFACT in value:
            from dagy.values import artifacts

            return artifacts.read(value[ARTIFACT], store)
        if CODEC in value:
            from dagy.values.codecs import decode

            return decode(value[CODEC]["name"], restored(value[CODEC]["data"], store))
        if PLAIN in value:
            value = value[PLAIN]
    return {key: restored(item, store) for key, item in value.items()}


def _is_numpy_scalar(value: Any) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.generic)


def _is_secret(value: Any) -> bool:
    kind = type(value)
    return kind.__module__ == "pydantic.types" and kind.__name__ in _SECRETS


def _by_pydantic(value: Any, path: str) -> Any:
    if isinstance(value, (bytes, bytearray)):  # pydantic would make a text of it
        raise _refused(value, path, "only bytes themselves cross; return bytes(...)")
    if isinstance(value, Iterator):  # pydantic would use it up
        raise _refused(value, path, "it can be read only once; return a list")
    try:
        from pydantic_core import PydanticSerializationError, to_jsonable_python
    except ImportError as error:
        raise _refused(
            value,
            path,
            "it takes pydantic to write it as JSON, and pydantic cannot be imported here; put it "
            "beside the flow's code, or return plain data",
        ) from error
    try:
        return to_jsonable_python(value)
    except (PydanticSerializationError, ValueError) as error:
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
