"""Reading runs out of the tables."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dagy.errors import HistoryError
from dagy.history.recorded import LATEST
from dagy.history.records import Attempt, RunDetail, RunSummary, TaskRunDetail
from dagy.interpreter.events import Failure

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from duckdb import DuckDBPyConnection

_SHOWN_CANDIDATES = 5

_SUMMARIES = """
SELECT run_id, flow_name, flow_version, status, started_at, ended_at,
       task_runs_total, task_runs_succeeded
FROM runs
WHERE {conditions}
ORDER BY run_id = $run DESC, started_at DESC, run_id DESC
LIMIT $limit
"""

_RUN = """
SELECT parameters, max_workers, fail_fast, dagy_version, resumed_from, message, output,
       error_type, error_message, error_traceback
FROM runs WHERE run_id = ?
"""

_TASK_RUNS = """
SELECT task_run_id, state, attempts, started_at, ended_at, message, output,
       error_type, error_message, error_traceback
FROM task_runs WHERE run_id = ? ORDER BY first_seq
"""

_ATTEMPTS = """
SELECT task_run_id, state, occurred_at, attempt
FROM events WHERE run_id = ? AND task_run_id IS NOT NULL ORDER BY seq
"""

_ENDED = """
SELECT run_id FROM runs WHERE flow_name = ? AND ended_at IS NOT NULL
ORDER BY started_at DESC, run_id DESC
"""

_LAST_TO_END = """
SELECT arg_max(run_id, ended_at) FROM runs WHERE list_contains(?, run_id) GROUP BY flow_name
"""


def summaries(
    connection: DuckDBPyConnection,
    *,
    limit: int,
    flow_name: str | None = None,
    statuses: Sequence[str] = (),
    since: datetime | None = None,
    prefix: str = "",
) -> list[RunSummary]:
    """Return runs, newest first; before them, the run whose whole id is the prefix.

    Args:
        connection: an open history.
        limit: how many at most.
        flow_name: only runs of this flow.
        statuses: only runs with one of these; any if there are none.
        since: only runs that started then or later; with a time zone.
        prefix: what their ids begin with.
    """
    values: dict[str, Any] = {"run": prefix, "limit": limit}
    conditions = ["starts_with(run_id, $run)"]
    if flow_name is not None:
        conditions.append("flow_name = $flow_name")
        values["flow_name"] = flow_name
    if statuses:
        conditions.append("list_contains($statuses, status)")
        values["statuses"] = list(statuses)
    if since is not None:
        conditions.append("started_at >= $since")
        values["since"] = since.astimezone(UTC).replace(tzinfo=None)
    query = _SUMMARIES.format(conditions=" AND ".join(conditions))
    return [_summary(row) for row in connection.execute(query, values).fetchall()]


def detail(connection: DuckDBPyConnection, run: str) -> RunDetail:
    """Return the run whose id is, or begins with, what is given; `latest` is the newest.

    Raises:
        HistoryError: no run's id does, or several do.
    """
    summary = the_run(connection, run)
    row = connection.execute(_RUN, [summary.run_id]).fetchone()
    assert row is not None, "the summary came from the same table over the same connection"
    parameters, max_workers, fail_fast, dagy_version, resumed_from, message, output, *error = row
    attempts = _attempts(connection.execute(_ATTEMPTS, [summary.run_id]).fetchall())
    task_runs = connection.execute(_TASK_RUNS, [summary.run_id]).fetchall()
    return RunDetail(
        **vars(summary),
        parameters=parameters,
        max_workers=max_workers,
        fail_fast=fail_fast,
        dagy_version=dagy_version,
        resumed_from=resumed_from,
        message=message,
        output=output,
        error=_failure(*error),
        task_runs=tuple(_task_run(each, attempts.get(each[0], ())) for each in task_runs),
    )


def the_run(connection: DuckDBPyConnection, run: str) -> RunSummary:
    """Return the one run that is meant by an id, a prefix of one, or `latest`.

    Raises:
        HistoryError: there is none, or there are several.
    """
    if run == LATEST:
        newest = summaries(connection, limit=1)
        if not newest:
            raise HistoryError("no run has been recorded yet; `dagy run FILE.py` makes one")
        return newest[0]
    candidates = summaries(connection, prefix=run, limit=_SHOWN_CANDIDATES + 1)
    if len(candidates) == 1 or (candidates and candidates[0].run_id == run):
        return candidates[0]
    shown = _list(candidates)
    if not candidates:
        latest = summaries(connection, limit=_SHOWN_CANDIDATES)
        known = f"the latest are {_list(latest)}" if latest else "no run has been recorded yet"
        raise HistoryError(f"no run has an id that begins with {run!r}; {known}")
    raise HistoryError(
        f"several runs have an id that begins with {run!r}: {shown}; give more of it"
    )


def ended_of(connection: DuckDBPyConnection, flow_name: str) -> list[str]:
    """Return the ids of the runs of a flow that are over, newest first."""
    return [run_id for (run_id,) in connection.execute(_ENDED, [flow_name]).fetchall()]


def last_to_end(connection: DuckDBPyConnection, run_ids: Sequence[str]) -> list[str]:
    """Return, of runs that are over, the one of each flow that was the last to end."""
    rows = connection.execute(_LAST_TO_END, [list(run_ids)]).fetchall()
    return [run_id for (run_id,) in rows]


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


def _task_run(row: tuple[Any, ...], attempts: Sequence[Attempt]) -> TaskRunDetail:
    task_run_id, state, number, started_at, ended_at, message, output, *error = row
    return TaskRunDetail(
        task_run_id,
        state,
        number,
        _utc(started_at),
        _utc(ended_at),
        message,
        output,
        _failure(*error),
        tuple(attempts),
    )


def _attempts(events: Iterable[tuple[str, str, datetime, int]]) -> dict[str, list[Attempt]]:
    """Put together the attempts of each task run from its transitions, in order."""
    attempts: dict[str, list[Attempt]] = {}
    for task_run_id, state, occurred_at, number in events:
        at = occurred_at.replace(tzinfo=UTC)
        made = attempts.setdefault(task_run_id, [])
        if state == "RUNNING":
            made.append(Attempt(number, at, None, failed=False))
        elif made and made[-1].ended_at is None:
            failed = state in {"FAILED", "PENDING"}
            made[-1] = Attempt(made[-1].number, made[-1].started_at, at, failed)
    return attempts


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)


def _failure(kind: str | None, message: str | None, traceback: str | None) -> Failure | None:
    return None if kind is None else Failure(kind, message or "", traceback or "")
