"""Finding flows in a file, and the local files that go with them."""

from __future__ import annotations

import importlib
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from dagy.code import load
from dagy.errors import LoadError
from dagy.flow import Flow
from dagy.options import nearest
from dagy.spec import FlowSpec


@dataclass(frozen=True)
class LoadedFlow:
    """A flow found in a file.

    Attributes:
        flow: the flow.
        root: the folder that imports start from.
        files: the flow's file and the local modules it imported, all below root.
    """

    flow: Flow[..., Any]
    root: Path
    files: tuple[Path, ...]


def load_flow(target: str) -> LoadedFlow:
    """Import a file and return a flow of it.

    Args:
        target: `FILE.py`, or `FILE.py:FLOW` when the file holds several; FLOW is the flow's name or
            that of the variable.

    Raises:
        LoadError: there is no such file, it does not import, it holds no flow, or it does not say
            which of several.
    """
    path, _, wanted = target.partition(":") if not Path(target).exists() else (target, "", "")
    file = Path(path)
    if not file.is_file() or file.suffix != ".py":
        raise LoadError(f"{path}: there is no such Python file")
    file = file.resolve()
    root, module_name = _module_of(file)
    module = _import(file, root, module_name)
    flow = _choose(path, _flows_in(module), wanted)
    return LoadedFlow(flow, root, (file, *_local_modules(root, file)))


def check_importable(spec: FlowSpec) -> None:
    """Refuse a spec with tasks that a worker could not import.

    Raises:
        LoadError: a task is defined inside a function, is a lambda, or is shadowed by another name.
    """
    for task in spec.tasks.values():
        where = f" ({task.source})" if task.source else ""
        remedy = "define it at the top level of a module, under its own name"
        if "<" in task.import_path:
            raise LoadError(
                f"task {task.name!r}{where} is defined inside a function, where a worker cannot "
                f"import it; {remedy}"
            )
        try:
            load(task.import_path)
        except (ImportError, AttributeError) as error:
            raise LoadError(
                f"task {task.name!r}{where} cannot be imported as {task.import_path!r} ({error}); "
                f"{remedy}"
            ) from error


def _module_of(file: Path) -> tuple[Path, str]:
    """The folder to import from and the module's dotted name; packages are climbed out of."""
    root, parts = file.parent, [file.stem]
    while (root / "__init__.py").exists():
        parts.insert(0, root.name)
        root = root.parent
    return root, ".".join(parts)


def _import(file: Path, root: Path, name: str) -> ModuleType:
    loaded = sys.modules.get(name)
    if loaded is not None:
        _check_same(loaded, file, name)
        return loaded
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    try:
        module = importlib.import_module(name)
    # The file is the user's: it may raise anything while it is imported, SystemExit included.
    except (Exception, SystemExit) as error:
        sys.modules.pop(name, None)
        raise LoadError(
            f"{file.name} cannot be imported: {_where_it_failed(error, root)}"
        ) from error
    _check_same(module, file, name)
    return module


def _check_same(module: ModuleType, file: Path, name: str) -> None:
    origin = getattr(module, "__file__", None) or "Python itself"
    if Path(origin).resolve() != file:
        raise LoadError(
            f"{file}: another module is called {name!r} already ({origin}); rename the file"
        )


def _where_it_failed(error: BaseException, root: Path) -> str:
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError) and error.filename:
        return f"{text}\n  {error.filename}:{error.lineno}  {(error.text or '').strip()}"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(root)
    ]
    return (
        f"{text}\n  {frames[-1].filename}:{frames[-1].lineno}  {frames[-1].line}"
        if frames
        else text
    )


def _flows_in(module: ModuleType) -> dict[str, Flow[..., Any]]:
    """The flows that a module defines, and those it imports, by variable name."""
    found = {name: value for name, value in vars(module).items() if isinstance(value, Flow)}
    own = {name: flow for name, flow in found.items() if flow.fn.__module__ == module.__name__}
    return own or found


def _choose(path: str, flows: dict[str, Flow[..., Any]], wanted: str) -> Flow[..., Any]:
    distinct = {id(flow): flow for flow in flows.values()}
    names = [flow.name for flow in distinct.values()]
    if not flows:
        raise LoadError(f"{path}: there is no flow in it; decorate a function with @flow")
    if wanted:
        for flow in distinct.values():
            if flow.name == wanted:
                return flow
        if wanted in flows:
            return flows[wanted]
        raise LoadError(
            f"{path}: there is no flow {wanted!r} in it{nearest(wanted, names)}; it has: "
            + ", ".join(names)
        )
    if len(distinct) > 1:
        listed = "\n".join(f"  {path}:{name}" for name in names)
        raise LoadError(f"{path}: there are several flows in it; say which:\n{listed}")
    return next(iter(distinct.values()))


def _local_modules(root: Path, file: Path) -> list[Path]:
    """The files of imported modules that lie below root and belong to no installed package."""
    files = set()
    for name, module in list(sys.modules.items()):
        origin = getattr(module, "__file__", None)
        if not origin or not origin.endswith(".py") or name.partition(".")[0] in _OWN_PACKAGES:
            continue
        path = Path(origin).resolve()
        if path.is_relative_to(root) and path != file and not _INSTALLED & set(path.parts):
            files.add(path)
    return sorted(files)


_OWN_PACKAGES = frozenset({"dagy", "dagy_compiler", "dagy_cdk"})
_INSTALLED = frozenset({"site-packages", "dist-packages"})
