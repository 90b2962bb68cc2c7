"""`dagy sql` and `dagy runs export`."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

from rich.text import Text

from dagy.cli.screen import out, say, table
from dagy.errors import HistoryError
from dagy.history import Home
from dagy.history.sql import Answer, ask, export

_MOST_ROWS = 1000


def answer(question: str, *, as_json: bool, as_csv: bool) -> None:
    """Answer a question and print the rows."""
    if as_json and as_csv:
        raise HistoryError("--json or --csv, not both")
    answered = ask(_home(), question)
    if as_json:
        rows = [dict(zip(answered.columns, row, strict=True)) for row in answered.rows]
        print(json.dumps(rows, indent=2, default=str))  # noqa: T201 - for a script: no wrapping
    elif as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerows([answered.columns, *answered.rows])
    else:
        _print_table(answered)


def _print_table(answered: Answer) -> None:
    if not answered.rows:
        say(f"No rows ({', '.join(answered.columns)}).")
        return
    rows = table(*answered.columns)
    for row in answered.rows[:_MOST_ROWS]:
        rows.add_row(*(_cell(value) for value in row))
    out.print(rows)
    if len(answered.rows) > _MOST_ROWS:
        say(f"and {len(answered.rows) - _MOST_ROWS} more; --csv and --json print all")


def _cell(value: Any) -> Text:
    return Text("NULL", style="dim") if value is None else Text(str(value))


def export_to(target: Path, flow_name: str | None) -> None:
    """Write the history as Parquet, and say how much it was."""
    for path, rows in export(_home(), target, flow_name).items():
        say(f"{path}: {rows} row{'s' if rows != 1 else ''}")


def _home() -> Home:
    home = Home.find()
    if not home.root.exists():
        raise HistoryError(
            f"no run has been recorded in {home.root} yet; `dagy run FILE.py` makes one"
        )
    return home
