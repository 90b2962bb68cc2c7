"""A view of the history as it is now, for reading: the database, and what it does not have yet.

The file holds runs that are over. Runs that go on are folded from their journals into tables in
memory each time someone looks, and views put the two together. So a reader writes nothing, runs
beside other readers, and is done however long a run takes. Where the file cannot be used at all
(someone holds it, a newer Dagy made it, it is damaged) all of the journals are read instead: they
are the truth, the file is only quicker.
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from dagy.errors import HistoryError
from dagy.history import fold, schema, settling, store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from duckdb import DuckDBPyConnection

    from dagy.history.home import Home

_TABLES = ("runs", "task_runs", "events")

# Temporary tables and views, which a file that is open to be read allows, and which come before its
# own of the same name.
_LIVE_TABLES = schema.RUN_TABLES.replace("CREATE TABLE", "CREATE TEMP TABLE")
_LIVE_NAME = "ALTER TABLE temp.{table} RENAME TO live_{table};"
_LIVE_VIEW = """
CREATE TEMP VIEW {table} AS
SELECT * FROM {database}.main.{table} WHERE run_id NOT IN (SELECT run_id FROM temp.live_runs)
UNION ALL SELECT * FROM temp.live_{table};
"""


@contextmanager
def reading(home: Home) -> Iterator[DuckDBPyConnection]:
    """Give a connection in which `runs`, `task_runs` and `events` are the history of this moment.

    What is over is folded into the database first, if that can be done at once. Nobody is kept from
    running flows meanwhile, but their runs reach the database only when the body has ended.

    Warns of journals that cannot be read, and of a database that cannot be used.

    Args:
        home: where the history is; it must exist.

    Raises:
        HistoryError: the home is not a folder; also for any DuckDB error in the body.
    """
    import duckdb

    if not home.root.is_dir():
        raise home.cannot_write(home.root, NotADirectoryError("it is not a folder"))
    with store.alone_in_process():
        connection = _open(home)
        try:
            yield connection
        except duckdb.Error as error:
            # A file may be damaged in the midst, and opens all the same.
            if "orrupt" in str(error):
                raise schema.unusable(home, f"is damaged ({store.first_line(error)})") from error
            raise HistoryError(f"the history cannot be read: {store.first_line(error)}") from error
        finally:
            connection.close()


def _open(home: Home) -> DuckDBPyConnection:
    found = fold.survey(home, home.pending_ids())
    if found.over or found.empty or not home.database.exists():
        # Whoever runs flows does this too. What is in their way is not in a reader's.
        with suppress(HistoryError):
            settling.settle_patiently(home, 0)
        # The markers are read before the file is opened: a run that ends in between is in both, and
        # the views take it once; the other way round it would be in neither.
        found = fold.survey(home, home.pending_ids())
    connection = _open_file(home)
    if connection is None:
        found = fold.survey(home, home.run_ids())
        connection = _in_memory()
        _fold(connection, home, found)
    elif found.over or found.alive:
        _overlay(connection, home, found)
    for problem in found.problems:
        _warn(str(problem))
    return connection


def _open_file(home: Home) -> DuckDBPyConnection | None:
    """Open the database; None if there is none, or none that can be used now."""
    if not home.database.exists():
        return None
    try:
        connection = store.connect_to_read(home)
        if _is_current(connection, home):
            return connection
        settling.settle_patiently(home, store.WRITER_PATIENCE)  # which brings the tables up to date
        return store.connect_to_read(home)
    except store.HistoryBusyError:
        return None
    except HistoryError as error:
        _warn(f"this was put together from the journals, which takes longer: {error}")
        return None


def _is_current(connection: DuckDBPyConnection, home: Home) -> bool:
    current = False
    try:
        current = schema.is_current(connection, home)
    finally:
        if not current:
            connection.close()
    return current


def _in_memory() -> DuckDBPyConnection:
    import duckdb

    connection = store.keep(duckdb.connect(":memory:"))
    connection.execute(schema.TABLES)
    return connection


def _overlay(connection: DuckDBPyConnection, home: Home, found: fold.Survey) -> None:
    """Put what is not in the file in front of what is."""
    row = connection.execute("SELECT current_database()").fetchone()
    assert row is not None, "a SELECT without FROM has a row"
    database = '"' + row[0].replace('"', '""') + '"'
    connection.execute(_LIVE_TABLES)
    _fold(connection, home, found)
    for statement in (_LIVE_NAME, _LIVE_VIEW):  # the views need every table's new name
        for table in _TABLES:
            connection.execute(statement.format(table=table, database=database))


def _fold(connection: DuckDBPyConnection, home: Home, found: fold.Survey) -> None:
    found.problems.extend(fold.fold(connection, home, found.over + found.alive)[1])


def _warn(message: str) -> None:
    warnings.warn(message, stacklevel=2)
