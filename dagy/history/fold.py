"""Folding: what the journals say, put into the tables.

DuckDB costs about a millisecond for a row inserted alone and microseconds for a row in bulk, so
journals are folded whole and many at once: DuckDB reads the files itself, and one statement fills a
table. Folding again what was folded before changes nothing, so whoever is in doubt folds.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from dagy.errors import HistoryError
from dagy.history.home import JOURNAL_NAME
from dagy.history.journal import RunHeader, read_header
from dagy.history.recorded import CRASHED, RUNNING, is_alive
from dagy.state import TERMINAL

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from duckdb import DuckDBPyConnection

    from dagy.history.home import Home

_ENDS = ", ".join(f"'{state.value}'" for state in sorted(TERMINAL))

_BATCH = """
CREATE OR REPLACE TEMP TABLE folding AS
SELECT *, make_timestamp(CAST(started_at * 1e6 AS BIGINT)) AS began_at
FROM (SELECT unnest(CAST($rows AS STRUCT(run_id VARCHAR, journal VARCHAR, unended VARCHAR,
    flow_name VARCHAR, flow_version VARCHAR, started_at DOUBLE, parameters VARCHAR,
    max_workers INTEGER, fail_fast BOOLEAN, dagy_version VARCHAR, resumed_from VARCHAR)[]),
    recursive := true))
"""

# Every one of these options is there to stop DuckDB from being clever: it would guess types, take
# `a=b` in a path for a partition, and a line of 16 MiB for a mistake. `ignore_errors` turns a line
# that is not JSON into a row of NULLs: that is the torn last line of a run that was killed. The
# header becomes one too, because it has none of these fields; a line of a damaged file may lack
# one.
#
# The last column says of every event whether its run crashed: it has no end, and nobody owns it.
_EVENTS = f"""
CREATE OR REPLACE TEMP TABLE fresh AS
SELECT run_id, seq, make_timestamp(CAST("at" * 1e6 AS BIGINT)) AS occurred_at, task_run_id, state,
       attempt, message, output, error_type, error_message, error_traceback,
       unended = '{CRASHED}' AND NOT bool_or(task_run_id IS NULL AND state IN ({_ENDS}))
           OVER (PARTITION BY run_id) AS crashed
FROM read_json($journals, format = 'newline_delimited', compression = 'uncompressed',
    filename = 'journal', hive_partitioning = false, ignore_errors = true,
    maximum_object_size = $longest_line,
    columns = {{seq: 'BIGINT', "at": 'DOUBLE', task_run_id: 'VARCHAR', state: 'VARCHAR',
        attempt: 'INTEGER', message: 'VARCHAR', output: 'VARCHAR', error_type: 'VARCHAR',
        error_message: 'VARCHAR', error_traceback: 'VARCHAR'}}) e
JOIN folding USING (journal)
WHERE seq IS NOT NULL AND "at" IS NOT NULL AND state IS NOT NULL AND attempt IS NOT NULL
"""

# The output, the message and the state are the last event's. The error is that of the last attempt
# that failed, as in the interpreter: a task cancelled while it waits for a retry keeps it, one that
# succeeds in the end has none. `arg_max` passes over events without an error.
#
# What was under way when its run crashed did not go on, so it is CANCELLED; when it stopped is not
# known, so it has no end.
#
# Planning these statements is most of what folding a small run costs; a CTE would double it.
_TASK_RUNS = f"""
INSERT INTO task_runs
SELECT run_id, task_run_id,
       CASE WHEN cut_off THEN 'CANCELLED' ELSE last_state END,
       attempts, started_at, ended_at,
       CASE WHEN NOT cut_off THEN last.message
            WHEN last_state = 'RUNNING' THEN 'the run crashed during attempt ' || attempts
            ELSE 'the run crashed before attempt ' || (attempts + 1) END,
       last.output,
       CASE WHEN last_state <> 'SUCCEEDED' THEN error.type END,
       CASE WHEN last_state <> 'SUCCEEDED' THEN error.message END,
       CASE WHEN last_state <> 'SUCCEEDED' THEN error.traceback END,
       first_seq
