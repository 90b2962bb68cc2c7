"""The files that a flow is made of: its own, the local modules it imports, the data it is to have.

They are found from the imports, by reading the code (`dagy.packaging.imports`), so the same files
are found on every machine. Only where a module's name is made when the code runs, what was loaded
on this machine counts too.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dagy.errors import LoadError
from dagy.packaging.imports import Module, Named, named_in
from dagy.packaging.kept_out import is_cache, why_kept_out
from dagy.packaging.project import project_of
from dagy.source import is_foreign

_COMPILED = frozenset(importlib.machinery.EXTENSION_SUFFIXES) | {".so", ".pyd"}
OWN_PACKAGES = frozenset({"dagy", "dagy_compiler", "dagy_cdk"})


@dataclass(frozen=True)
class LeftOut:
    """What is not packed.

    Attributes:
        name: of a file, from the project's folder, or of a folder and all in it.
        why: as the rest of a sentence.
        is_expected: whether nobody has to be warned of it.
    """

    name: str
    why: str
    is_expected: bool = False

    def __str__(self) -> str:
        return f"{self.name}: {self.why}"


@dataclass(frozen=True)
class Sources:
    """The files of a flow.

    Attributes:
        roots: the folders that imports start from; the flow's own first.
        files: absolute, each below a root; the flow's own first, the others in order of names.
        left_out: what was asked for or named and is not packed, in order of names.
    """

    roots: tuple[Path, ...]
    files: tuple[Path, ...]
    left_out: tuple[LeftOut, ...] = ()


def sources_of(
    file: Path, root: Path, *, include: Sequence[str] = (), exclude: Sequence[str] = ()
) -> Sources:
    """Return the files of a flow.

    Args:
        file: the flow's own.
        root: the folder that imports start from.
        include: patterns of further files, from the folder of the flow's file; a folder stands for
            all that is in it.
        exclude: patterns of files not to pack, likewise.

    Raises:
        LoadError: a pattern of `include` matches nothing, or leads out of the root.
    """
    excluded = {path for pattern in exclude for path in _matches(file.parent, pattern)}
    search = _Search(file, root, excluded)
    search.add(_parents(root, file))
    for pattern in include:
        search.add(_included(file.parent, root, pattern), asked=True)
    search.run()
    return search.found()


class _Search:
    """Follows imports from file to file."""

    def __init__(self, file: Path, root: Path, excluded: set[Path]) -> None:
        self._file = file
        self._project = project_of(file, root)
        self._excluded = excluded
        self._roots = [root]
        self._files: set[Path] = {file}
        self._pending = deque([file])
        self._left_out: dict[str, str] = {}
        self._tops: dict[str, bool] = {}
        self._mentioned: dict[Path, str] = {}

    def add(self, files: Iterable[Path], *, asked: bool = False) -> None:
        """Take in files, unless there is a reason to leave them out."""
        for file in files:
            if file in self._files or is_cache(file.relative_to(self._project_or_root(file))):
                continue
            reason = "is excluded" if file in self._excluded else self._why_kept_out(file)
            if reason is None:
                self._files.add(file)
                self._pending.append(file)
            elif asked or reason != "is excluded":
                self._left_out[self._name(file)] = reason

    def run(self) -> None:
        """Follow imports until there is nothing new."""
        while self._pending:
            file = self._pending.popleft()
            if file.suffix == ".py":
                self._follow(file)

    def found(self) -> Sources:
        """Return what was found."""
        for file, where in self._mentioned.items():
            if file not in self._files and file not in self._excluded:
                name = self._name(file)
                hint = f"is named in {where} and not packed; --include it if a task reads it"
                self._left_out.setdefault(name, hint)
        others = sorted(self._files - {self._file})
        left_out = tuple(LeftOut(*each) for each in sorted(_by_folder(self._left_out).items()))
        return Sources(tuple(self._roots), (self._file, *others), left_out)

    def _follow(self, file: Path) -> None:
        named = self._named(file)
        for module in named.modules:
            self.add(self._files_of(module))
        for package in named.resources:
            self.add(self._data_of(package))
        if named.unknown:
            self.add(self._loaded())
            lines = ", ".join(f"{file.name}:{line}" for line in named.unknown)
            self._left_out[f"the module imported in {lines}"] = (
                "has a name that is made when it runs; if it is yours, and none of the files here, "
                "--include its file"
            )
        for line, text in named.texts:
            place = Path(os.path.normpath(file.parent / text))
            if (
                place.is_file()
                and self._root_of(place)
                and why_kept_out(place, self._project) is None
            ):
                self._mentioned.setdefault(place, f"{file.name}:{line}")

    def _named(self, file: Path) -> Named:
        root = self._root_of(file)
        try:
            source = file.read_bytes()
        except OSError:
            return Named()
        assert root is not None
        parts = file.relative_to(root).with_suffix("").parts
        package = parts[-1] == "__init__"
        return named_in(source, parts[:-1] if package else parts, is_package=package)

    def _files_of(self, module: Module) -> Iterator[Path]:
        """Yield the file of a local module, and those of the packages around it."""
        if not module or module[0] in OWN_PACKAGES:
            return
        for root in self._roots:
            found = list(_below(root, module))
            if found:
                yield from found
                return
        if self._finds_root_of(module[0]):
            yield from _below(self._roots[-1], module)

    def _finds_root_of(self, name: str) -> bool:
        """Look where Python imports a name from; tell if that is one more root of the project."""
        if name not in self._tops:
            place = _origin(name)
            self._tops[name] = False
            if place is not None:
                why = self._why_kept_out(place)
                if why is None and place.suffix in _COMPILED:
                    why = "is compiled for this machine; make it a package among the dependencies"
                if why is None:
                    self._roots.append(place.parent)
                    self._tops[name] = True
                else:
                    self._left_out[self._name(place)] = why
        return self._tops[name]

    def _data_of(self, package: Module) -> Iterator[Path]:
        """Yield the modules of a local package's name, and what is beside them and no code."""
        yield from self._files_of(package)
        for root in self._roots:
            place = root.joinpath(*package)
            folder = place.parent if place.with_name(f"{place.name}.py").is_file() else place
            if folder != root and folder.is_dir():
                yield from (path for path in _all_in(folder) if path.suffix != ".py")

    def _loaded(self) -> Iterator[Path]:
        """Yield the files of modules that are loaded, below a root and of no installed package."""
        for name, module in list(sys.modules.items()):
            origin = getattr(module, "__file__", None)
            if not origin or not origin.endswith(".py") or name.split(".")[0] in OWN_PACKAGES:
                continue
            path = Path(origin).absolute()  # not resolved: a link is told as one
            if self._root_of(path) and not _is_installed(path):
                yield path

    def _root_of(self, file: Path) -> Path | None:
        return innermost(file, self._roots)

    def _why_kept_out(self, file: Path) -> str | None:
        return why_kept_out(file, self._project)

    def _project_or_root(self, file: Path) -> Path:
        return self._project if file.is_relative_to(self._project) else file.parent

    def _name(self, file: Path) -> str:
        below = file.is_relative_to(self._project)
        return file.relative_to(self._project).as_posix() if below else str(file)


