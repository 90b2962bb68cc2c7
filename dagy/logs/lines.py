"""A line of a log, and its JSON form."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, NamedTuple

_quote = json.JSONEncoder().encode

STDOUT = "stdout"
STDERR = "stderr"
LOG = "log"
WARNING = "warning"


class LogLine(NamedTuple):
    """One thing that was said.

    Attributes:
        at: when, in seconds since the epoch; of a line printed in pieces, when it began.
        text: what; only a log record and a warning may hold several lines.
        source: "stdout", "stderr", "log" (a record of `logging`) or "warning".
        task_run_id: the task run that said it, or None for the run as a whole.
        task: the task's name, or None.
        attempt: the attempt of that task run, from 1; 0 where there is none.
        level: name of the record's level, as "INFO"; the category's name for a warning.
        logger: name of the record's logger.
    """

    at: float
    text: str
    source: str
    task_run_id: str | None = None
    task: str | None = None
    attempt: int = 0
    level: str | None = None
    logger: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the line as JSON: an ISO 8601 time in UTC; what is None is left out."""
        at = datetime.fromtimestamp(self.at, UTC).isoformat(timespec="microseconds")
        return {k: v for k, v in {**self._asdict(), "at": at}.items() if v is not None}


def encode(line: LogLine) -> bytes:
    """Return a line as it stands in the file, its end included.

    Written out by hand, which takes half the time of `json.dumps`: a task may print a lot.
    """
    text = f'{{"at":{line.at!r},"source":"{line.source}"'
    if line.task_run_id is not None:
        text += f',"task_run_id":{_quote(line.task_run_id)},"task":{_quote(line.task)}'
        text += f',"attempt":{line.attempt}'
    if line.level is not None:
        text += f',"level":{_quote(line.level)}'
    if line.logger is not None:
        text += f',"logger":{_quote(line.logger)}'
    return f'{text},"text":{_quote(_printable(line.text))}}}\n'.encode("ascii")


def decode(data: bytes) -> LogLine | None:
    """Return a line of a file, or None if it is torn: the last one of a run that was killed."""
    try:
        entry = json.loads(data)
        return LogLine(**{name: entry[name] for name in LogLine._fields if name in entry})
    except (ValueError, TypeError):
        return None


def _printable(text: str) -> str:
    r"""Show half a surrogate pair as Python does in a traceback, `\ud800`: no terminal takes it."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
