"""What the folders of the history tell of runs: no database is opened, so it takes milliseconds."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from dagy.errors import HistoryError
from dagy.history.journal import read_header
from dagy.options import nearest
from dagy.state import TERMINAL

if TYPE_CHECKING:
    from pathlib import Path

    from dagy.history import Home, RunHeader

LATEST = "latest"

_SHOWN = 5


def find_run_id(home: Home, wanted: str) -> str:
    """Return the id of the run that is meant.

    Args:
        home: where the history is.
        wanted: an id, the beginning of one that no other has, or `latest`.

    Raises:
        HistoryError: there is no such run, or there are several.
    """
    if wanted == LATEST:
        headers = newest(home)
        if not headers:
            raise HistoryError("no run has been recorded yet; `dagy run FILE.py` makes one")
        return headers[0].run_id
    ids = home.run_ids()
    found = [run_id for run_id in ids if run_id.startswith(wanted)]
    if wanted in found or len(found) == 1:
        return wanted if wanted in found else found[0]
    if found:
        raise HistoryError(
            f"several runs have an id that begins with {wanted!r}: {', '.join(found[:_SHOWN])}"
            f"{', ...' if len(found) > _SHOWN else ''}; give more of it"
        )
    known = nearest(wanted, ids) or "; `dagy runs list` shows those there are"
    raise HistoryError(f"no run has an id that begins with {wanted!r}{known}")


def newest(home: Home) -> list[RunHeader]:
    """Return the headers of all runs that have a folder, the latest first."""
    headers = []
    for run_id in home.run_ids():
        try:
            header = read_header(home.journal(run_id))
        except (HistoryError, OSError):
            continue  # of another version of Dagy, or damaged: whoever asks for it by id hears why
        if header is not None:
            headers.append(header)
    return sorted(headers, key=lambda header: header.started_at, reverse=True)


def task_names(home: Home, run_id: str) -> dict[str, str]:
    """Return the name of its task by task run id, as the run's flow has them; empty if unknown."""
    try:
        flow = json.loads(home.flow(run_id).read_bytes())
        return {run["id"]: run["task_name"] for run in flow["task_runs"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def has_ended(home: Home, run_id: str) -> bool:
    """Return whether a run has ended: its journal is in the database, or says so itself."""
    if not home.pending(run_id).exists():
        return True
    try:
        last = json.loads(_last_line(home.journal(run_id)))
    except (OSError, ValueError):
        return False
    return "task_run_id" not in last and last.get("state") in TERMINAL


def _last_line(path: Path) -> bytes:
    """The last line of a file; nothing before it is read."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        window = 4096
        while True:
            file.seek(-min(window, size), os.SEEK_END)
            tail = file.read()
            if b"\n" in tail[:-1] or len(tail) == size:
                return tail.rstrip(b"\n").rpartition(b"\n")[2]
            window *= 8
