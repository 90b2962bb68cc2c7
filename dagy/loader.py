"""Finding flows in a file, and the local files that go with them."""

from __future__ import annotations

import importlib
import shlex
import sys
import traceback
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from dagy.code import is_callable_mark, load
from dagy.errors import BundleError, LoadError
from dagy.flow import Flow, TracedFlow
from dagy.options import nearest
from dagy.source import location_of


@dataclass(frozen=True)
class LoadedFlow:
    """A flow found in a file.

    Attributes:
        flow: the flow.
        root: the folder that imports start from.
        file: the flow's own.
    """

    flow: Flow[..., Any]
    root: Path
    file: Path

    @property
    def files(self) -> tuple[Path, ...]:
        """The flow's file and the local modules that it imports."""
        from dagy.packaging.sources import sources_of

        return sources_of(self.file, self.root).files


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
    if "." in file.stem:
        better = file.stem.replace(".", "_") + ".py"
        raise LoadError(f"{path}: a name with a dot in it cannot be imported; call it {better}")
    file = file.resolve()
    root, module_name = _module_of(file)
    module = _import(file, root, module_name)
    flow = _choose(path, _flows_in(module), wanted)
    return LoadedFlow(flow, root, file)


def loaded_flow(flow: Flow[..., Any]) -> LoadedFlow:
    """Return a flow with the files that go with it, as a worker will import it.

    The flow of a script is another one here: its module is imported by its own name.

    Raises:
        LoadError: it was not defined in a file, or cannot be found there again.
    """
    location = location_of(flow.fn)
    if location is None or not Path(location.file).is_file():
        raise LoadError(
            f"flow {flow.name!r} was not defined in a file, which is what is packaged; write it to "
            "one"
        )
    return load_flow(f"{location.file}:{flow.name}")


def check_importable(flow: Flow[..., Any], traced: TracedFlow) -> None:
    """Refuse a flow that a worker could not import, or would import as another.

    Args:
        flow: the flow.
        traced: its spec, and the tasks it was traced from.

    Raises:
        LoadError: a task has no name in its module, or that name leads to another task; or the flow
            has none, and the worker would need its hooks or its retries.
    """
    for name, task in traced.tasks.items():
        spec = traced.spec.tasks[name]
        where = f"task {name!r}" + (f" ({spec.source})" if spec.source else "")
        in_code = spec.hooks or spec.retry_condition or is_callable_mark(spec.retry_delay_seconds)
        _check_found(where, spec.import_path, task if in_code else None)
    if traced.spec.hooks or traced.spec.retries:
        location = location_of(flow.fn)
        where = f"flow {flow.name!r}" + (f" ({location.short})" if location else "")
        _check_found(where, flow.import_path, flow)


def _check_found(where: str, path: str, wanted: Any | None) -> None:
    """Refuse a path that leads nowhere, or to something else than what is wanted, if that is said.

    What a spec says in data is the same wherever it is found; hooks and other functions are not.
    """
    remedy = "define it at the top level of a module, under its own name"
    if "<" in path:
        raise LoadError(
            f"{where} is defined inside a function, where a worker cannot import it; {remedy}"
        )
    try:
        found = load(path)
    except (ImportError, AttributeError) as error:
        raise LoadError(f"{where} cannot be imported as {path!r} ({error}); {remedy}") from error
    if wanted is not None and found is not wanted:
        raise LoadError(
            f"{where} has hooks, or functions among its options, and a worker would not find them: "
            f"{path!r} is something else; give it a name of its own in its module, as in "
            "once = fetch.with_options(...)"
        )


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
            f"{_what_to_install(error, file, root)}"
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
    where = f"\n  {frames[-1].filename}:{frames[-1].lineno}  {frames[-1].line}" if frames else ""
    return text if where in text else text + where  # some of our own errors name the line


def _what_to_install(error: BaseException, file: Path, root: Path) -> str:
    """Return how to get the packages that a flow declares and that are not here, if it lacks one.

    What is declared is what is shipped to AWS; here it is the user's to install.
    """
    if not isinstance(error, ModuleNotFoundError):
        return ""
    from dagy.packaging.project import project_of
    from dagy.packaging.requirements import declared_by, not_installed

    try:
        declared = declared_by(file, project_of(file, root))
    except BundleError:  # it is the import that has to be mended first
        return ""
    missing = not_installed(declared)
    if not missing:
        return ""
    listed = ", ".join(missing)
    return (
        f"\n  {declared.origin} declares {listed}, not installed here. Install what it declares: "
        f"pip install {shlex.join(missing)}"
    )


def _flows_in(module: ModuleType) -> dict[str, Flow[..., Any]]:
    """The flows that a module defines, and those it imports, by variable name."""
    found = {name: value for name, value in vars(module).items() if isinstance(value, Flow)}
    own = {name: flow for name, flow in found.items() if flow.fn.__module__ == module.__name__}
    return own or found


def _choose(path: str, flows: dict[str, Flow[..., Any]], wanted: str) -> Flow[..., Any]:
    if not flows:
        raise LoadError(f"{path}: there is no flow in it; decorate a function with @flow")
    choices = _choices(flows)
    if wanted:
        found = choices.get(wanted) or flows.get(wanted)
        if found is not None:
            return found
        same = {key: flow for key, flow in choices.items() if flow.name == wanted}
        if same:
            raise LoadError(f"{path}: {_told(path, same)}")
        raise LoadError(
            f"{path}: there is no flow {wanted!r} in it{nearest(wanted, choices)}; it has: "
            + ", ".join(choices)
        )
    if len(choices) > 1:
        raise LoadError(f"{path}: {_told(path, choices)}")
    return next(iter(choices.values()))


def _choices(flows: dict[str, Flow[..., Any]]) -> dict[str, Flow[..., Any]]:
    """Return each flow once: by its name, or by its variable where several have that name."""
    variables = {id(flow): variable for variable, flow in reversed(flows.items())}
    distinct = {id(flow): flow for flow in flows.values()}.values()
    names = Counter(flow.name for flow in distinct)
    return {flow.name if names[flow.name] == 1 else variables[id(flow)]: flow for flow in distinct}


def _told(path: str, choices: dict[str, Flow[..., Any]]) -> str:
    lines = ["there are several flows in it; say which:"]
    for key, flow in choices.items():
        location = location_of(flow.fn)
        at = f"  ({location.short}, called {flow.name!r})" if location and key != flow.name else ""
        lines.append(f"  {path}:{key}{at}")
    return "\n".join(lines)
