"""What the commands have in common on the screen: colour on a terminal only, errors on stderr."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

_WIDE = 400
"""Columns where there is no terminal: who reads a file or a pipe wants whole names."""


def _console(*, stderr: bool = False) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or os.environ.get("COLUMNS") else _WIDE
    return Console(
        soft_wrap=True, highlight=False, markup=False, emoji=False, stderr=stderr, width=width
    )


# Names and outputs are the user's: nothing in them is markup. (And Rich loads its emoji for 25 ms.)
out = _console()
err = _console(stderr=True)

STYLES = {
    "PENDING": "dim",
    "RUNNING": "cyan",
    "SUCCEEDED": "green",
    "FAILED": "bold red",
    "SKIPPED": "yellow",
    "CANCELLED": "yellow",
    "CRASHED": "bold red",
}


def say(text: str = "") -> None:
    """Print a line as it is."""
    out.print(text, markup=False)


def print_plain(text: str, *, flush: bool = False) -> None:
    """Print text for another program, as it is."""
    print(text, flush=flush)  # noqa: T201


def say_error(text: str) -> None:
    """Print an error on stderr."""
    err.print(Text.assemble(("error: ", "bold red"), text))


def say_warning(text: str) -> None:
    """Print a warning on stderr."""
    err.print(Text.assemble(("warning: ", "yellow"), text))


def say_progress(text: str) -> None:
    """Say on stderr what takes time now."""
    err.print(Text(f"{text} ...", "dim"))


def print_json(value: Any) -> None:
    """Print JSON for a script: no colour, no wrapping."""
    print(json.dumps(value, indent=2))  # noqa: T201 - Rich would colour and wrap it


def state_text(state: str) -> Text:
    """Return the name of a state in its colour."""
    return Text(state, style=STYLES.get(state, ""))


def table(*columns: str) -> Table:
    """Return a plain table with these headings."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, justify="right" if column in {"took", "attempts"} else "left")
    return made


def duration(seconds: float | None) -> str:
    """Return a duration for people: `12 ms`, `3.4 s`, `2 min 05 s`."""
    if seconds is None:
        return ""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60):02d} s"


def from_task(text: str) -> Text:
    """Return what a task printed; its own colours show where ours do."""
    return Text.from_ansi(text) if "\x1b" in text else Text(text)
