"""Packages from elsewhere, as Lambda is to find them: wheels for Linux, in the archive of a layer.

pip, or uv where it is there, resolves them for the processor and the Python of the target, whatever
machine this is. What comes of the same requirements is kept in the cache, and neither resolved nor
packed again.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import Distribution, distributions
from pathlib import Path

from dagy.errors import BundleError
from dagy.packaging.archive import zipped
from dagy.packaging.cache import cache_folder, keep
from dagy.packaging.requirements import DAGY, RUNTIME, Declared

FORMAT = 1
"""Of what is kept; another makes it anew."""

PREFIX = "python/"
"""Where Lambda looks for packages in a layer (developer guide, "Packaging your layer content")."""


@dataclass(frozen=True)
class Target:
    """What packages are to run on.

    Attributes:
        architecture: "x86_64" or "arm64".
        python_version: as `3.12`.
    """

    architecture: str
    python_version: str

    @property
    def machine(self) -> str:
        """The processor as Linux calls it."""
        return {"arm64": "aarch64"}.get(self.architecture, self.architecture)

    @property
    def glibc(self) -> int:
        """The minor version of glibc 2 in Lambda's runtime: what wheels may ask for at most.

        Amazon Linux 2 has 2.26, and 2023 has 2.34; Python 3.12 is the first on the latter (Lambda
        developer guide, "Lambda runtimes", read 2026-11).
        """
        return 26 if tuple(map(int, self.python_version.split("."))) < (3, 12) else 34

    def __str__(self) -> str:
        return f"Python {self.python_version} on Linux, {self.architecture}"


@dataclass(frozen=True)
class Layer:
    """The packages of a flow for one architecture.

    Attributes:
        architecture: "x86_64" or "arm64".
        path: the archive, in the cache.
        sha256: of the archive, in hex.
        sizes: bytes of each package, unpacked, by name.
        versions: of each package, by name.
    """

    architecture: str
    path: Path
    sha256: str
    sizes: Mapping[str, int]
    versions: Mapping[str, str]

    @property
    def unzipped(self) -> int:
        """Bytes of all packages, unpacked."""
        return sum(self.sizes.values())

    def contents(self) -> dict[str, bytes]:
        """Return the files of the packages, by the names that imports know."""
        with zipfile.ZipFile(self.path) as archive:
            return {name.removeprefix(PREFIX): archive.read(name) for name in archive.namelist()}


def layer(
    declared: Declared, target: Target, *, fresh: bool = False, told: Callable[[str], None]
) -> Layer:
    """Return the packages that a flow declares.

    Args:
        declared: at least one requirement.
        target: what they are to run on.
        fresh: resolve them anew, though they were before.
        told: is called before what takes time.

    Raises:
        BundleError: a package has no wheel for the target, or cannot be had.
    """
    _check_python(declared, target)
    key = sha256(f"{FORMAT} {target} {declared.key}".encode()).hexdigest()[:32]
    folder = cache_folder() / "dependencies" / key
    if not fresh and (found := _kept(folder, target)) is not None:
        return found
    told(f"resolving {', '.join(declared.requirements)} for {target}")
    with tempfile.TemporaryDirectory(prefix="dagy-packages-") as made:
        _install(declared, target, Path(made))
        sizes, versions = _cleaned(Path(made))
        archive = zipped(_contents(Path(made)))
    digest = sha256(archive).hexdigest()
    keep(folder / f"{digest}.zip", archive)
    told_of = {"sha256": digest, "sizes": sizes, "versions": versions}
    keep(folder / "layer.json", json.dumps(told_of, indent=2).encode())
    return Layer(target.architecture, folder / f"{digest}.zip", digest, sizes, versions)


def _check_python(declared: Declared, target: Target) -> None:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        wanted = SpecifierSet(declared.requires_python)
    except InvalidSpecifier as error:
        raise BundleError(f"{declared.origin}: requires-python: {error}") from error
    if not wanted.contains(f"{target.python_version}.99"):  # Lambda has the newest patch
        raise BundleError(
            f"{declared.origin}: asks for Python {wanted}, and the flow is built by Python "
            f"{target.python_version}, which it would run on too; build it with another"
        )


def _kept(folder: Path, target: Target) -> Layer | None:
    try:
        kept = json.loads((folder / "layer.json").read_bytes())
        path = folder / f"{kept['sha256']}.zip"
        if sha256(path.read_bytes()).hexdigest() != kept["sha256"]:
            return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Layer(target.architecture, path, kept["sha256"], kept["sizes"], kept["versions"])


def _install(declared: Declared, target: Target, folder: Path) -> None:
    """Have the packages unpacked into a folder."""
    with tempfile.TemporaryDirectory(prefix="dagy-pip-") as beside:
        listed = Path(beside) / "requirements.txt"
        listed.write_text("\n".join(declared.lines) + "\n", encoding="utf-8")
        done = subprocess.run(
            _command(target, listed, folder), capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise BundleError(_why_not(declared, target, done.stdout + done.stderr))


def _command(target: Target, listed: Path, folder: Path) -> list[str]:
    uv = shutil.which("uv")
    if uv is not None:
        platform = "manylinux_2_28" if target.glibc >= _UV_GLIBC else "manylinux2014"
        return [
            uv, "pip", "install", "--quiet", "--no-compile-bytecode", "--only-binary", ":all:",
            "--python-version", target.python_version, "--link-mode", "copy",
            "--python-platform", f"{target.machine}-{platform}",
            "--target", str(folder), "--requirement", str(listed),
        ]  # fmt: skip
    if importlib.util.find_spec("pip") is None:
        raise BundleError(
            "neither pip nor uv is here to get the packages that the flow declares: run "
            "`python -m ensurepip`, or install uv"
        )
    return [
        sys.executable, str(Path(__file__).with_name("pip_for.py")), target.machine,
        "install", "--no-input", "--no-compile", "--no-warn-conflicts",
        "--disable-pip-version-check", "--only-binary=:all:", "--implementation=cp",
        f"--python-version={target.python_version}",
        *(f"--platform={tag}" for tag in _tags(target)),
        "--target", str(folder), "--requirement", str(listed),
    ]  # fmt: skip


_UV_GLIBC = 28
"""The nearest that uv has a name for, between what both of Lambda's systems have."""


