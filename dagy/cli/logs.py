"""`dagy logs`: what the tasks of a run said."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from datetime import date, datetime

from rich.text import Text

from dagy.cli.screen import err, from_task, out, print_plain
from dagy.cli.task_names import task_names
from dagy.errors import HistoryError
from dagy.history import Home, find_run_id, is_alive
from dagy.logs import LogLine, follow, last_lines, read_lines
from dagy.options import nearest

_LEVELS = {
    "DEBUG": "dim",
    "INFO": "cyan",
    "WARNING": "yellow",
    "ERROR": "red",
    "CRITICAL": "bold red",
}
_WIDEST_NAME = 24
_SHOWN = 10


def show_logs(
    run_id: str, task: str | None, *, following: bool, as_json: bool, tail: int | None
) -> None:
    """Print the log of a run; if it is followed, go on until the run has ended.

    Raises:
        HistoryError: there is no such run or task, or the log cannot be read.
    """
    home = Home.find()
    run_id = find_run_id(home, run_id)
    names = task_names(home, run_id)
    if task is not None:
        _check_task(home, run_id, task, names)
    printer = printer_of(names, as_json=as_json)
    shown = 0
    try:
        for line in _lines(home, run_id, task, following=following, tail=tail):
            printer.print(line)
            shown += 1
    except BrokenPipeError:  # whoever read this has gone away
        raise
    except OSError as error:
        raise HistoryError(f"the log of run {run_id} cannot be read: {error}") from error
    except KeyboardInterrupt:
        sys.exit(130)
    if not shown:
        whose = f"task {task!r} of run {run_id}" if task else f"run {run_id}"
        err.print(f"{whose} has said nothing", markup=False)


def _check_task(home: Home, run_id: str, task: str, names: Mapping[str, str]) -> None:
    known = {*names, *names.values()}
    if task in known:
        return
    # Items of a map are not in the flow: the log knows those that have said something.
    for line in read_lines(home.log(run_id)):
        if task in {line.task_run_id, line.task}:
            return
        known.update(name for name in (line.task_run_id, line.task) if name is not None)
    shown = ", ".join(sorted(known)[:_SHOWN]) + (", ..." if len(known) > _SHOWN else "")
    raise HistoryError(
        f"run {run_id} has no task {task!r}{nearest(task, known)}; it has: {shown or 'none'}"
    )


def _lines(
    home: Home, run_id: str, task: str | None, *, following: bool, tail: int | None
) -> Iterable[LogLine]:
    def wanted(line: LogLine) -> bool:
        return task is None or task in {line.task_run_id, line.task}

    path = home.log(run_id)
    if following:
        return follow(path, lambda: not is_alive(home.journal(run_id)), wanted, tail=tail)
    if tail is not None:
        return last_lines(path, tail, wanted)
    return filter(wanted, read_lines(path))


def printer_of(names: Iterable[str], *, as_json: bool) -> _JsonPrinter | _Printer:
    """Return what prints lines of a log.

    Args:
        names: of task runs, which say how wide their column is to be.
        as_json: print JSON.
    """
    return _JsonPrinter() if as_json else _Printer(names)


class _JsonPrinter:
    def print(self, line: LogLine) -> None:
        print_plain(json.dumps(line.to_dict()), flush=True)


class _Printer:
    """Prints lines for people: when, who, and what, in colour on a terminal.

    Args:
        names: say how wide the second column is to be.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._width = min(max(map(len, names), default=0), _WIDEST_NAME)
        self._today = date.today()

    def print(self, line: LogLine) -> None:
        text = Text.assemble(
            (self._time(line.at), "dim"), "  ", (f"{self._who(line):<{self._width}}", "cyan"), "  "
        )
        if line.level is not None:
            text.append(f"{line.level}  ", style=_LEVELS.get(line.level, "yellow"))
        text.append_text(from_task(line.text.replace("\n", "\n  ")))
        if out.is_terminal:
            out.print(text)
        else:  # a hundred times as fast, and a log may be long
            print_plain(text.plain, flush=True)

    def _time(self, at: float) -> str:
        moment = datetime.fromtimestamp(at)
        text = moment.isoformat(sep=" ", timespec="milliseconds")
        return text[11:] if moment.date() == self._today else text

    def _who(self, line: LogLine) -> str:
        if line.task_run_id is None:
            return "(run)"
        return line.task_run_id + (f" #{line.attempt}" if line.attempt > 1 else "")
