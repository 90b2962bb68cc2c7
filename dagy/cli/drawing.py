"""The live view as lines of text: what of a `Board` is worth the room there is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.text import Text

from dagy.cli.board import Board, Row
from dagy.cli.screen import STYLES, duration
from dagy.state import TERMINAL, StateType

_SYMBOLS = {
    StateType.PENDING: "·",
    StateType.RUNNING: "▸",
    StateType.SUCCEEDED: "✓",
    StateType.FAILED: "✗",
    StateType.SKIPPED: "-",
    StateType.CANCELLED: "-",
}
_ASCII = str.maketrans("·▸✓✗↻━─╴…", ".>+x~=-..")

_LONGEST_BAR = 40
_ORDER = (
    StateType.SUCCEEDED,
    StateType.FAILED,
    StateType.RUNNING,
    StateType.SKIPPED,
    StateType.CANCELLED,
)


def draw(board: Board, width: int, height: int, *, unicode: bool = True) -> list[Text]:
    """Return the lines to show, each to be cropped to the width.

    Every task run has a line of its own where they all fit. Otherwise tasks that run more than once
    get a line each, with counts, and below them stands every task run that has failed, runs, or
    waits for a retry, as far as there is room.

    Args:
        board: the run.
        width: columns there are.
        height: lines there are.
        unicode: whether the terminal can show more than ASCII.
    """
    room = max(height - 1, 1)
    shown = [row for row in board.rows.values() if not row.is_map or not row.attempt]
    fit = len(shown) <= room
    lines = _rows(shown, board, width, room) if fit else _summary(board, width, room)
    lines.append(_total(board, width))
    return lines if unicode else [_to_ascii(line) for line in lines]


def _summary(board: Board, width: int, room: int) -> list[Text]:
    groups = {name: counts for name, counts in board.groups.items() if counts.total() > 1}
    # A third of the room at least is for the task runs that need to be looked at.
    shown = list(groups.items())[: max(room - max(min(len(board.active), room // 3), 1), 1)]
    label = max((len(name) for name, _ in shown), default=0)
    lines = [_group(name, counts, min(label, width // 3), width) for name, counts in shown]
    if len(shown) < len(groups):
        lines[-1] = Text(f"… and {len(groups) - len(shown) + 1} more tasks", style="dim")
    room -= len(lines)
    # Failures first, but not so many that nobody sees what is going on; of either, the latest.
    newest = list(reversed(board.active.values()))
    failed = [row for row in newest if row.state is StateType.FAILED]
    others = [row for row in newest if row.state is not StateType.FAILED]
    failures = _rows(failed, board, width, room - min(len(others), room // 2), "failed")
    room -= len(failures)
    return [*lines, *failures, *_rows(others, board, width, room, "running or waiting")]


def _rows(
    rows: Sequence[Row], board: Board, width: int, room: int, what: str = "task runs"
) -> list[Text]:
    """A line for each row, and for a failure a second with the last it said, if there is room."""
    extra = max(room - len(rows), 0)
    if len(rows) > room:
        rows, hidden = rows[: max(room - 1, 0)], len(rows) - max(room - 1, 0)
    else:
        hidden = 0
    now = board.now()
    label = min(max((len(row.task_run_id) for row in rows), default=0), max(width // 3, 8))
    lines = []
    for row in rows:
        lines.append(_row(row, now, label))
        if row.state is StateType.FAILED and row.last_line and extra:
            lines.append(Text(" " * (label + 14) + _plain(row.last_line), style="dim"))
            extra -= 1
    if hidden and room > 0:
        lines.append(Text(f"… and {hidden} more {what}", style="dim"))
    return lines


def _row(row: Row, now: float, label: int) -> Text:
    symbol, style = _SYMBOLS[row.state], STYLES[row.state]
    if row.retrying:
        symbol, style = "↻", "yellow"
    quiet = row.state is StateType.PENDING and not row.retrying
    line = Text.assemble(
        (symbol, style),
        " ",
        (_fit(row.task_run_id, label), "dim" if quiet else ""),
        f"  {duration(row.elapsed(now)):>8}",
    )
    if row.attempt > 1 or row.retrying:
        line.append(f"  attempt {row.attempt} of {row.attempts_allowed}", style="yellow")
    if row.note:
        line.append(f"  {row.note}", style="red" if row.state is StateType.FAILED else "dim")
    elif row.state is StateType.RUNNING and row.last_line:
        line.append(f"  {_plain(row.last_line)}", style="dim")
    return line


def _group(name: str, counts: Counter[StateType], label: int, width: int) -> Text:
    line = Text(f"{_fit(name, label)}  ")
    line.append_text(_bar(counts, max(min(_LONGEST_BAR // 2, width // 4), 4)))
    return line.append("  ").append_text(_tally(counts))


def _total(board: Board, width: int) -> Text:
    minutes, seconds = divmod(int(board.elapsed), 60)
    line = _bar(board.counts, max(min(_LONGEST_BAR, width // 3), 4))
    line.append(f"  {minutes}:{seconds:02d}  ", style="bold")
    return line.append_text(_tally(board.counts))


def _tally(counts: Counter[StateType]) -> Text:
    done = sum(count for state, count in counts.items() if state in TERMINAL)
    line = Text(f"{done}/{counts.total()}")
    for state in _ORDER[1:]:
        if counts[state]:
            line.append(f"  {counts[state]} {state.value.lower()}", style=STYLES[state])
    return line


def _bar(counts: Counter[StateType], width: int) -> Text:
    total = max(counts.total(), 1)
    bar, drawn, upto = Text(), 0, 0
    for state in _ORDER:
        upto += counts[state]
        # Rounded down, so that the bar is full only when all is done; but what has failed shows.
        end = max(upto * width // total, drawn + (state is StateType.FAILED and counts[state] > 0))
        bar.append(
            ("─" if state is StateType.RUNNING else "━") * (min(end, width) - drawn),
            style=STYLES[state],
        )
        drawn = min(end, width)
    return bar.append("╴" * (width - drawn), style="dim")


def _fit(text: str, width: int) -> str:
    return f"{text:<{width}}" if len(text) <= width else text[: max(width - 1, 0)] + "…"


def _plain(text: str) -> str:
    return Text.from_ansi(text).plain if "\x1b" in text else text


def _to_ascii(line: Text) -> Text:
    line.plain = line.plain.translate(_ASCII).encode("ascii", "replace").decode()
    return line
