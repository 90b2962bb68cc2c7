"""Settings from files: `dagy.toml`, and `[tool.dagy]` in `pyproject.toml`, found upwards."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from dagy.errors import SettingsError
from dagy_compiler.settings import Settings, settings_of

OWN_FILE: Final = "dagy.toml"
SHARED_FILE: Final = "pyproject.toml"


def find_settings(start: Path, options: Mapping[str, Any]) -> Settings:
    """Return the settings of a flow.

    An option goes before `dagy.toml`, and that before `[tool.dagy]`, name by name; tags of all are
    put together. The nearest file of each name counts, upwards from the flow's folder.

    Args:
        start: the flow's file.
        options: what was asked for, by name.

    Raises:
        SettingsError: a file cannot be read, a name is unknown, or a value is not right; says
            where.
    """
    values: dict[str, Any] = {}
    tags: dict[str, Any] = {}
    for where, found in (*_found(start.resolve().parent), ("options", options)):
        settings_of(found, where)
        values |= found
        tags |= found.get("tags", {})
    return settings_of(values | {"tags": tags})


def _found(folder: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield what the files say, the weaker first."""
    if shared := _nearest(folder, SHARED_FILE):
        section = _read(shared).get("tool", {}).get("dagy", {})
        yield f"{shared}: [tool.dagy]", section
    if own := _nearest(folder, OWN_FILE):
        yield str(own), _read(own)


def _nearest(folder: Path, name: str) -> Path | None:
    places = (each / name for each in (folder, *folder.parents))
    return next((place for place in places if place.is_file()), None)


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: is not TOML: {error}") from error
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read: {error.strerror}") from error
