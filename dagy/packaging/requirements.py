"""What packages a flow declares: in its own file, in requirements.txt, or in pyproject.toml.

The flow's file comes first (script metadata, PEP 723); then the nearest folder upwards, no further
than the project, that has a requirements.txt, or a pyproject.toml with `[project] dependencies`.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from dagy.errors import BundleError
from dagy.packaging.project import folders_up
from dagy.packaging.sources import LeftOut

RUNTIME = frozenset({"boto3", "botocore", "jmespath", "s3transfer"})
"""What Lambda's Python runtimes bring (Lambda developer guide, "Lambda runtimes": the AWS SDK)."""

DAGY = "dagy"


@dataclass(frozen=True)
class Declared:
    """What a flow declares.

    Attributes:
        origin: the file that declares it, from the project's folder; None if none does.
        lines: as pip reads them, in order: requirements, and options such as `--index-url`.
        left_out: what is declared and is not packaged.
        files: what the lines refer to on this machine: constraints, wheels.
        requires_python: which versions of Python, as `>=3.12`; empty for any.
    """

    origin: str | None = None
    lines: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    files: tuple[Path, ...] = ()
    requires_python: str = ""

    @property
    def requirements(self) -> list[str]:
        """The requirements alone."""
        return [line for line in self.lines if not line.startswith("-")]

    @property
    def names(self) -> set[str]:
        """The names of the packages, as they are compared."""
        return {_name_of(line) for line in self.requirements}

    @property
    def key(self) -> str:
        """What tells these requirements from others, whoever wrote them down."""
        digest = hashlib.sha256("\n".join(self.lines).encode())
        for file in self.files:
            digest.update(file.read_bytes())
        return digest.hexdigest()

    def also(self, *requirements: str) -> Declared:
        """Return the same with more requirements, but for packages that are there."""
        new = tuple(each for each in requirements if _name_of(each) not in self.names)
        return replace(self, lines=self.lines + new)


def declared_by(file: Path, project: Path) -> Declared:
    """Return what a flow declares.

    Args:
        file: the flow's own.
        project: the folder of its project.

    Raises:
        BundleError: a declaration cannot be read; names the file and the line.
    """
    script = script_metadata(file)
    if script is not None:
        given = [(file.name, str(each)) for each in script.get("dependencies", ())]
        return _declared(file.name, given, file.parent, str(script.get("requires-python", "")))
    for folder in folders_up(file, project):
        listed, toml = folder / "requirements.txt", folder / "pyproject.toml"
        if listed.is_file():
            origin = listed.relative_to(project).as_posix()
            return _declared(origin, _lines_of(listed, origin, ()), folder)
        declared = _project(toml) if toml.is_file() else {}
        if declared.get("name") == DAGY:  # Dagy's own: those are not the flow's
            break
        if "dependencies" in declared:
            origin = toml.relative_to(project).as_posix()
            given = [(origin, str(each)) for each in declared["dependencies"]]
            return _declared(origin, given, folder, str(declared.get("requires-python", "")))
    return Declared()


def not_installed(declared: Declared) -> list[str]:
    """Return the requirements that no package of this environment is named in."""
    from packaging.requirements import Requirement

    missing = []
    for line in declared.requirements:
        if _is_local(line) or _ADDRESS.match(line):
            continue
        requirement = Requirement(line.partition(" --")[0])
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        try:
            version(requirement.name)
        except PackageNotFoundError:
            missing.append(line.partition(" --")[0])
    return missing


def script_metadata(file: Path) -> dict[str, Any] | None:
    """Return the metadata of a script (PEP 723), or None if it has none.

    Raises:
        BundleError: there are two, or it is no TOML.
    """
    text = file.read_text(encoding="utf-8", errors="replace")
    blocks = [match for match in _BLOCK.finditer(text) if match["type"] == "script"]
    if not blocks:
        return None
    if len(blocks) > 1:
        raise BundleError(f"{file.name}: has several blocks of script metadata; leave one")
    lines = blocks[0]["content"].splitlines(keepends=True)
    content = "".join(line[2:] if line.startswith("# ") else line[1:] for line in lines)
    try:
        return tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise BundleError(f"{file.name}: its script metadata is no TOML: {error}") from error


