"""The files that are generated for people, from the Jinja2 sources in `templates/`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def render_file(name: str, **values: Any) -> str:
    """Return a generated file.

    Args:
        name: of the source, without `.j2`.
        values: what it uses; a value that is missing is an error.
    """
    environment = Environment(
        loader=FileSystemLoader(folder()),
        undefined=StrictUndefined,
        autoescape=False,
        keep_trailing_newline=True,
    )
    return environment.get_template(f"{name}.j2").render(values)


def folder() -> Path:
    """Return where the sources are: inside the package, or at the top of a source checkout."""
    installed = Path(__file__).parent / "templates"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "templates"
