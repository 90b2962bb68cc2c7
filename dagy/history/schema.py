"""The tables of the history, and the check that a DuckDB file is one of ours.

All times are TIMESTAMP in UTC: a TIMESTAMPTZ shows a reader's own time zone, which makes the same
query answer differently on two machines (and needs a library that Dagy does not). Outputs and
parameters are JSON text as it was written: DuckDB's JSON type would round big integers in
expressions and refuse half a surrogate pair.

No table has a PRIMARY KEY: the indexes would make a fold cost half again as much (2,000 events took
42 ms instead of 27), and the file is written by one process at a time, which deletes a run before
it inserts it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagy.errors import HistoryError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from dagy.history.home import Home

SCHEMA_VERSION = 1

TABLES = """
CREATE TABLE meta (key VARCHAR NOT NULL, value VARCHAR NOT NULL);

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


def ensure_schema(connection: DuckDBPyConnection, home: Home) -> None:
    """Check that an open file has our tables; give them to a file that is new.

    A new file knows no run, so every journal there is becomes pending. The markers are made before
    the tables: killed in between, the next to come finds the file new again and does the same.

    Raises:
        HistoryError: the tables are someone else's, or of another version of Dagy.
    """
    import duckdb

    try:
        row = connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
    except (duckdb.CatalogException, duckdb.BinderException):
        row = None
    if row is not None and row[0] == str(SCHEMA_VERSION):
        return
    if row is not None:
        raise unusable(
            home,
            f"has schema version {row[0]}, and this version of Dagy reads and writes "
            f"{SCHEMA_VERSION}",
            remedy="Upgrade Dagy, or move",
        )
    if connection.execute("SELECT 1 FROM duckdb_tables() LIMIT 1").fetchone() is not None:
        raise unusable(home, "is a DuckDB file of another program")
    for run_id in home.run_ids():
        if home.journal(run_id).exists():
            home.mark_pending(run_id)
    connection.execute(
        f"BEGIN; {TABLES} INSERT INTO meta VALUES ('schema_version', '{SCHEMA_VERSION}'); COMMIT"
    )


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
