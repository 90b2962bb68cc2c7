"""How an argument points at a task's output or a flow parameter, in plain JSON.

`{"$task": id, "path": [...]}` stands for (part of) the output of a task run, and
`{"$param": name, "path": [...]}` for (part of) a flow parameter; an empty path is left out.
`{"$branch": condition, "then": ..., "otherwise": ...}` stands for one of two arguments: the first
where the value that the condition refers to is true, as Python tells truth. A user's dict that has
one of these keys is wrapped as `{"$literal": {...}}`, so that no data can be mistaken for a
reference and none is changed on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from dagy.errors import SpecError

TASK = "$task"
PARAMETER = "$param"
BRANCH = "$branch"
LITERAL = "$literal"
_MARKERS = frozenset({TASK, PARAMETER, BRANCH, LITERAL})

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class TaskReference:
    """(Part of) the output of a task run."""

    task_run_id: str
    path: Path = ()


@dataclass(frozen=True)
class ParameterReference:
    """(Part of) a flow parameter."""

    name: str
    path: Path = ()


@dataclass(frozen=True)
class BranchReference:
    """(Part of) what a branch came to.

    Attributes:
        condition: refers to the value that decides.
        then: JSON with references, for a true value.
        otherwise: likewise, for a false one.
        path: into the one that is taken.
    """

    condition: TaskReference | ParameterReference
    then: Any
    otherwise: Any
    path: Path = ()


Direct = TaskReference | ParameterReference
Reference = TaskReference | ParameterReference | BranchReference


def encode(reference: Reference) -> dict[str, Any]:
    """Return the JSON form of a reference."""
    encoded: dict[str, Any]
    match reference:
        case TaskReference():
            encoded = {TASK: reference.task_run_id}
        case ParameterReference():
            encoded = {PARAMETER: reference.name}
        case BranchReference():
            encoded = {BRANCH: encode(reference.condition)}
            encoded |= {"then": reference.then, "otherwise": reference.otherwise}
    if reference.path:
        encoded["path"] = list(reference.path)
    return encoded


def escape(value: dict[str, Any]) -> dict[str, Any]:
    """Return an already encoded dict, wrapped if it could be read as a reference."""
    return {LITERAL: value} if not _MARKERS.isdisjoint(value) else value


def as_reference(value: Any) -> Reference | None:
    """Return the reference that a JSON value is, or None.

    Raises:
        SpecError: it has the key of a reference and is not one.
    """
    if not isinstance(value, dict) or _MARKERS.isdisjoint(value):
        return None
    if len(value) == 1 and isinstance(value.get(TASK), str):  # as nearly all of them are
        return TaskReference(value[TASK])
    if set(value) == {LITERAL}:
        if not isinstance(value[LITERAL], dict):
            raise SpecError("", f"a malformed literal: {value!r}")
        return None
    path, others = value.get("path", []), len(value) - ("path" in value)
    well_formed = isinstance(path, list) and all(
        isinstance(step, (str, int)) and not isinstance(step, bool) for step in path
    )
    for marker, kind in ((TASK, TaskReference), (PARAMETER, ParameterReference)):
        if others == 1 and isinstance(value.get(marker), str) and well_formed:
            return kind(value[marker], tuple(path))
    if set(value) - {"path"} == {BRANCH, "then", "otherwise"} and well_formed:
        condition = as_reference(value[BRANCH])
        if isinstance(condition, (TaskReference, ParameterReference)):
            return BranchReference(condition, value["then"], value["otherwise"], tuple(path))
    raise SpecError("", f"a malformed reference: {value!r}")


def references_in(value: Any, *, sides: bool = True) -> Iterator[Direct]:
    """Yield every task run and parameter that an argument refers to, in reading order.

    Args:
        value: JSON with references.
        sides: of a branch, yield what both sides refer to as well as what decides it.

    Raises:
        SpecError: something in it has the key of a reference and is not one.
    """
    if isinstance(value, dict):
        reference = as_reference(value)
        if isinstance(reference, BranchReference):
            yield reference.condition
            if sides:
                yield from references_in([reference.then, reference.otherwise])
            return
        if reference is not None:
            yield reference
            return
        for item in (value.get(LITERAL, value) if set(value) == {LITERAL} else value).values():
            yield from references_in(item, sides=sides)
    elif isinstance(value, list):
        for item in value:
            yield from references_in(item, sides=sides)


def decides(value: Any) -> bool:
    """Tell whether anything in an argument is what a branch comes to."""
    if isinstance(value, dict):
        if isinstance(as_reference(value), BranchReference):
            return True
        return any(map(decides, value.get(LITERAL, value).values()))
    return isinstance(value, list) and any(map(decides, value))


def resolve(value: Any, lookup: Callable[[Direct], Any]) -> Any:
    """Return an argument with each reference replaced by its value and each escape undone.

    Args:
        value: JSON with references.
        lookup: gives the value of a reference, path included.

    Returns:
        A value made of new containers throughout, so that a task may change what it is given.
    """
    if isinstance(value, dict):
        reference = as_reference(value)
        if isinstance(reference, BranchReference):
            taken = reference.then if lookup(reference.condition) else reference.otherwise
            return follow(resolve(taken, lookup), reference.path)
        if reference is not None:
            return lookup(reference)
        plain = value[LITERAL] if set(value) == {LITERAL} else value
        return {key: resolve(item, lookup) for key, item in plain.items()}
    if isinstance(value, list):
        return [resolve(item, lookup) for item in value]
    return value


def follow(value: Any, path: Path) -> Any:
    """Return the part of a JSON value that a path leads to.

    Raises:
        LookupError: there is no such part; the message names the step that failed.
    """
    for taken, step in enumerate(path):
        try:
            value = value[step]
        except (LookupError, TypeError) as error:
            walked = "".join(f"[{done!r}]" for done in path[:taken])
            raise LookupError(
                f"there is no [{step!r}] in {'output' + walked}, which is {_outline(value)}"
            ) from error
    return value


def _outline(value: Any) -> str:
    match value:
        case dict():
            keys = ", ".join(repr(key) for key in list(value)[:8])
            return f"an object with the keys {keys}" if value else "an empty object"
        case list():
            return f"a list of {len(value)}"
        case _:
            text = repr(value)
            return text if len(text) <= 60 else text[:57] + "..."
