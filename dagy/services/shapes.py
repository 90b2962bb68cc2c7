"""Arguments and answers of a service, from JSON as Step Functions has it to Python and back.

Step Functions gives optimized integrations times as milliseconds since the epoch, and SDK
integrations times as ISO 8601 text, as histories of executions on AWS that others published show;
bytes become text in both.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dagy.services.naming import java, pascal

if TYPE_CHECKING:
    from botocore.model import Shape


def to_boto(shape: Shape | None, value: Any) -> Any:
    """Return arguments as boto3 takes them.

    Args:
        shape: what the service wants.
        value: JSON with names as Step Functions spells them.
    """
    kind: Any = shape
    match None if shape is None else shape.type_name:
        case "structure" if isinstance(value, dict):
            names = {spell(name): name for name in kind.members for spell in (pascal, java)}
            own = {names.get(pascal(name), name): item for name, item in value.items()}
            return {name: to_boto(kind.members.get(name), item) for name, item in own.items()}
        case "list" if isinstance(value, list):
            return [to_boto(kind.member, item) for item in value]
        case "map" if isinstance(value, dict):
            return {name: to_boto(kind.value, item) for name, item in value.items()}
        case "string" if not isinstance(value, str):
            return _text(value)
        case "blob":
            return (value if isinstance(value, str) else _text(value)).encode()
    return value


def from_boto(shape: Shape | None, value: Any, *, sdk: bool) -> Any:
    """Return an answer of boto3 as Step Functions gives it.

    Args:
        shape: what the service answers.
        value: what boto3 made of it.
        sdk: whether the integration is one of the SDK's.
    """
    kind: Any = shape
    match None if shape is None else shape.type_name:
        case "structure" if isinstance(value, dict):
            spell = java if sdk else pascal
            return {
                spell(name): from_boto(kind.members[name], item, sdk=sdk)
                for name, item in value.items()
                if name in kind.members
            }
        case "list" if isinstance(value, list):
            return [from_boto(kind.member, item, sdk=sdk) for item in value]
        case "map" if isinstance(value, dict):
            return {name: from_boto(kind.value, item, sdk=sdk) for name, item in value.items()}
    if isinstance(value, datetime):
        return _time(value, as_text=sdk)
    if hasattr(value, "read"):  # what a body is streamed from
        value = value.read()
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _time(value: datetime, *, as_text: bool) -> int | str:
    if as_text:
        text = value.astimezone(UTC).isoformat(timespec="milliseconds")
        return text.replace("+00:00", "Z")
    return round(value.timestamp() * 1000)


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
