"""What the folders of the history tell of runs: no database is opened, so it takes milliseconds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dagy.errors import HistoryError
from dagy.history.journal import read_header

if TYPE_CHECKING:
    from dagy.history import Home, RunHeader


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
