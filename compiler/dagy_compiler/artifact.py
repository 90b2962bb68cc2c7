"""artifact.zip: the user's code, Dagy's worker, the FlowSpec; the same input, the same bytes."""

from __future__ import annotations

import hashlib
import io
import json
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import dagy
from dagy.errors import BundleError, LimitError
from dagy.packaging.archive import zipped
from dagy.packaging.sources import innermost
from dagy.spec import FlowSpec
from dagy.version import __version__
from dagy.worker.code import METADATA_FILE, SPEC_FILE
from dagy.worker.code import code_hash as hash_of
from dagy_compiler.bytecode import bytecode
from dagy_compiler.limits import UNZIPPED_BYTES

_NOT_IN_THE_WORKER = frozenset({
    "__main__.py", "aws", "backfill", "building.py", "cli", "doctor", "history", "loader.py",
    "packaging", "profiles", "project.py", "schedules",
})  # fmt: skip
_NONE: Mapping[str, bytes] = MappingProxyType({})
_RESERVED = frozenset({"dagy", "_dagy", METADATA_FILE})


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
            BundleError: see `names`; or a file cannot be read.
        """
        return {name: _read(file) for name, file in self.names().items()}

    def names(self) -> dict[str, Path]:
        """Return the files by their names in the archive, in order of names.

        Raises:
            BundleError: a file lies outside the roots, or would take a place of Dagy's.
        """
        found: dict[str, Path] = {}
        for file in self.files:
            root = innermost(file, (self.root, *self.others))
            if root is None:
                raise BundleError(f"{file}: lies outside {self.root}, where imports start from")
            found[_checked(file, file.relative_to(root))] = file
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


def artifact(
    spec: FlowSpec,
    source: FlowSource,
    requirements: Sequence[str] = (),
    packages: Mapping[str, bytes] = _NONE,
) -> bytes:
    """Return the bytes of artifact.zip.

    Args:
        spec: the flow; its canonical form is packed, which holds no time.
        source: the user's code.
        requirements: the packages that it declares, for `metadata.json`.
        packages: their files by name, where they are to be in the archive itself.

    Raises:
        BundleError: see `FlowSource.contents`.
        LimitError: unzipped it is larger than Lambda accepts.
    """
    own = source.contents()
    metadata = _metadata(spec, own, requirements)
    contents = {**packages, **own, **worker_package()}
    contents[SPEC_FILE] = spec.canonical().to_json().encode()
    contents[METADATA_FILE] = (json.dumps(metadata, indent=2) + "\n").encode()
    size = sum(map(len, contents.values()))
    if size > UNZIPPED_BYTES:
        raise LimitError(
            f"flow {spec.name!r}: its code takes {size:,} bytes unzipped, and Lambda accepts "
            f"{UNZIPPED_BYTES:,}; ship less with --include, or read large data from S3 in a task"
        )
    return zipped(contents)


def unzipped_bytes(archive: bytes) -> int:
    """Return what an archive takes once it is unpacked."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return sum(entry.file_size for entry in opened.infolist())


def code_hash(spec: FlowSpec, source: FlowSource) -> str:
    """Return the SHA-256, in hex, of the canonical spec and the source; equal on every machine."""
    return hash_of(spec.digest(), _digests(source.contents()))


def _metadata(
    spec: FlowSpec, own: Mapping[str, bytes], requirements: Sequence[str]
) -> dict[str, Any]:
    digests = _digests(own)
    return {
        "flow": spec.name,
        "flow_version": spec.version,
        "code_hash": hash_of(spec.digest(), digests),
        "spec_digest": spec.digest(),
        "dagy_version": __version__,
        "dependencies": list(requirements),
        "source": digests,
    }


def _digests(contents: Mapping[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}


def worker_package() -> dict[str, bytes]:
    """Return what a worker needs of the `dagy` package, by name in the archive.

    Bytecode is with it, for the Python that builds: the code's folder cannot be written on Lambda,
    so without it every cold start would compile the modules again.
    """
    package = Path(dagy.__file__).parent
    found: dict[str, bytes] = {}
    for file in (*package.rglob("*.py"), *package.rglob("py.typed")):
        path = file.relative_to(package)
        if path.parts[0] in _NOT_IN_THE_WORKER:
            continue
        name = Path("dagy", path)
        found[name.as_posix()] = file.read_bytes()
        if file.suffix == ".py":
            compiled = (
                name.parent / "__pycache__" / f"{name.stem}.{sys.implementation.cache_tag}.pyc"
            )
            found[compiled.as_posix()] = bytecode(file, f"/var/task/{name.as_posix()}")
    return found
