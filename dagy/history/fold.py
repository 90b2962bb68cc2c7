"""Folding: what the journals say, put into the tables.

DuckDB costs about a millisecond for a row inserted alone and microseconds for a row in bulk, so a
journal is folded whole: DuckDB reads the file itself, and every table is filled by one statement.
Folding again what was folded before changes nothing, so whoever is in doubt folds.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dagy.errors import HistoryError
from dagy.history.journal import RunHeader, read_header
from dagy.state import TERMINAL

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from dagy.history.home import Home

_ENDS = ", ".join(f"'{state.value}'" for state in sorted(TERMINAL))

# Every one of these options is there to stop DuckDB from being clever: it would guess types, take
# `a=b` in a path for a partition, and a line of 16 MiB for a mistake. `ignore_errors` turns a line
# that is not JSON into a row of NULLs: that is the torn last line of a run that was killed. The
# header becomes one too, because it has none of these fields.
_EVENTS = """
INSERT INTO events
SELECT $run_id, seq, make_timestamp(CAST("at" * 1e6 AS BIGINT)), task_run_id, state, attempt,
       message, output, error_type, error_message, error_traceback
FROM read_json($journal, format = 'newline_delimited', compression = 'uncompressed',
    hive_partitioning = false, ignore_errors = true, maximum_object_size = {longest_line},
    columns = {{seq: 'BIGINT', "at": 'DOUBLE', task_run_id: 'VARCHAR', state: 'VARCHAR',
        attempt: 'INTEGER', message: 'VARCHAR', output: 'VARCHAR', error_type: 'VARCHAR',
        error_message: 'VARCHAR', error_traceback: 'VARCHAR'}})
WHERE seq IS NOT NULL
"""

# The output, the message and the state are the last event's. The error is that of the last attempt
# that failed, as in the interpreter: a task cancelled while it waits for a retry keeps it, one that
# succeeds in the end has none. `arg_max` passes over events without an error.
_TASK_RUNS = f"""
WITH folded AS (
    SELECT task_run_id,
           arg_max(state, seq) AS last_state,
           max(attempt) AS attempts,
           min(occurred_at) FILTER (state = 'RUNNING') AS started_at,
           max(occurred_at) FILTER (state IN ({_ENDS})) AS ended_at,
           arg_max({{message: message, output: output}}, seq) AS last,
           arg_max({{type: error_type, message: error_message, traceback: error_traceback}}, seq)
               FILTER (error_type IS NOT NULL) AS error,
           min(seq) AS first_seq
    FROM events
    WHERE run_id = $run_id AND task_run_id IS NOT NULL
    GROUP BY task_run_id
)
INSERT INTO task_runs
SELECT $run_id, task_run_id, last_state, attempts, started_at, ended_at, last.message, last.output,
       CASE WHEN last_state <> 'SUCCEEDED' THEN error.type END,
       CASE WHEN last_state <> 'SUCCEEDED' THEN error.message END,
       CASE WHEN last_state <> 'SUCCEEDED' THEN error.traceback END,
       first_seq
FROM folded
"""

# A run whose journal has no end yet counts as running, however long ago it wrote its last line.
_RUN = f"""
INSERT INTO runs
SELECT $run_id, $flow_name, $flow_version, coalesce(arg_max(state, seq), 'RUNNING'),
       make_timestamp(CAST($started_at * 1e6 AS BIGINT)),
       max(occurred_at) FILTER (state IN ({_ENDS})),
       $parameters, $max_workers, $fail_fast, $dagy_version,
       arg_max(message, seq), arg_max(output, seq),
       arg_max(error_type, seq), arg_max(error_message, seq), arg_max(error_traceback, seq)
FROM events
WHERE run_id = $run_id AND task_run_id IS NULL
RETURNING ended_at IS NOT NULL
"""

_DEFAULT_LONGEST_LINE = 1 << 24


def fold_all(connection: DuckDBPyConnection, home: Home) -> list[HistoryError]:
    """Fold every pending journal, and take the marker off each run that has ended.

    Call it while nobody else holds the file, that is, inside `connected`.

    Returns:
        What kept single journals from being folded; the others are folded all the same.
    """
    import duckdb

    problems = []
    for run_id in home.pending_ids():
        try:
            header = read_header(home.journal(run_id))
            # A run that is just being created has no header yet, and is folded another time.
            ended = header is not None and _fold(connection, home, run_id, header)
        except (HistoryError, OSError, duckdb.InvalidInputException, duckdb.IOException) as error:
            problems.append(_not_folded(home, run_id, error))
            continue
        if ended:
            with home.writing(home.pending(run_id)):
                home.pending(run_id).unlink(missing_ok=True)
    return problems


def _fold(connection: DuckDBPyConnection, home: Home, run_id: str, header: RunHeader) -> bool:
    """Fold one journal in one transaction; return whether the run has ended."""
    journal = home.journal(run_id)
    events = _EVENTS.format(longest_line=_longest_line(journal))
    identity = {"run_id": run_id}
    connection.begin()
    try:
        delete_run(connection, run_id)
        connection.execute(events, {**identity, "journal": str(journal)})
        connection.execute(_TASK_RUNS, identity)
        row = connection.execute(_RUN, _run_values(run_id, header)).fetchone()
    except BaseException:
        connection.rollback()
        raise
    connection.commit()
    return row is not None and bool(row[0])


def delete_run(connection: DuckDBPyConnection, run_id: str) -> None:
    """Remove the rows of a run; part of the caller's transaction."""
    for table in ("events", "task_runs", "runs"):
        connection.execute(f"DELETE FROM {table} WHERE run_id = ?", [run_id])


def _run_values(run_id: str, header: RunHeader) -> Mapping[str, Any]:
    return {
        "run_id": run_id,
        "flow_name": header.flow_name,
        "flow_version": header.flow_version,
        "started_at": float(header.started_at),
        "parameters": json.dumps(header.parameters, separators=(",", ":")),
        "max_workers": header.max_workers,
        "fail_fast": header.fail_fast,
        "dagy_version": header.dagy_version,
    }


def _longest_line(journal: Path) -> int:
    """Return how long a line DuckDB must expect; it sets aside memory for several of them."""
    if journal.stat().st_size <= _DEFAULT_LONGEST_LINE:
        return _DEFAULT_LONGEST_LINE
    with journal.open("rb") as file:
        # The run may append one more line before DuckDB reads; a default's worth of room for it.
        return max(map(len, file)) + _DEFAULT_LONGEST_LINE


def _not_folded(home: Home, run_id: str, error: Exception) -> HistoryError:
    return HistoryError(
        f"run {run_id} is not in the local history, because its journal cannot be read: {error}. "
        f"The other runs are not touched by this; to give this one up, remove "
        f"{home.run_folder(run_id)} and {home.pending(run_id)}"
    )
