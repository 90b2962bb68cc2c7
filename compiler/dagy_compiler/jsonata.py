"""JSONata in which no data can become code, and nothing that CloudFormation would replace.

Step Functions evaluates every string of a definition that begins with `{%` and ends with `%}`,
refuses those that do only one of the two, and CloudFormation replaces `${Name}` and
`{{resolve:...}}` anywhere (user guide, "Dynamic references", read 2026-11). So
text that holds one of these marks is written as an expression of its own, a JSONata string taken
apart where the mark is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

_MARKS = re.compile(r"(?<=\{)(?=[%{])|(?<=%)(?=\})|(?<=\$)(?=\{)")


def expression(jsonata: str) -> str:
    """Return JSONata as a value that Step Functions evaluates."""
    return f"{{% {jsonata} %}}"


def text(value: str) -> str:
    """Return JSONata that makes a text.

    Examples:
        >>> print(text("cost: ${x}"))
        "cost: $" & "{x}"
    """
    pieces = [json.dumps(piece, ensure_ascii=False) for piece in _MARKS.split(value)]
    return " & ".join(pieces)


def literal(value: Any) -> str:
    """Return JSONata that makes a JSON value.

    Objects and arrays are read from their JSON text, because a constructor would merge arrays. As
    everywhere in JSONata, numbers are doubles.
    """
    if isinstance(value, str):
        return text(value)
    written = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    # Not every engine that people test with parses "null".
    return f"$parse({text(written)})" if isinstance(value, (dict, list)) else written


def is_inert(value: str) -> bool:
    """Tell whether a text may stand in a definition as it is."""
    return _MARKS.search(value) is None


def follow(value: str, path: Sequence[str | int]) -> str:
    """Return JSONata for the part of a value that a path leads to.

    A key of what is no object, or an index of what is no array, is undefined and so fails, as it
    does in a worker: JSONata by itself would map a key over an array, and take anything for an
    array of one.

    Args:
        value: JSONata for the value.
        path: keys and indexes.
    """
    if not path:
        return value
    steps = [
        f'$v := $type($v) = "object" ? $lookup($v, {text(step)})'
        if isinstance(step, str)
        else f'$v := $type($v) = "array" ? $v[{step}]'
        for step in path
    ]
    return f"($v := {value}; {'; '.join(steps)}; $v)"


def is_true(value: str) -> str:
    """Return JSONata that tells of a value whether Python takes it for true."""
    return f'($c := {value}; $type($c) = "array" ? $count($c) > 0 : $boolean($c))'


def as_text(value: str) -> str:
    """Return JSONata for the JSON text of a value; `$string` of a text is the text itself."""
    quoted = f"$string([{value}])"
    return (
        f'$type({value}) = "string" ? $substring({quoted}, 1, $length({quoted}) - 2) '
        f": $string({value})"
    )
