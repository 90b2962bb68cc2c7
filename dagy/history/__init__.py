"""The local history: what ran here, when, and how it went.

While a run goes on, its `Journal` appends every transition to a file of its own; that needs no
database and no other process. When it is over, the next to come puts the journal into DuckDB, in
bulk with others that wait: `settle`. So any number of processes may run flows while others list
runs, and a process that dies loses nothing.

To write: `home` says where files are; `recording` records a run whatever becomes of the disk, with
`journal`, which `owner` locks; `settling` says when `fold` is to fill the tables of `schema` from
journals; `store` opens the file; `removal` forgets runs. To read: `reading` puts the file and the
journals of runs that go on together; `queries` makes `records` of that, and `sql` answers the
user's own questions; `recorded` reads one run from its journal alone. `cache` is beside all this:
results of tasks, by key.

DuckDB takes a tenth of a second to import, so nothing here imports it before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagy.history.cache import Cache
from dagy.history.home import Home
from dagy.history.journal import Journal, RunHeader
from dagy.history.recorded import (
    LATEST,
    RecordedRun,
    RecordedTaskRun,
    find_run_id,
    is_alive,
    nothing_recorded,
    results_of,
)
from dagy.history.recording import Recording
from dagy.history.records import Attempt, RunDetail, RunSummary, TaskRunDetail
from dagy.history.settling import settle

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

__all__ = [
    "LATEST",
    "Attempt",
    "Cache",
    "Home",
    "Journal",
    "RecordedRun",
    "RecordedTaskRun",
    "Recording",
    "RunDetail",
    "RunHeader",
    "RunSummary",
    "TaskRunDetail",
    "delete_runs",
    "find_run",
    "find_run_id",
    "is_alive",
    "list_runs",
    "results_of",
    "settle",
]


def list_runs(
    home: Home,
    *,
    limit: int = 20,
    flow_name: str | None = None,
    statuses: Sequence[str] = (),
    since: datetime | None = None,
) -> list[RunSummary]:
    """Return the latest runs, newest first.

    A journal that cannot be read is the subject of a warning, and hides no other run.

    Args:
        home: where the history is.
        limit: how many runs at most, 0 or more.
        flow_name: only runs of this flow.
        statuses: only runs with one of these; any if there are none.
        since: only runs that started then or later; with a time zone.

    Raises:
        HistoryError: the history cannot be read.
    """
    if not home.root.exists():
        return []
    from dagy.history import queries, reading

    with reading.reading(home) as connection:
        return queries.summaries(
            connection, limit=limit, flow_name=flow_name, statuses=statuses, since=since
        )


def find_run(home: Home, run: str) -> RunDetail:
    """Return one run with its task runs and their attempts.

    Args:
        home: where the history is.
        run: its id, as much of it as no other run's id begins with, or `latest`.

    Raises:
        HistoryError: there is no such run, or several (the message lists candidates), or the
            history cannot be read.
    """
    if not home.root.exists():
        raise nothing_recorded(home, run)
    from dagy.history import queries, reading

    with reading.reading(home) as connection:
        return queries.detail(connection, run)


def delete_runs(home: Home, runs: Sequence[str]) -> list[str]:
    """Remove runs for good: rows, journal, and everything in their folders.

    Args:
        home: where the history is.
        runs: ids, prefixes of ids, or `latest`.

    Returns:
        The ids of the runs that were removed.

    Raises:
        HistoryError: one of them is not there, is not the only one, or goes on; nothing is removed
            then. Also if the database cannot be used, or a folder cannot be removed.
    """
    if not home.root.exists():
        raise nothing_recorded(home, runs[0])
    from dagy.history import removal

    return removal.delete_runs(home, runs)
