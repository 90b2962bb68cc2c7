"""What the workers of a run have logged: records of their task runs, and what tasks said.

Records name their run (`dagy.worker.records`). What a task prints does not: it stands in the log
stream of its worker between the records of that task, and a worker does one invocation at a time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from dagy.aws.executions import RemoteSummary
from dagy.aws.refusals import explained
from dagy.interpreter import Failure, Transition
from dagy.logs import LogLine
from dagy.state import StateType

_EARLY, _LATE = timedelta(seconds=5), timedelta(minutes=2)
"""Around a run, for clocks that differ, and for lines that are ingested later than written."""

_STREAMS_AT_ONCE = 100
"""Streams that one request names (CloudWatch Logs API reference, "FilterLogEvents")."""


class Record(NamedTuple):
    """A record of a worker.

    Attributes:
        transition: what happened.
        arguments: of a failure, the sizes of the arguments in bytes.
        code: of a failure, the hash of the task's code.
        stream: the log stream of the worker.
    """

    transition: Transition
    arguments: Mapping[str, int]
    code: str | None
    stream: str


def records_of(run: RemoteSummary, known: Sequence[Record] = ()) -> list[Record]:
    """Return the records of a run, in the order of their times.

    Args:
        run: the run.
        known: those that were there before; only what may have come since is read.

    Raises:
        AwsError: AWS refuses.
    """
    found = {(record.transition, record.stream): record for record in known}
    begin = run.started_at
    if known:
        begin = max(begin, datetime.fromtimestamp(known[-1].transition.at, UTC) - _LATE)
    for event in _events(run, begin, filterPattern=f'"{run.run_id}"'):
        entry = _entry(event["message"])
        if entry is not None and entry.get("run") == run.run_id:
            record = _record(entry, event["logStreamName"])
            found[record.transition, record.stream] = record
    return sorted(found.values(), key=lambda record: record.transition.at)


def lines_of(run: RemoteSummary, records: Iterable[Record]) -> list[LogLine]:
    """Return what the tasks of a run said, in the order of their times.

    Args:
        run: the run.
        records: of it.

    Raises:
        AwsError: AWS refuses.
    """
    streams = list(dict.fromkeys(record.stream for record in records))
    found: list[LogLine] = []
    for start in range(0, len(streams), _STREAMS_AT_ONCE):
        some = streams[start : start + _STREAMS_AT_ONCE]
        by_stream: dict[str, list[tuple[float, str]]] = {}
        for event in _events(run, run.started_at, logStreamNames=some):
            line = event["timestamp"] / 1000, event["message"]
            by_stream.setdefault(event["logStreamName"], []).append(line)
        for lines in by_stream.values():
            found += _said(run.run_id, lines)
    return sorted(found, key=lambda line: line.at)


def _events(run: RemoteSummary, begin: datetime, **asked: Any) -> Iterator[dict[str, Any]]:
    logs = run.flow.target.client("logs")
    until = {} if run.ended_at is None else {"endTime": _milliseconds(run.ended_at + _LATE)}
    with explained(f"reading the log of run {run.run_id}"):
        try:
            for page in logs.get_paginator("filter_log_events").paginate(
                logGroupName=run.flow.log_group,
                startTime=_milliseconds(begin - _EARLY),
                **until,
                **asked,
            ):
                yield from page["events"]
        except logs.exceptions.ResourceNotFoundException:
            return  # nothing has been logged yet


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _entry(message: str) -> dict[str, Any] | None:
    if not message.startswith('{"dagy":'):
        return None
    try:
        entry = json.loads(message)["dagy"]
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and "state" in entry and "at" in entry else None


def _record(entry: Mapping[str, Any], stream: str) -> Record:
    error = entry.get("error")
    transition = Transition(
        entry["at"],
        entry["task_run"],
        StateType(entry["state"]),
        entry.get("attempt", 0),
        entry.get("message"),
        error=None if error is None else Failure(**error),
    )
    return Record(transition, entry.get("arguments", {}), entry.get("code"), stream)


_PLATFORM = re.compile(
    r"(INIT_START|START RequestId|END RequestId|REPORT RequestId|XRAY TraceId)\b"
)
_LOGGED = re.compile(r"\[(\w+)\]\t\S+\t\S*\t(.*)", re.DOTALL)
"""How Lambda's runtime writes records of `logging` (developer guide, "Log and monitor Python
Lambda functions")."""
_REPORTED = ("[ERROR] ", "Traceback (most recent call last):")
"""How Lambda's runtime, and a container, begin their own report of a failure that a record tells
better."""


def _said(run_id: str, lines: Iterable[tuple[float, str]]) -> Iterator[LogLine]:
    """Yield what the tasks of a run said in one log stream."""
    ours = reported = False
    waiting: list[LogLine] = []
    speaking: dict[str, int] = {}
    for at, text in lines:
        entry = _entry(text)
        if entry is not None:
            ours = entry.get("run") == run_id
            if ours:
                yield from waiting
                _note(speaking, entry)
            waiting.clear()
        elif _PLATFORM.match(text):
            ours = reported = False
            waiting.clear()
            speaking.clear()
        elif text.startswith(_REPORTED) and not speaking:
            reported = True
        elif not reported:
            line = _line(at, text.rstrip("\n"), speaking)
            if ours:
                yield line
            else:  # before the first record: a module that prints when it is imported
                waiting.append(line)


def _note(speaking: dict[str, int], entry: Mapping[str, Any]) -> None:
    name = entry["task_run"]
    if name is not None and entry["state"] == StateType.RUNNING:
        speaking[name] = entry.get("attempt", 0)
    else:
        speaking.pop(name, None)


def _line(at: float, text: str, speaking: Mapping[str, int]) -> LogLine:
    logged = _LOGGED.fullmatch(text)
    level, text = (logged[1], logged[2]) if logged else (None, text)
    source = "stdout" if level is None else "log"
    if len(speaking) != 1:  # several tasks of one worker at once: nobody knows which
        return LogLine(at, text, source, level=level)
    [(name, attempt)] = speaking.items()
    return LogLine(at, text, source, name, name.partition("[")[0], attempt, level)
