"""Tags of what is on AWS: what people write, and what AWS takes.

The rules are those of AWS, "Tag naming limits and requirements", read 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

TAG_CHARACTERS = "letters, digits, spaces and _ . : / = + - @"
"""For messages: what keys and values are made of."""

_TEXT = r"[\w .:/=+@-]"


def is_tag_key(text: str) -> bool:
    """Tell whether a text can be the key of a tag: 1 to 128 characters."""
    return re.fullmatch(_TEXT + "{1,128}", text) is not None and not _begins(text, "aws:")


def is_tag_value(text: str, *, least: int = 1) -> bool:
    """Tell whether a text can be the value of a tag: at most 256 characters.

    Args:
        text: the value.
        least: how many it has at least; CloudFormation takes no empty one.
    """
    return least <= len(text) <= 256 and re.fullmatch(_TEXT + "*", text) is not None


def is_reserved(key: str) -> bool:
    """Tell whether a key is AWS's own, or Dagy's."""
    return _begins(key, "aws:", "dagy:")


def tags_of(tags: Mapping[str, str] | Sequence[str] | None) -> dict[str, str]:
    """Return tags by key; a text without a value is true (CloudFormation takes no empty value)."""
    if tags is None or isinstance(tags, Mapping):
        return dict(tags or {})
    pairs = (text.partition("=") for text in ([tags] if isinstance(tags, str) else tags))
    return {key: value if equals else "true" for key, equals, value in pairs}


def _begins(key: str, *prefixes: str) -> bool:
    return key.lower().startswith(prefixes)
