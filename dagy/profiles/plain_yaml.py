"""YAML from a file of the user's, as plain values: nothing in it can run, repeat or swell.

A file of a few hundred bytes can stand for gigabytes by naming parts of itself again and again, or
bring a reader down by nesting; so aliases, depth and size are limited before anything is made.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from dagy.errors import ProfileError

MOST_BYTES = 256 * 1024
MOST_DEPTH = 20


def read(path: Path) -> Any:
    """Return what a file holds; None if it is not there or empty.

    Args:
        path: of a YAML file of at most 256 KB, without aliases, at most 20 levels deep.

    Raises:
        ProfileError: it cannot be read, or is not such a file; it names the line.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ProfileError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(content) > MOST_BYTES:
        raise ProfileError(f"{path} is larger than {MOST_BYTES:,} bytes, and no configuration is")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ProfileError(f"{path} is not UTF-8 text (byte {error.start})") from error
    return parse(text, str(path))


def parse(text: str, where: str) -> Any:
    """Return what YAML text stands for.

    Args:
        text: the YAML.
        where: it comes from, for the error.

    Raises:
        ProfileError: it is no YAML, or more than plain values.

    Examples:
        >>> parse("profiles: {a: {region: eu-central-1}}", "config.yaml")
        {'profiles': {'a': {'region': 'eu-central-1'}}}
    """
    try:
        _check(text, where)
        return yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f"{where}:{mark.line + 1}" if mark else where
        raise ProfileError(f"{at}: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise ProfileError(f"{where} is not YAML: {error}") from error


def dump(value: Any) -> str:
    """Return a value as YAML, in the order it has."""
    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, default_flow_style=False))


def _check(text: str, where: str) -> None:
    """Walk over the events of the text: nothing is built yet, so nothing can grow."""
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent):
            raise ProfileError(f"{where}:{line}: aliases (*name) are not read here; write it out")
        if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            depth += 1
            if depth > MOST_DEPTH:
                raise ProfileError(f"{where}:{line}: nested more than {MOST_DEPTH} levels deep")
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            depth -= 1


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice, of which YAML would quietly keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(
                    problem=f"the key {key!r} is not text; put it in quotes",
                    problem_mark=key_node.start_mark,
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"the key {key!r} stands twice", problem_mark=key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)
