"""What a module names: the modules it imports, packages whose data it reads, files it may read.

The source is read and never run, so what a task imports when it runs is found too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from dagy.syntax import parsed

Module = tuple[str, ...]
"""The parts of a module's dotted name."""


@dataclass(frozen=True)
class Named:
    """What the source of one module names.

    Attributes:
        modules: what it imports. Of `from a import b` there is `a.b`, which may be no module.
        resources: packages whose data it reads by `importlib.resources` or `pkgutil.get_data`.
        unknown: lines that import a module by a name which is made only when they run.
        texts: lines and what may be a file's name there.
    """

    modules: tuple[Module, ...] = ()
    resources: tuple[Module, ...] = ()
    unknown: tuple[int, ...] = ()
    texts: tuple[tuple[int, str], ...] = ()


def named_in(source: bytes, module: Module, *, is_package: bool = False) -> Named:
    """Return what a module's source names; nothing, if it is not Python.

    Args:
        source: its text.
        module: its own name.
        is_package: whether it is the `__init__.py` of a package.
    """
    try:
        tree = parsed(source)
    except (SyntaxError, ValueError):
        return Named()
    reader = _Reader(module, module if is_package else module[:-1])
    for node in ast.walk(tree):
        reader.read(node)
    return Named(
        tuple(dict.fromkeys(reader.modules)),
        tuple(dict.fromkeys(reader.resources())),
        tuple(sorted(reader.unknown)),
        tuple(sorted(reader.texts)),
    )


_IMPORTERS = frozenset({"import_module", "__import__"})
_READERS = frozenset(
    {"files", "get_data", "open_binary", "open_text", "path", "read_binary", "read_text"}
)
_READING = frozenset({"importlib.resources", "importlib_resources", "pkgutil", "resources"})
_LONGEST_NAME = 255


class _Reader:
    """Collects what the nodes of one module name."""

    def __init__(self, module: Module, package: Module) -> None:
        self._module = module
        self._package = package
        self._aliases: dict[str, str] = {}
        self._reads: list[ast.expr] = []
        self.modules: list[Module] = []
        self.unknown: list[int] = []
        self.texts: list[tuple[int, str]] = []

    def read(self, node: ast.AST) -> None:
        """Take in one node."""
        match node:
            case ast.Import():
                for alias in node.names:
                    self._aliases[alias.asname or alias.name] = alias.name
                    self.modules.append(tuple(alias.name.split(".")))
            case ast.ImportFrom():
                base = self._relative(node.level, node.module or "")
                for alias in node.names:
                    self._aliases[alias.asname or alias.name] = ".".join((*base, alias.name))
                    self.modules.append((*base, alias.name))
            case ast.Call():
                self._read_call(node)
            case ast.Constant(value=str(text)) if _may_be_a_file(text):
                self.texts.append((node.lineno, text))

    def resources(self) -> Iterator[Module]:
        """Yield the packages whose data is read; once all imports are known."""
        for package in self._reads:
            name = self._value(package) or self._aliased(_dotted(package))
            if name:
                yield tuple(name.split("."))

    def _read_call(self, call: ast.Call) -> None:
        function = _dotted(call.func)
        owner, _, name = function.rpartition(".")
        if name in _IMPORTERS:
            self._read_import(call)
        elif name in _READERS and call.args and (not owner or owner in _READING):
            self._reads.append(call.args[0])

    def _read_import(self, call: ast.Call) -> None:
        values = [*call.args, *(keyword.value for keyword in call.keywords)]
        name = self._value(values[0]) if values else None
        if name is None:
            self.unknown.append(call.lineno)
            return
        level = len(name) - len(name.lstrip("."))
        if level and len(values) > 1 and self._value(values[1]) != ".".join(self._package):
            self.unknown.append(call.lineno)
            return
        self.modules.append(self._relative(level, name[level:]))

    def _relative(self, level: int, module: str) -> Module:
        """Return a module's name in full; each dot before it but the first climbs once."""
        base = self._package[: len(self._package) - level + 1] if level else ()
        return (*base, *(module.split(".") if module else ()))

    def _value(self, node: ast.expr) -> str | None:
        """Return the text that an expression is, if that can be known."""
        match node:
            case ast.Constant(value=str(text)):
                return text
            case ast.Name(id="__package__"):
                return ".".join(self._package)
            case ast.Name(id="__name__"):
                return ".".join(self._module)
        return None

    def _aliased(self, name: str) -> str:
        first, dot, rest = name.partition(".")
        return self._aliases.get(first, "") + dot + rest if first in self._aliases else ""


def _dotted(node: ast.expr) -> str:
    """Return `a.b.c` as it stands in the code; empty for anything else."""
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute() if owner := _dotted(node.value):
            return f"{owner}.{node.attr}"
    return ""


def _may_be_a_file(text: str) -> bool:
    """Tell whether a text might name a file beside the module: short, with a suffix, no address."""
    stem, dot, suffix = text.rpartition(".")
    return (
        bool(dot and stem)
        and len(text) <= _LONGEST_NAME
        and suffix.isalnum()
        and text.isprintable()
        and "://" not in text
    )