FROM (
    SELECT run_id, task_run_id,
           arg_max(state, seq) AS last_state,
           max(attempt) AS attempts,
           min(occurred_at) FILTER (state = 'RUNNING') AS started_at,
           max(occurred_at) FILTER (state IN ({_ENDS})) AS ended_at,
           arg_max({{message: message, output: output}}, seq) AS last,
           arg_max({{type: error_type, message: error_message, traceback: error_traceback}}, seq)
               FILTER (error_type IS NOT NULL) AS error,
           min(seq) AS first_seq,
           any_value(crashed) AND last_state NOT IN ({_ENDS}) AS cut_off
    FROM fresh
    WHERE task_run_id IS NOT NULL
    GROUP BY run_id, task_run_id
)
"""

# A run without an end is what `unended` says. One that crashed ends with the last that was heard of
# it, which is the earliest it can have been.
_RUNS = f"""
INSERT INTO runs
SELECT run_id, flow_name, flow_version,
       CASE WHEN ended_at IS NULL THEN unended ELSE last.state END,
       began_at,
       CASE WHEN ended_at IS NULL AND unended = '{CRASHED}' THEN coalesce(last_heard, began_at)
            ELSE ended_at END,
       parameters, max_workers, fail_fast, dagy_version, resumed_from,
       coalesce(total, 0), coalesce(succeeded, 0),
       CASE WHEN ended_at IS NULL AND unended = '{CRASHED}'
            THEN 'its process ended before the run did' ELSE last.message END,
       last.output, last.type, last.error, last.traceback