def innermost(file: Path, roots: Iterable[Path]) -> Path | None:
    """Return the root that a file belongs to: of several within each other, the innermost."""
    around = [root for root in roots if file.is_relative_to(root)]
    return max(around, key=lambda root: len(root.parts), default=None)


def _below(root: Path, module: Module) -> Iterator[Path]:
    for length in range(1, len(module) + 1):
        place = root.joinpath(*module[:length])
        for path in (place / "__init__.py", place.with_name(f"{place.name}.py")):
            if path.is_file():
                yield path


def _parents(root: Path, file: Path) -> Iterator[Path]:
    """Yield what makes packages of the folders that a file lies in."""
    for folder in file.parents:
        if folder == root:
            return
        if (folder / "__init__.py").is_file():
            yield folder / "__init__.py"


def _origin(name: str) -> Path | None:
    """Return the file or folder that Python imports a name from, if it is of nobody's package."""
    if name in sys.stdlib_module_names:
        return None
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    found = next(iter(spec.submodule_search_locations or ()), None)
    place = found or (spec.origin if spec.has_location else None)
    return None if place is None or _is_installed(Path(place)) else Path(place).absolute()


def _is_installed(path: Path) -> bool:
    return is_foreign(str(path)) or not {"site-packages", "dist-packages"}.isdisjoint(path.parts)


def _included(folder: Path, root: Path, pattern: str) -> list[Path]:
    if Path(pattern).is_absolute():
        raise LoadError(f"--include {pattern}: is to be a path from {folder}")
    found = _matches(folder, pattern)
    if any(not path.is_relative_to(root) for path in found):
        raise LoadError(f"--include {pattern}: must stay within {root}")
    if not found:
        raise LoadError(f"--include {pattern}: matches no file in {folder}")
    return found


def _matches(folder: Path, pattern: str) -> list[Path]:
    """Return the files that a pattern matches, in order; of a folder, all in it."""
    found: set[Path] = set()
    for match in folder.glob(pattern.rstrip("/")):
        path = Path(os.path.normpath(match))
        found.update(_all_in(path) if path.is_dir() and not path.is_symlink() else [path])
    return sorted(path for path in found if path.is_file() or path.is_symlink())


def _all_in(folder: Path) -> Iterator[Path]:
    """Yield every file in a folder and below; links to folders are not entered."""
    for at, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            yield Path(at, name)


def _by_folder(left_out: dict[str, str]) -> dict[str, str]:
    """Say it once of a folder of tools, and not of each file in it."""
    told: dict[str, str] = {}
    for name, why in left_out.items():
        tool = why.removeprefix("belongs to ") if why.startswith("belongs to ") else None
        if tool is None:
            told[name] = why
        else:
            before, _, _ = f"/{name}".partition(f"/{tool}/")
            told[f"{before}/{tool}/".lstrip("/")] = "is of tools, and no part of a flow"
    return told
