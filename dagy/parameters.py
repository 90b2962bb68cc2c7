"""The parameters of a flow: how they are written in a FlowSpec, and how values are bound to them.

The laptop and the worker bind with the same function, so what one refuses the other refuses too.
Standard library only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from dagy.annotations import accepted, annotations_of, is_secret, owns_keys, spell
from dagy.errors import CodecError, ParameterError
from dagy.options import nearest
from dagy.shapes import MisfitError, converter
from dagy.values import as_json

if TYPE_CHECKING:
    import inspect

    from dagy.validation import Arguments

_EMPTY: Any = type("_EMPTY", (), {})  # told from None, which is a value


def definitions(
    fn: Any, signature: inspect.Signature, bound: Mapping[str, Any], *, validate: bool
) -> list[dict[str, Any]]:
    """Return the FlowSpec's `parameters` for a flow function.

    Args:
        fn: the function, for its annotations.
        signature: its signature.
        bound: values fixed when the flow is built, by name; what can be written as JSON.
        validate: whether types are to be checked when values are bound.

    Returns:
        An entry a parameter: `name`, `required`, and where they apply `type` (the annotation as
        written), `accepts` (a shape), `default`, `bound` and `secret`.

    Raises:
        ParameterError: a default or a bound value is not JSON.
    """
    annotations = annotations_of(fn)
    entries = []
    for name, parameter in signature.parameters.items():
        entry: dict[str, Any] = {"name": name}
        entry["required"] = parameter.default is parameter.empty and name not in bound
        if name in annotations:
            entry["type"] = spell(annotations[name])
            shape = accepted(annotations[name]).shape
            if shape is not None and validate:
                entry["accepts"] = shape
            if is_secret(annotations[name]):
                entry["secret"] = True
        keyed = owns_keys(annotations.get(name))
        if parameter.default is not parameter.empty:
            label = f"the default of parameter {name!r}"
            if entry.get("secret") and parameter.default is not None:
                raise ParameterError(
                    f"{label}: a secret cannot have one but None, as it would be written into the "
                    "FlowSpec"
                )
            entry["default"] = _json(label, parameter.default, any_keys=keyed)
        if name in bound and entry.get("secret"):
            raise ParameterError(
                f"parameter {name!r} is a secret and cannot be bound when the flow is built, or "
                "shape its graph: it would be written into the FlowSpec"
            )
        if name in bound:
            entry["bound"] = _json(f"parameter {name!r}", bound[name], any_keys=keyed)
        entries.append(entry)
    return entries


def bind(
    flow: str,
    parameters: Iterable[Mapping[str, Any]],
    given: Mapping[str, Any],
    *,
    partial: bool = False,
    annotated: Arguments | None = None,
) -> dict[str, Any]:
    """Return a value for every parameter of a flow, as JSON.

    Args:
        flow: the flow's name, for messages.
        parameters: the FlowSpec's `parameters`.
        given: values by name: JSON, or what pydantic can write as JSON.
        partial: let required parameters be missing, and leave them out.
        annotated: checks by the annotations themselves, where these are at hand.

    Raises:
        ParameterError: one is missing, unknown, of the wrong type, not JSON, or differs from the
            value it was bound to at build. All faults are in the one message.
    """
    known = {entry["name"]: entry for entry in parameters}
    problems = [
        f"there is no parameter {name!r}{nearest(name, known)}"
        for name in given
        if name not in known
    ]
    values = {}
    for name, entry in known.items():
        value = given.get(name, entry.get("bound", entry.get("default", _EMPTY)))
        if value is _EMPTY and partial:
            continue
        if value is _EMPTY:
            hint = f" ({entry['type']})" if "type" in entry else ""
            problems.append(f"parameter {name!r}{hint} is missing")
            continue
        try:
            values[name] = _written(entry, value, annotated)
            problem = _problem(entry, values[name], annotated, was_given=name in given)
        except CodecError as error:
            problem = f"parameter {name!r}: {error}"
        if problem:
            problems.append(problem)
    if problems:
        listed = ", ".join(_outline(entry) for entry in known.values())
        raise ParameterError(
            f"flow {flow!r}: " + "; ".join(problems) + f"\n  It takes: {listed or 'no parameters'}"
        )
    return values


def _written(entry: Mapping[str, Any], value: Any, annotated: Arguments | None) -> Any:
    """Return a value as the JSON that it travels as; a secret's is nowhere recorded."""
    any_keys = annotated is not None and annotated.owns_keys(entry["name"])
    return as_json(value, any_keys=any_keys, reveal=entry.get("secret", False))


def _problem(
    entry: Mapping[str, Any], value: Any, annotated: Arguments | None, *, was_given: bool
) -> str | None:
    """What is wrong with a value for a parameter, or None."""
    name = entry["name"]
    try:
        converter(entry.get("accepts") if was_given else None)(value)
        if annotated is not None and was_given:
            annotated.check(name, value)
    except MisfitError as misfit:
        if entry.get("secret"):
            misfit.value = "what was given"
        return f"parameter {name!r} {misfit.told_of(name, entry['type'])}"
    if was_given and "bound" in entry and value != entry["bound"]:
        return (
            f"parameter {name!r} was bound to {entry['bound']!r} when the flow was built and "
            f"cannot be {value!r}"
        )
    return None


def _outline(entry: Mapping[str, Any]) -> str:
    text = entry["name"] + (f": {entry['type']}" if "type" in entry else "")
    if "bound" in entry:
        return f"{text} (bound to {entry['bound']!r})"
    return f"{text} = {entry['default']!r}" if "default" in entry else text


def _json(label: str, value: Any, *, any_keys: bool) -> Any:
    try:
        return as_json(value, any_keys=any_keys)
    except CodecError as error:
        raise ParameterError(f"{label}: {error}") from error
