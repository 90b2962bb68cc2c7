"""Whether a parameter is true, in JSONata, from the input of the execution.

A worker refuses an input that does not fit the flow, and a branch on a parameter may be the first
that looks at it. So the input is looked at without a worker only where it surely fits: all that is
there to check of every parameter is its kind of JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from dagy.spec import Direct, ParameterReference
from dagy_compiler.jsonata import is_true, text

_KINDS: Final = {
    "null": '$type({}) = "null"',
    "boolean": '$type({}) = "boolean"',
    "integer": '$type({0}) = "number" and $floor({0}) = {0}',
    "number": '$type({}) = "number"',
    "string": '$type({}) = "string"',
    "array": '$type({}) = "array"',
    "object": '$type({}) = "object"',
}
"""JSONata for whether a value is of a kind, as `dagy.shapes` calls it."""

Entry = Mapping[str, Any]


def parameter_truth(
    parameters: Sequence[Entry], condition: Direct, given: str, asked: str
) -> str | None:
    """Return JSONata for whether a parameter is true: true or false, or what a worker has told.

    Args:
        parameters: of the flow.
        condition: refers to what decides a branch.
        given: JSONata for the parameters of the execution.
        asked: JSONata for what a worker has told, which refuses what does not fit; no boolean if
            it has not been asked.

    Returns:
        None if it is no parameter as a whole, or if the kinds of JSON are not all that there is to
        check of the parameters.
    """
    if not isinstance(condition, ParameterReference) or condition.path:
        return None
    entries = {entry["name"]: entry for entry in parameters}
    if not all(map(_is_simple, parameters)) or entries[condition.name].get("accepts") is None:
        return None
    known = ", ".join(f"$exists({_value(name)}) ? 1 : 0" for name in entries)
    # Nothing else is given. A filter would do, but not every engine takes `$` (moto 5.2 does not).
    fits = [f"$count($keys($i)) = $sum([{known}])"]
    fits += [f"({_fits(entry)})" for entry in parameters if _is_checked(entry)]
    value = _value(condition.name)
    default = "true" if entries[condition.name].get("default") else "false"
    truth = f"$exists({value}) ? {is_true(value)} : {default}"
    told = f"{' and '.join(fits)} ? ({truth}) : {asked}"
    return f'($i := {given}; $type($i) = "object" ? ({told}) : null)'


def _is_simple(entry: Entry) -> bool:
    shape = entry.get("accepts") or ()
    plain = "secret" not in entry and "bound" not in entry
    return plain and all(isinstance(kind, str) for kind in shape)


def _is_checked(entry: Entry) -> bool:
    return entry["required"] or entry.get("accepts") is not None


def _fits(entry: Entry) -> str:
    value = _value(entry["name"])
    kinds = entry.get("accepts")
    checks = [f"$exists({value})"] if kinds is None else [_KINDS[k].format(value) for k in kinds]
    return " or ".join(checks if entry["required"] else [f"$not($exists({value}))", *checks])


def _value(name: str) -> str:
    return f"$lookup($i, {text(name)})"
