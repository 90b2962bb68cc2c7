"""The user's own questions to the history, and the history as files for other programs.

A question can only read. Only statements that give rows are let through, and by then the connection
is shut: the database is open read-only, no file can be read or written, nothing loaded, and no
setting changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from dagy.errors import HistoryError
from dagy.history import store
from dagy.history.reading import reading

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from dagy.history.home import Home

_SHUT = "SET enable_external_access = false; SET lock_configuration = true"

_TABLES = {
    "runs": "SELECT * FROM runs",
    "task_runs": "SELECT * FROM task_runs",
    "events": "SELECT * FROM events",
}

# One file cannot hold three tables: a row a task run, with its run's beside it.
_JOINED = """
SELECT r.run_id, flow_name, flow_version, status AS run_status, r.started_at AS run_started_at,
       r.ended_at AS run_ended_at, parameters, t.* EXCLUDE (run_id)
FROM runs r JOIN task_runs t USING (run_id)
ORDER BY r.started_at, r.run_id, first_seq
"""


class Answer(NamedTuple):
    """What a question was answered with.

    Attributes:
        columns: their names; two may have the same.
        rows: a value a column.
    """

    columns: list[str]
    rows: list[tuple[Any, ...]]


def ask(home: Home, question: str) -> Answer:
    """Answer one SQL statement from the tables `runs`, `task_runs` and `events`.

    Args:
        home: where the history is; it must exist.
        question: in DuckDB's SQL; SELECT, DESCRIBE, SUMMARIZE, SHOW, EXPLAIN.

    Raises:
        HistoryError: it is not one statement, would do more than read, or is wrong; DuckDB's
            message says where.
    """
    import duckdb

    with reading(home) as connection:
        _check(connection, question)
        connection.execute(_SHUT)
        try:
            connection.execute(question)
            columns = [column[0] for column in connection.description or ()]
            return Answer(columns, connection.fetchall())
        except duckdb.PermissionException as error:
            raise HistoryError(
                f"a question to the history can read its tables only, no files: "
                f"{store.first_line(error)}"
            ) from error
        except duckdb.Error as error:
            raise HistoryError(str(error)) from error


def _check(connection: DuckDBPyConnection, question: str) -> None:
    import duckdb

    try:
        statements = connection.extract_statements(question)
    except duckdb.Error as error:
        raise HistoryError(str(error)) from error
    if not statements:
        raise HistoryError('no question was given; ask as in: dagy sql "select * from runs"')
    if len(statements) > 1:
        raise HistoryError(f"one statement at a time, not {len(statements)}")
    kind = statements[0].type
    if kind not in {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}:
        raise HistoryError(
            f"the history is open to be read only, and this is {_article(kind.name)} statement; "
            "`dagy runs delete` removes runs, `dagy runs export` writes files"
        )


def _article(word: str) -> str:
    return f"{'an' if word[0] in 'AEIOU' else 'a'} {word}"


def export(home: Home, target: Path, flow_name: str | None = None) -> dict[Path, int]:
    """Write the history as Parquet, over what was there under the same names.

    Args:
        home: where the history is; it must exist.
        target: `*.parquet` for one file with a row a task run; else a folder, which gets
            `runs.parquet`, `task_runs.parquet` and `events.parquet`.
        flow_name: only runs of this flow.

    Returns:
        The files and how many rows each has.

    Raises:
        HistoryError: a file cannot be written.
    """
    one_file = target.suffix == ".parquet"
    queries = (
        {target: _JOINED}
        if one_file
        else {target / f"{name}.parquet": query for name, query in _TABLES.items()}
    )
    try:
        (target.parent if one_file else target).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HistoryError(f"{target} cannot be written: {error.strerror or error}") from error
    with reading(home) as connection:
        if flow_name is not None:
            _narrow(connection, flow_name)
        return {path: _copy(connection, query, path) for path, query in queries.items()}


def _narrow(connection: DuckDBPyConnection, flow_name: str) -> None:
    """Let the tables' names stand for the rows of one flow."""
    for table in _TABLES:
        condition = "run_id IN (SELECT run_id FROM runs WHERE flow_name = $flow_name)"
        connection.execute(
            f"CREATE TEMP TABLE of_flow_{table} AS SELECT * FROM {table} WHERE {condition}",
            {"flow_name": flow_name},
        )
    for table in _TABLES:
        connection.execute(f"DROP VIEW IF EXISTS temp.{table}")
        connection.execute(f"CREATE TEMP VIEW {table} AS SELECT * FROM temp.of_flow_{table}")


def _copy(connection: DuckDBPyConnection, query: str, path: Path) -> int:
    import duckdb

    name = str(path).replace("'", "''")
    try:
        row = connection.execute(f"COPY ({query}) TO '{name}' (FORMAT parquet)").fetchone()
    except duckdb.IOException as error:
        raise HistoryError(f"{path} cannot be written: {store.first_line(error)}") from error
    return 0 if row is None else int(row[0])
