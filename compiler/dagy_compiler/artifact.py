"""artifact.zip: the user's code, Dagy's worker, the FlowSpec; the same input, the same bytes."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import dagy
from dagy.errors import BundleError, LimitError
from dagy.packaging.sources import innermost
from dagy.spec import FlowSpec
from dagy.worker import SPEC_FILE
from dagy_compiler.limits import UNZIPPED_BYTES

# The earliest time that the format knows: an archive must not tell when it was made.
_TIMESTAMP = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100644 << 16
_LEVEL = 9

_NOT_IN_THE_WORKER = frozenset({"__main__.py", "aws", "building.py", "cli", "history", "packaging"})
_RESERVED = frozenset({"dagy", "_dagy"})


@dataclass(frozen=True)
class FlowSource:
    """The code of a flow.

    Attributes:
        root: the folder that imports start from; names in the archive are relative to it.
        files: absolute, below root or one of the others; the flow's own file first.
        others: further folders that imports start from, such as the `src` of a project.
    """

    root: Path
    files: tuple[Path, ...]
    others: tuple[Path, ...] = ()

    def contents(self) -> dict[str, bytes]:
        """Return the bytes of each file by its name in the archive, in order of names.

        Raises:
            BundleError: a file lies outside the roots, cannot be read, or would take a place of
                Dagy's.
        """
        found: dict[str, bytes] = {}
        for file in self.files:
            root = innermost(file, (self.root, *self.others))
            if root is None:
                raise BundleError(f"{file}: lies outside {self.root}, where imports start from")
            found[_checked(file, file.relative_to(root))] = _read(file)
        return dict(sorted(found.items()))


def _checked(file: Path, name: Path) -> str:
    if name.parts[0].removesuffix(".py") in _RESERVED:
        raise BundleError(
            f"{file}: would take the place of Dagy's own {name.parts[0]!r} in the artifact;"
            " give it another name"
        )
    return name.as_posix()


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise BundleError(f"{file}: cannot be read: {error.strerror}") from error


def artifact(spec: FlowSpec, source: FlowSource) -> bytes:
    """Return the bytes of artifact.zip.

    Args:
        spec: the flow; its canonical form is packed, which holds no time.
        source: the user's code.

    Raises:
        BundleError: see `FlowSource.contents`.
        LimitError: unzipped it is larger than Lambda accepts.
    """
    contents = source.contents() | worker_package()
    contents[SPEC_FILE] = spec.canonical().to_json().encode()
    size = sum(map(len, contents.values()))
    if size > UNZIPPED_BYTES:
        raise LimitError(
            f"flow {spec.name!r}: its code takes {size:,} bytes unzipped, and Lambda accepts "
            f"{UNZIPPED_BYTES:,}; ship less with --include, or read large data from S3 in a task"
        )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        for name, data in sorted(contents.items()):
            entry = zipfile.ZipInfo(name, _TIMESTAMP)
            entry.external_attr = _MODE
            entry.create_system = 3  # Unix on every machine, as the mode is Unix's
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return buffer.getvalue()


def worker_package() -> dict[str, bytes]:
    """Return what a worker needs of the `dagy` package, by name in the archive."""
    package = Path(dagy.__file__).parent
    files = (file for pattern in ("*.py", "py.typed") for file in package.rglob(pattern))
    return {
        f"dagy/{file.relative_to(package).as_posix()}": file.read_bytes()
        for file in files
        if file.relative_to(package).parts[0] not in _NOT_IN_THE_WORKER
    }
