"""Artifacts: values that are kept as files beside the journal, with a reference in their place.

A file is named by the hash of its content, so the same value is kept once. It is written beside its
place and moved there, so that it is whole or not there. Frameworks are recognised only when the
user has imported them: a frame cannot come from one that is not. Nothing is pickled but what a task
has asked to be (`pickles`).
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from dagy.errors import CodecError
from dagy.values.marks import ARTIFACT, Lookalike, parsed


class Store(Protocol):
    """Keeps the content of artifacts under names that are made from it.

    Attributes:
        pickles: whether a task of the flow has asked for pickles, so that others may pass them on.
    """

    pickles: bool

    def put(self, content: bytes, extension: str) -> str:
        """Keep a content; return the name it can be had by."""
        ...

    def path(self, name: str) -> Path:
        """Return where the content of a name is; raises CodecError if it is not there."""
        ...


class ArtifactStore:
    """A folder of artifacts; made when the first one comes.

    Args:
        folder: where they are kept.
        pickles: as for `Store`.
    """

    def __init__(self, folder: Path, *, pickles: bool = False) -> None:
        self._folder = folder
        self.pickles = pickles

    @property
    def folder(self) -> Path:
        """Where they are kept."""
        return self._folder

    def put(self, content: bytes, extension: str) -> str:
        """Keep a content; return its name, `<sha256>.<extension>`.

        Raises:
            OSError: it cannot be written.
        """
        name = f"{hashlib.sha256(content).hexdigest()}.{extension}"
        place = self.folder / name
        if place.exists():
            return name
        self.folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=self.folder, prefix=".")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(temporary).chmod(0o444)  # other runs may share the file
            Path(temporary).replace(place)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        return name

    def path(self, name: str) -> Path:
        """Return where the content of a name is.

        Raises:
            CodecError: it is not there.
        """
        place = self.folder / os.path.basename(name)
        if not place.exists():
            raise CodecError(f"the artifact {place} is gone, and with it the value")
        return place

    def has_all(self, text: str) -> bool:
        """Tell whether every artifact that a JSON text refers to is here."""
        return all((self.folder / name).exists() for name in names_in(text))

    def adopt(self, text: str, other: ArtifactStore) -> None:
        """Take in every artifact that a JSON text refers to, so that the other store may go.

        Args:
            text: what `to_text` wrote.
            other: has them. The files are linked, or copied where that is not possible.

        Raises:
            CodecError: one is not there.
            OSError: one cannot be written.
        """
        for name in names_in(text):
            source, place = other.path(name), self.folder / name
            if place.exists():
                continue
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                os.link(source, place)
            except OSError:  # another file system, or one without links
                self.put(source.read_bytes(), name.partition(".")[2])


class TemporaryStore(ArtifactStore):
    """A folder of artifacts that goes when nothing refers to the store any more.

    Args:
        pickles: as for `Store`.
    """

    def __init__(self, *, pickles: bool = False) -> None:
        self.pickles = pickles
        self._lock = threading.Lock()
        self._made: Path | None = None

    @property
    def folder(self) -> Path:
        """Where they are kept; made when it is asked for, and most runs need none."""
        with self._lock:
            if self._made is None:
                # Not a TemporaryDirectory, which warns whoever leaves the end to the collector.
                self._made = Path(tempfile.mkdtemp(prefix="dagy-"))
                weakref.finalize(self, shutil.rmtree, self._made, ignore_errors=True)
            return self._made


class Digests:
    """A store that keeps nothing: for texts that are only compared."""

    pickles = True

    def put(self, content: bytes, extension: str) -> str:
        """Return the name that the content would have."""
        return f"{hashlib.sha256(content).hexdigest()}.{extension}"

    def path(self, name: str) -> Path:
        """Raise CodecError: nothing is kept."""
        raise CodecError(f"the artifact {name} was not kept")


@dataclass(frozen=True)
class FileArtifact:
    """A file, or a text as a file, that a task hands to the tasks after it.

    Its content is copied when the task returns; what a consumer gets refers to the copy, which is
    to be read and not written. `dagy.LocalArtifact` is something else: a packaged flow.

    Attributes:
        path: where the file is.
        name: what it is called; the name of the path unless given.

    Examples:
        >>> FileArtifact("out/report.pdf").name
        'report.pdf'
        >>> FileArtifact.of_text("# Report", name="report.md").read_text()
        '# Report'
    """

    path: Path
    name: str = ""
    # A store that is temporary lives as long as what refers to its files.
    _keeps: Any = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.path))
        object.__setattr__(self, "name", self.name or self.path.name)

    @staticmethod
    def of_text(text: str, *, name: str = "text.txt") -> FileArtifact:
        """Return a text as a file, which is kept until the artifact is forgotten."""
        store = TemporaryStore()
        content = text.encode()
        return FileArtifact(store.path(store.put(content, extension_of(name))), name, store)

    def read_bytes(self) -> bytes:
        """Return the content."""
        return self.path.read_bytes()

    def read_text(self) -> str:
        """Return the content as text, from UTF-8."""
        return self.path.read_text(encoding="utf-8")


@dataclass(frozen=True)
class Pickled:
    """What is to cross as a pickle, whole."""

    value: Any


class _Kind(NamedTuple):
    """How values of a kind become the content of a file, and again values."""

    module: str
    name: str
    extension: str
    write: Callable[[Any], bytes]
    read: Callable[[bytes], Any]


def _pandas_out(frame: Any) -> bytes:
    if frame.columns.inferred_type.startswith("mixed") and frame.columns.nlevels == 1:
        raise ValueError("Parquet would make texts of its column names, which are of mixed types")
    buffer = io.BytesIO()
    frame.to_parquet(buffer, engine="pyarrow")
    return buffer.getvalue()


def _pandas_in(content: bytes) -> Any:
    import pandas as pd

    return pd.read_parquet(io.BytesIO(content), engine="pyarrow")


def _polars_out(frame: Any) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def _polars_in(content: bytes) -> Any:
    import polars as pl

    return pl.read_parquet(io.BytesIO(content))


def _arrow_out(table: Any) -> bytes:
    from pyarrow import parquet

    buffer = io.BytesIO()
    parquet.write_table(table, buffer)
    return buffer.getvalue()


def _arrow_in(content: bytes) -> Any:
    from pyarrow import parquet

    return parquet.read_table(io.BytesIO(content))


def _numpy_out(array: Any) -> bytes:
    import numpy as np

    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _numpy_in(content: bytes) -> Any:
    import numpy as np

    return np.load(io.BytesIO(content), allow_pickle=False)


_KINDS = {
    "bytes": _Kind("builtins", "bytes", "bin", bytes, bytes),
    "pandas": _Kind("pandas", "DataFrame", "parquet", _pandas_out, _pandas_in),
    "polars": _Kind("polars", "DataFrame", "parquet", _polars_out, _polars_in),
    "arrow": _Kind("pyarrow", "Table", "parquet", _arrow_out, _arrow_in),
    "numpy": _Kind("numpy", "ndarray", "npy", _numpy_out, _numpy_in),
}


def is_artifact(value: Any) -> bool:
    """Tell whether a value crosses as an artifact."""
    return isinstance(value, (FileArtifact, Pickled)) or _kind_of(value) is not None


def _kind_of(value: Any) -> str | None:
    # Of exactly that type: a subclass knows more than its file would, and would come back as less.
    for name, kind in _KINDS.items():
        module = sys.modules.get(kind.module)
        if module is not None and type(value) is getattr(module, kind.name, None):
            return name
    return None


def write(value: Any, store: Store) -> dict[str, Any]:
    """Keep a value in a store; return what refers to it, as JSON.

    Raises:
        CodecError: it is to be pickled, and cannot be.
        Exception: whatever a framework raises for what its file cannot hold.
    """
    if isinstance(value, FileArtifact):
        content = value.read_bytes()
        file = store.put(content, extension_of(value.name))
        return {"kind": "file", "file": file, "bytes": len(content), "name": value.name}
    if isinstance(value, Pickled):
        from dagy.values import pickles

        content = pickles.dumps(value.value)
        return {"kind": "pickle", "file": store.put(content, "pickle"), "bytes": len(content)}
    name = _kind_of(value)
    assert name is not None
    content = _KINDS[name].write(value)
    file = store.put(content, _KINDS[name].extension)
    return {"kind": name, "file": file, "bytes": len(content)}


def read(reference: dict[str, Any], store: Store | None) -> Any:
    """Return the value that a reference is for.

    Raises:
        CodecError: it is not there, it takes a package that is not installed, or it is of a kind
            that this version does not know.
    """
    if store is None:
        raise CodecError("an artifact is kept by the run that made it, and there is none here")
    path, kind = store.path(reference["file"]), reference["kind"]
    if kind == "file":
        return FileArtifact(path, reference["name"], store)
    if kind == "pickle":
        from dagy.values import pickles

        return pickles.load(path)
    if kind not in _KINDS:
        raise CodecError(f"an artifact of kind {kind!r} is of a later version; upgrade Dagy")
    try:
        return _KINDS[kind].read(path.read_bytes())
    except ImportError as error:
        what = f"{_KINDS[kind].module}.{_KINDS[kind].name}"
        raise CodecError(
            f"the value is a {what}, and {error.name or what} cannot be imported here; install it "
            "where this runs"
        ) from error
    except Exception as error:  # whatever a framework raises for a file that is not whole
        raise CodecError(f"the artifact {path} cannot be read: {error}") from error


def names_in(text: str) -> set[str]:
    """Return the names of the files that a JSON text refers to."""
    if '{"$artifact":' not in text:
        return set()
    found, pending = set(), [parsed(text)]
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending.extend(value)
        elif isinstance(value, dict) and set(value) == {ARTIFACT}:
            if isinstance(value, Lookalike):
                pending.append(value[ARTIFACT])
            else:
                found.add(value[ARTIFACT]["file"])
        elif isinstance(value, dict):
            pending.extend(value.values())
    return found


def extension_of(name: str) -> str:
    """Return a file name's extension, if it is fit for another file name."""
    extension = Path(name).suffix[1:]
    return extension if re.fullmatch(r"[A-Za-z0-9]{1,10}", extension) else "bin"
