"""A definition as text with a state a line: small, with differences that people can read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_SCOPES = ("Branches", "ItemProcessor")


def definition_lines(definition: Mapping[str, Any]) -> str:
    """Return a definition as JSON without white space but for a line end around each state.

    Examples:
        >>> print(definition_lines({"StartAt": "a", "States": {"a": {"Type": "Succeed"}}}))
        {"StartAt":"a","States":{
        "a":{"Type":"Succeed"}
        }}
    """
    return _object({**definition, "States": _states(definition["States"])})


class _Written(str):
    """JSON already."""


def _states(states: Mapping[str, Any]) -> _Written:
    lines = ",\n".join(f"{_text(name)}:{_state(state)}" for name, state in states.items())
    return _Written(f"{{\n{lines}\n}}")


def _state(state: Mapping[str, Any]) -> str:
    if not any(scope in state for scope in _SCOPES):
        return _text(state)
    inside: dict[str, Any] = {}
    if "Branches" in state:
        branches = ",".join(definition_lines(branch) for branch in state["Branches"])
        inside["Branches"] = _Written(f"[{branches}]")
    if "ItemProcessor" in state:
        inside["ItemProcessor"] = _Written(definition_lines(state["ItemProcessor"]))
    return _object({**state, **inside})


def _object(fields: Mapping[str, Any]) -> str:
    written = (
        f"{_text(key)}:{value if isinstance(value, _Written) else _text(value)}"
        for key, value in fields.items()
    )
    return f"{{{','.join(written)}}}"


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