def _tags(target: Target) -> list[str]:
    """Return the platforms of wheels that run there, the newest first (PEP 600)."""
    newest = [f"manylinux_2_{minor}_{target.machine}" for minor in range(target.glibc, 4, -1)]
    return [*newest, f"manylinux2014_{target.machine}"]


def _why_not(declared: Declared, target: Target, printed: str) -> str:
    missing = next(filter(None, (re.search(each, printed) for each in _NO_WHEEL)), None)
    if missing:
        return (
            f"{declared.origin}: no wheel of {missing[1].strip()} for {target} can be found.\n"
            "  There may be its source only, or it is called otherwise. Ask for a version that has "
            "one (`pip download --only-binary=:all:` tries it), put one that you built beside "
            "requirements.txt and name the file in it, or build the flow with --no-deps and run "
            "its tasks on an image of your own, from the bundle's Dockerfile."
        )
    lines = [line for line in printed.splitlines() if line.strip() and "WARNING" not in line]
    begins = (n for n, line in enumerate(lines) if line.startswith(("ERROR", "error", "The conf")))
    lines = lines[next(begins, 0) :][-_SHOWN:]
    return (
        f"{declared.origin}: its packages cannot be had for {target}:\n  "
        + "\n  ".join(lines)
        + "\n  Mend the requirements, or use --no-deps."
    )


_NO_WHEEL = (
    r"No matching distribution found for ([^\n]+)",
    r"Because (?:all versions of |only )?(\S+) (?:has|have) no (?:usable )?wheels",
    r"Because (\S+) was not found",
)
"""How pip, and uv, say that there is none."""

_SHOWN = 10
"""Lines of what the installer said, at most."""


def _cleaned(folder: Path) -> tuple[dict[str, int], dict[str, str]]:
    """Leave what a worker needs and what is the same wherever it was made; return what it is."""
    shutil.rmtree(folder / "bin", ignore_errors=True)  # scripts begin with this machine's Python
    sizes: dict[str, int] = {}
    versions: dict[str, str] = {}
    for found in list(distributions(path=[str(folder)])):
        name = found.metadata["Name"]
        if name.lower() in RUNTIME | {DAGY}:
            for file in _files(found, folder):
                file.unlink()
            continue
        for file in _files(found, folder):
            if _is_unused(file, folder):
                file.unlink()
            else:
                sizes[name] = sizes.get(name, 0) + file.stat().st_size
        versions[name] = found.version
    return dict(sorted(sizes.items())), dict(sorted(versions.items()))


def _is_unused(file: Path, folder: Path) -> bool:
    """Tell whether nothing that runs reads a file."""
    if file.parent.suffix == ".dist-info":
        return file.name in _OF_INSTALLERS
    name = file.relative_to(folder).as_posix()
    return file.suffix in _FOR_COMPILERS or name.startswith(_TEST_SUITES)


_FOR_COMPILERS = frozenset({".a", ".h", ".hpp", ".pxd", ".pxi", ".pyx"})
_TEST_SUITES = ("pandas/tests/", "pyarrow/tests/")
"""Without these, and what compilers read, pandas and pyarrow fit into Lambda together. Others keep
theirs: some are imported by what is no test."""

_OF_INSTALLERS = frozenset({"INSTALLER", "RECORD", "REQUESTED", "direct_url.json", "uv_cache.json"})


def _files(found: Distribution, folder: Path) -> list[Path]:
    """Return the files of a package that are in the folder."""
    paths = [folder / str(file) for file in found.files or ()]
    return [path for path in dict.fromkeys(paths) if path.is_file()]


def _contents(folder: Path) -> dict[str, bytes]:
    found = {}
    for at, folders, names in os.walk(folder):
        if "__pycache__" in folders:
            folders.remove("__pycache__")
        for name in set(names) - {".lock"}:  # of uv's
            file = Path(at, name)
            found[PREFIX + file.relative_to(folder).as_posix()] = file.read_bytes()
    return found