# The expression of PEP 723.
_BLOCK = re.compile(
    r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$",
)
_ADDRESS = re.compile(r"[a-z+]+://")
_COMMENT = re.compile(r"(^|\s+)#.*$")
_INCLUDES = ("-r", "--requirement")
_CONSTRAINS = ("-c", "--constraint")
_EDITABLE = ("-e", "--editable")
_OF_SOURCES = ("--no-binary", "--only-binary")


def _project(toml: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(toml.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BundleError(f"{toml}: is no TOML: {error}") from error
    project: dict[str, Any] = content.get("project", {})
    if "dependencies" in project.get("dynamic", ()):
        raise BundleError(
            f"{toml}: its dependencies are dynamic, and only its build tool knows them; write a "
            "requirements.txt beside it, or use --no-deps"
        )
    return project


def _lines_of(file: Path, shown: str, within: tuple[Path, ...]) -> Iterator[tuple[str, str]]:
    """Yield the lines of a requirements.txt and of those it includes, and where each stands."""
    if file in within:
        raise BundleError(f"{shown}: includes itself")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"{shown}: cannot be read: {error}") from error
    for number, line in _logical(text):
        where = f"{shown}:{number}"
        option, value = _option(line)
        if option in _INCLUDES:
            yield from _lines_of(file.parent / value, value, (*within, file))
        elif option in _CONSTRAINS:
            yield where, f"-c {(file.parent / value).resolve()}"
        else:
            yield where, line


def _logical(text: str) -> Iterator[tuple[int, str]]:
    """Yield lines without comments, those that go on joined, with the number they begin at."""
    begun, joined = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        begun = begun if joined else number
        bare = _COMMENT.sub("", line)
        if bare.endswith("\\"):
            joined += bare[:-1]
            continue
        whole = (joined + bare).strip()
        joined = ""
        if whole:
            yield begun, whole
    if joined.strip():
        yield begun, joined.strip()


def _option(line: str) -> tuple[str, str]:
    if not line.startswith("-"):
        return "", line
    option, _, value = line.partition(" ") if " " in line else line.partition("=")
    return option, value.strip()


def _declared(
    origin: str, given: Iterable[tuple[str, str]], folder: Path, requires_python: str = ""
) -> Declared:
    lines: list[str] = []
    files: list[Path] = []
    left_out: list[LeftOut] = []
    for where, line in given:
        option, value = _option(line)
        if option in _EDITABLE or (not option and _is_local(line) and not _is_wheel(line)):
            why = "is a folder of sources; what the flow imports of it is packaged, if it is local"
            left_out.append(LeftOut(value or line, why))
        elif option in _CONSTRAINS:
            files.append(_there(where, Path(value)))
            lines.append(line)
        elif option:
            if option not in _OF_SOURCES:  # wheels alone, whatever it says
                lines.append(line)
        elif _is_local(line):
            files.append(_there(where, (folder / line).resolve()))
            lines.append(str(files[-1]))
        elif (name := _checked_name(where, line)) in RUNTIME:
            why = "is in Lambda's runtime, in the version that is there"
            left_out.append(LeftOut(line, why, is_expected=True))
        elif name != DAGY:
            lines.append(line)
    return Declared(origin, tuple(lines), tuple(left_out), tuple(files), requires_python)


def _there(where: str, file: Path) -> Path:
    if not file.is_file():
        raise BundleError(f"{where}: there is no file {file}")
    return file


def _is_local(line: str) -> bool:
    return line.startswith((".", "/", "file:")) or _is_wheel(line)


def _is_wheel(line: str) -> bool:
    return line.endswith(".whl") and "://" not in line


def _checked_name(where: str, line: str) -> str:
    from packaging.requirements import InvalidRequirement

    try:
        return _name_of(line)
    except InvalidRequirement as error:
        raise BundleError(f"{where}: {line!r} is no requirement: {error}") from error


def _name_of(line: str) -> str:
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    if _is_local(line) or _ADDRESS.match(line):
        return Path(line).name.partition("-")[0].lower().replace("_", "-")
    return canonicalize_name(Requirement(line.partition(" --")[0]).name)
