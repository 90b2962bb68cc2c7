"""The tables of the history, and the check that a DuckDB file is one of ours.

All times are TIMESTAMP in UTC: a TIMESTAMPTZ shows a reader's own time zone, which makes the same
query answer differently on two machines (and needs a library that Dagy does not). Outputs and
parameters are JSON text as it was written: DuckDB's JSON type would round big integers in
expressions and refuse half a surrogate pair.

No table has a PRIMARY KEY: the indexes would make a fold cost half again as much (2,000 events took
42 ms instead of 27), and the file is written by one process at a time, which deletes a run before
it inserts it.

Only runs that are over are in the file: ended, or crashed. Whoever reads the history adds those
that are not, from their journals, to tables of the same form (see `reading`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagy.errors import HistoryError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from dagy.history.home import Home

SCHEMA_VERSION = 2

RUN_TABLES = """
-- One row a run, identified by run_id.
CREATE TABLE runs (
    run_id VARCHAR NOT NULL,
    flow_name VARCHAR NOT NULL,
    flow_version VARCHAR NOT NULL,
    status VARCHAR NOT NULL,
    started_at TIMESTAMP NOT NULL,
    ended_at TIMESTAMP,
    parameters VARCHAR NOT NULL,
    max_workers INTEGER NOT NULL,
    fail_fast BOOLEAN NOT NULL,
    dagy_version VARCHAR NOT NULL,
    resumed_from VARCHAR,
    task_runs_total INTEGER NOT NULL,
    task_runs_succeeded INTEGER NOT NULL,
    message VARCHAR,
    output VARCHAR,
    error_type VARCHAR,
    error_message VARCHAR,
    error_traceback VARCHAR
);

-- One row a task run, identified by (run_id, task_run_id).
CREATE TABLE task_runs (
    run_id VARCHAR NOT NULL,
    task_run_id VARCHAR NOT NULL,
    state VARCHAR NOT NULL,
    attempts INTEGER NOT NULL,
    started_at TIMESTAMP,
    ended_at TIMESTAMP,
    message VARCHAR,
    output VARCHAR,
    error_type VARCHAR,
    error_message VARCHAR,
    error_traceback VARCHAR,
    first_seq BIGINT NOT NULL
);

-- One row a transition, identified by (run_id, seq); task_run_id is NULL for the run itself.
CREATE TABLE events (
    run_id VARCHAR NOT NULL,
    seq BIGINT NOT NULL,
    occurred_at TIMESTAMP NOT NULL,
    task_run_id VARCHAR,
    state VARCHAR NOT NULL,
    attempt INTEGER NOT NULL,
    message VARCHAR,
    output VARCHAR,
    error_type VARCHAR,
    error_message VARCHAR,
    error_traceback VARCHAR
);
"""

TABLES = f"CREATE TABLE meta (key VARCHAR NOT NULL, value VARCHAR NOT NULL); {RUN_TABLES}"


def ensure_schema(connection: DuckDBPyConnection, home: Home) -> None:
    """Check that a file open for writing has our tables; give them to a file that is new or old.

    A file with no run in it makes every journal there is pending. The markers are made before the
    tables: killed in between, the next to come finds the same and does the same.

    Raises:
        HistoryError: the tables are someone else's, or of a newer version of Dagy.
    """
    found = _version(connection, home)
    if found == SCHEMA_VERSION:
        return
    for run_id in home.run_ids():
        if _has_begun(home, run_id):
            home.mark_pending(run_id)
    connection.begin()
    if found is not None:
        connection.execute(
            "DROP TABLE meta; DROP TABLE runs; DROP TABLE task_runs; DROP TABLE events"
        )
    connection.execute(f"{TABLES} INSERT INTO meta VALUES ('schema_version', '{SCHEMA_VERSION}')")
    connection.commit()


def is_current(connection: DuckDBPyConnection, home: Home) -> bool:
    """Tell whether a file open for reading has our tables; one that is new or old has not.

    Raises:
        HistoryError: the tables are someone else's, or of a newer version of Dagy.
    """
    return _version(connection, home) == SCHEMA_VERSION


def _version(connection: DuckDBPyConnection, home: Home) -> int | None:
    import duckdb

    try:
        row = connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
    except (duckdb.CatalogException, duckdb.BinderException):
        row = None
    if row is None:
        if connection.execute("SELECT 1 FROM duckdb_tables() LIMIT 1").fetchone() is not None:
            raise unusable(home, "is a DuckDB file of another program")
        return None
    if not str(row[0]).isdecimal() or int(row[0]) > SCHEMA_VERSION:
        raise unusable(
            home,
            f"has schema version {row[0]}, and this version of Dagy reads and writes "
            f"{SCHEMA_VERSION}",
            remedy="Upgrade Dagy, or move",
        )
    return int(row[0])


def _has_begun(home: Home, run_id: str) -> bool:
    # One without a header may be about to begin, and marks itself when its lock is taken.
    try:
        return home.journal(run_id).stat().st_size > 0
    except OSError:
        return False


def unusable(home: Home, problem: str, *, remedy: str = "Move") -> HistoryError:
    """Return the error for a database file that cannot be used.

    Args:
        home: whose database it is.
        problem: what happened, as a phrase that follows the file's name.
        remedy: what to do, ending in the verb for moving the file.
    """
    files = f"{home.database}"
    log = home.database.with_name(home.database.name + ".wal")
    if log.exists():
        files += f" and {log.name} beside it"
    return HistoryError(
        f"{home.database} {problem}. Nothing is lost: the journal of every run is kept in "
        f"{home.runs}. {remedy} {files} out of the way; `dagy runs list` then makes a new one from "
        "the journals"
    )


def unwritable(home: Home, problem: str) -> HistoryError:
    """Return the error for a database file that is sound and cannot be written to.

    Args:
        home: whose database it is.
        problem: what DuckDB says.
    """
    return HistoryError(
        f"{home.database} cannot be written ({problem}). Nothing is lost: the journal of every run "
        f"is kept in {home.runs}, and the next run or `dagy runs list` brings the file up to date "
        "once there is room"
    )
