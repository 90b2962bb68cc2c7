"""What the shell offers on TAB: flows of a file, ids of runs, tasks of a run.

The shell waits for this while the user types. So nothing is imported that need not be, no user code
runs, no database is opened; and whatever goes wrong means no offer, not a message between two keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import typer  # it is loaded already, and reads the annotations below when it is

if TYPE_CHECKING:
    import ast

_MOST_RUNS = 50

Offer = tuple[str, str]
"""A completion, and what to say of it."""


def flows(incomplete: str) -> list[Offer]:
    """Offer `FILE.py:FLOW` for each flow of a file whose name is there; the shell knows files."""
    return _quietly(lambda: _flows(incomplete), incomplete)


def run_ids(incomplete: str) -> list[Offer]:
    """Offer the latest runs."""
    return _quietly(_run_ids, incomplete)


def tasks(ctx: typer.Context, incomplete: str) -> list[Offer]:
    """Offer the tasks of the run that was named before."""
    # As `--task` has no value yet, the parser gave up before it knew what the other words are.
    return _quietly(lambda: _tasks(ctx.params["run_id"] or ctx.args[0]), incomplete)


def profiles(incomplete: str) -> list[Offer]:
    """Offer the profiles of `dagy config`."""
    return _quietly(_profiles, incomplete)


def _quietly(offers: Callable[[], Iterable[Offer]], incomplete: str) -> list[Offer]:
    try:
        return [offer for offer in offers() if offer[0].startswith(incomplete)]
    except Exception:
        return []


def _flows(incomplete: str) -> Iterable[Offer]:
    import ast
    from pathlib import Path

    path = incomplete.rpartition(":")[0] or incomplete
    if not path.endswith(".py"):
        return
    for node in ast.parse(Path(path).read_bytes()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            name = _flow_name(node)
            if name is not None:
                yield f"{path}:{name}", (ast.get_docstring(node) or "").partition("\n")[0]


def _flow_name(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str | None:
    """The name that `@flow`, `@flow(name="...")` or `@dagy.flow` gives to a function."""
    import ast

    for decorator in function.decorator_list:
        call = decorator if isinstance(decorator, ast.Call) else None
        used = decorator if call is None else call.func
        if ast.unparse(used).rpartition(".")[2] != "flow":
            continue
        for keyword in () if call is None else call.keywords:
            if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
                return str(keyword.value.value)
        return function.name
    return None


def _run_ids() -> Iterable[Offer]:
    import time

    from dagy.history import LATEST, Home
    from dagy.history.recorded import newest_first

    home = Home.find()
    found = newest_first(home, home.run_ids()).values()
    headers = [header for header in found if header is not None][:_MOST_RUNS]
    for header in headers:
        started = time.strftime("%Y-%m-%d %H:%M", time.localtime(header.started_at))
        yield header.run_id, f"{header.flow_name}, {started}"
    if headers:
        yield LATEST, f"{headers[0].flow_name}, {headers[0].run_id}"


def _tasks(run_id: str) -> Iterable[Offer]:
    from dagy.cli.task_names import task_names
    from dagy.history import Home, find_run_id

    home = Home.find()
    names = task_names(home, find_run_id(home, run_id))
    for name in dict.fromkeys((*names.values(), *names)):
        yield name, ""


def _profiles() -> Iterable[Offer]:
    from dagy.profiles import Store

    for name, profile in Store.find().read().profiles.items():
        yield name, profile.region or ""