FROM folding
LEFT JOIN (
    SELECT run_id,
           max(occurred_at) AS last_heard,
           max(occurred_at) FILTER (task_run_id IS NULL AND state IN ({_ENDS})) AS ended_at,
           arg_max({{state: state, message: message, output: output, type: error_type,
                    error: error_message, traceback: error_traceback}}, seq)
               FILTER (task_run_id IS NULL) AS last
    FROM fresh
    GROUP BY run_id
) USING (run_id)
LEFT JOIN (
    SELECT run_id, count(*) AS total, count(*) FILTER (state = 'SUCCEEDED') AS succeeded
    FROM task_runs
    WHERE run_id IN (SELECT run_id FROM folding)
    GROUP BY run_id
) USING (run_id)
"""

_DEFAULT_LONGEST_LINE = 1 << 24


class Pending(NamedTuple):
    """A run to fold.

    Attributes:
        run_id: the run.
        header: what its journal begins with.
        alive: whether its process still owns it; if not, the journal is complete.
    """

    run_id: str
    header: RunHeader
    alive: bool


class Survey(NamedTuple):
    """What the pending markers stand for.

    Attributes:
        over: runs that are over: ended, or crashed.
        alive: runs that go on.
        empty: runs that never began, and never will.
        problems: what kept single journals from being looked at.
    """

    over: list[Pending]
    alive: list[Pending]
    empty: list[str]
    problems: list[HistoryError]


def survey(home: Home, run_ids: Iterable[str]) -> Survey:
    """Find out which runs are over, which go on, and which are nothing."""
    found = Survey([], [], [], [])
    for run_id in run_ids:
        journal = home.journal(run_id)
        try:
            # Asked before the journal is read: what is dead by now has written its last line.
            alive = is_alive(journal)
            header = read_header(journal)
        except (HistoryError, OSError) as error:
            found.problems.append(_not_folded(home, run_id, error))
            continue
        if header is not None:
            (found.alive if alive else found.over).append(Pending(run_id, header, alive))
        elif not alive:
            found.empty.append(run_id)
    return found


def fold(
    connection: DuckDBPyConnection, home: Home, runs: Sequence[Pending]
) -> tuple[list[str], list[HistoryError]]:
    """Fold runs into the tables of a connection, all in one transaction if that can be.

    Returns:
        The ids of those that were folded, and what kept the others from it.
    """
    import duckdb

    if not runs:
        return [], []
    try:
        _fold(connection, home, runs)
    except (OSError, duckdb.Error) as error:
        if not _is_about_journals(error):
            raise  # the database's own trouble, which is the same for every run
        if len(runs) == 1:
            return [], [_not_folded(home, runs[0].run_id, error)]
        # One of them cannot be read: fold each alone, to find out which.
        each = [fold(connection, home, [run]) for run in runs]
        return [name for ids, _ in each for name in ids], [e for _, es in each for e in es]
    return [run.run_id for run in runs], []


def _fold(connection: DuckDBPyConnection, home: Home, runs: Sequence[Pending]) -> None:
    journals = [str(home.journal(run.run_id)) for run in runs]
    longest_line = max(map(_longest_line, journals))
    rows = [_row(run, journal) for run, journal in zip(runs, journals, strict=True)]
    connection.begin()
    try:
        connection.execute(_BATCH, {"rows": rows})
        _forget_earlier(connection)
        connection.execute(_EVENTS, {"journals": journals, "longest_line": longest_line})
        connection.execute("INSERT INTO events SELECT * EXCLUDE (crashed) FROM fresh")
        connection.execute(_TASK_RUNS)
        connection.execute(_RUNS)
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def _forget_earlier(connection: DuckDBPyConnection) -> None:
    """Remove what an earlier fold of these runs left, if there was one; then this is not the first.

    Looking is quicker than removing nothing.
    """
    known = "SELECT run_id FROM runs SEMI JOIN folding USING (run_id)"
    folded_before = [run_id for (run_id,) in connection.execute(known).fetchall()]
    if folded_before:
        delete_runs(connection, folded_before)


def delete_runs(connection: DuckDBPyConnection, run_ids: Sequence[str]) -> None:
    """Remove the rows of runs; part of the caller's transaction."""
    for table in ("events", "task_runs", "runs"):
        connection.execute(f"DELETE FROM {table} WHERE list_contains(?, run_id)", [list(run_ids)])


def _row(run: Pending, journal: str) -> dict[str, Any]:
    header = run.header
    return {
        "run_id": run.run_id,
        "journal": journal,
        "unended": RUNNING if run.alive else CRASHED,
        "flow_name": header.flow_name,
        "flow_version": header.flow_version,
        "started_at": float(header.started_at),
        "parameters": json.dumps(header.parameters, separators=(",", ":")),
        "max_workers": header.max_workers,
        "fail_fast": header.fail_fast,
        "dagy_version": header.dagy_version,
        "resumed_from": header.resumed_from,
    }


def _longest_line(journal: str) -> int:
    """Return how long a line DuckDB must expect; it sets aside memory for several of them."""
    with open(journal, "rb") as file:
        if file.seek(0, 2) <= _DEFAULT_LONGEST_LINE:
            return _DEFAULT_LONGEST_LINE
        file.seek(0)
        # The run may append one more line before DuckDB reads; a default's worth of room for it.
        return max(map(len, file)) + _DEFAULT_LONGEST_LINE


def _is_about_journals(error: Exception) -> bool:
    import duckdb

    kinds = (OSError, duckdb.InvalidInputException, duckdb.DataError, duckdb.IntegrityError)
    return isinstance(error, kinds) or JOURNAL_NAME in str(error)


def _not_folded(home: Home, run_id: str, error: Exception) -> HistoryError:
    return HistoryError(
        f"run {run_id} is not in the local history, because its journal cannot be read: {error}. "
        f"The other runs are not touched by this; to give this one up, remove "
        f"{home.run_folder(run_id)} and {home.pending(run_id)}"
    )
