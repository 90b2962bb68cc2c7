"""Reading the history, and forgetting its oldest runs."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dagy.errors import HistoryError
from dagy.history.fold import delete_run
from dagy.history.records import RunDetail, RunSummary, TaskRunDetail
from dagy.interpreter.events import Failure

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from dagy.history.home import Home

_SHOWN_CANDIDATES = 5

_SUMMARIES = """
SELECT run_id, flow_name, flow_version, status, started_at, ended_at,
       (SELECT count(*) FROM task_runs t WHERE t.run_id = runs.run_id),
       (SELECT count(*) FROM task_runs t WHERE t.run_id = runs.run_id AND t.state = 'SUCCEEDED')
FROM runs
WHERE starts_with(run_id, $prefix)
ORDER BY run_id = $prefix DESC, started_at DESC, run_id DESC
LIMIT $limit
"""

_RUN = """
SELECT parameters, max_workers, fail_fast, dagy_version, message, output,
       error_type, error_message, error_traceback
FROM runs WHERE run_id = ?
"""

_TASK_RUNS = """
SELECT task_run_id, state, attempts, started_at, ended_at, message, output,
       error_type, error_message, error_traceback
FROM task_runs WHERE run_id = ? ORDER BY first_seq
"""

_ENDED = """
SELECT run_id FROM runs WHERE flow_name = ? AND ended_at IS NOT NULL
ORDER BY started_at DESC, run_id DESC
"""


def summaries(connection: DuckDBPyConnection, *, limit: int, prefix: str = "") -> list[RunSummary]:
    """Return runs, newest first; before them, the run whose whole id is the prefix.

    Args:
        connection: an open history.
        limit: how many at most.
        prefix: what their ids begin with.
    """
    rows = connection.execute(_SUMMARIES, {"prefix": prefix, "limit": limit}).fetchall()
    return [_summary(row) for row in rows]


def detail(connection: DuckDBPyConnection, prefix: str) -> RunDetail:
    """Return the run whose id is, or begins with, a prefix.

    Raises:
        HistoryError: no run's id does, or several do.
    """
    summary = _only_one(connection, prefix)
    row = connection.execute(_RUN, [summary.run_id]).fetchone()
    assert row is not None, "the summary came from the same table over the same connection"
    parameters, max_workers, fail_fast, dagy_version, message, output, *error = row
    task_runs = connection.execute(_TASK_RUNS, [summary.run_id]).fetchall()
    return RunDetail(
        **vars(summary),
        parameters=parameters,
        max_workers=max_workers,
        fail_fast=fail_fast,
        dagy_version=dagy_version,
        message=message,
        output=output,
        error=_failure(*error),
        task_runs=tuple(_task_run(task_run) for task_run in task_runs),
    )


def remove_oldest(
    connection: DuckDBPyConnection, home: Home, flow_name: str, keep_last: int, exclude: str
) -> list[str]:
    """Remove the ended runs of a flow beyond the newest ones; `dagy.history.cleanup` says how."""
    ended = [run_id for (run_id,) in connection.execute(_ENDED, [flow_name]).fetchall()]
    removed = []
    for run_id in ended[keep_last:]:
        if run_id == exclude:
            continue
        # The folder first: killed in between, the rows are still there to say what is to be
        # removed. A folder that resists keeps its rows, and is tried again next time.
        folder = home.run_folder(run_id)
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            removed.append(run_id)
    connection.begin()
    for run_id in removed:
        delete_run(connection, run_id)
    connection.commit()
    return removed


def _only_one(connection: DuckDBPyConnection, prefix: str) -> RunSummary:
    candidates = summaries(connection, prefix=prefix, limit=_SHOWN_CANDIDATES + 1)
    if len(candidates) == 1 or (candidates and candidates[0].run_id == prefix):
        return candidates[0]
    shown = _list(candidates)
    if not candidates:
        recent = summaries(connection, limit=_SHOWN_CANDIDATES)
        known = f"the latest are {_list(recent)}" if recent else "no run has been recorded yet"
        raise HistoryError(f"no run has an id that begins with {prefix!r}; {known}")
    raise HistoryError(
        f"several runs have an id that begins with {prefix!r}: {shown}; give more of it"
    )


def _list(runs: list[RunSummary]) -> str:
    names = [f"{run.run_id} ({run.flow_name})" for run in runs[:_SHOWN_CANDIDATES]]
    return ", ".join(names) + (", ..." if len(runs) > _SHOWN_CANDIDATES else "")


def _summary(row: tuple[Any, ...]) -> RunSummary:
    run_id, flow_name, flow_version, status, started_at, ended_at, total, succeeded = row
    return RunSummary(
        run_id,
        flow_name,
        flow_version,
        status,
        started_at.replace(tzinfo=UTC),
        _utc(ended_at),
        total,
        succeeded,
    )


def _task_run(row: tuple[Any, ...]) -> TaskRunDetail:
    task_run_id, state, attempts, started_at, ended_at, message, output, *error = row
    return TaskRunDetail(
        task_run_id,
        state,
        attempts,
        _utc(started_at),
        _utc(ended_at),
        message,
        output,
        _failure(*error),
    )


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)


def _failure(kind: str | None, message: str | None, traceback: str | None) -> Failure | None:
    return None if kind is None else Failure(kind, message or "", traceback or "")
