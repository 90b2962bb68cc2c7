"""A run drawn to scale in the terminal: a bar for each task run, from its start to its end."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from dagy.cli.screen import STYLES, duration
from dagy.history.critical_path import critical_path

if TYPE_CHECKING:
    from dagy.history import RunDetail, TaskRunDetail

MOST_ROWS = 60
"""More than these would not be looked at one by one: then what mattered least is left out."""

_NARROWEST_BAR = 10
_LONGEST_NAME = 32


@dataclass(frozen=True)
class Marks:
    """The characters of a drawing, one cell each.

    Attributes:
        work: an attempt under way.
        failed: an attempt that failed.
        wait: between two attempts.
        critical: before the name of a task run on the critical path.
        cut: at the end of a name that was cut.
    """

    work: str
    failed: str
    wait: str
    critical: str
    cut: str


UNICODE = Marks("█", "▒", "·", "◆", "…")
ASCII = Marks("#", "x", ".", "*", "~")


def draw(run: RunDetail, flow_json: str | None, width: int, marks: Marks = UNICODE) -> list[Text]:
    """Draw the task runs that ran, in the order in which they began.

    Args:
        run: the run.
        flow_json: its graph, for the critical path; None leaves that out.
        width: cells a line, at least 40.
        marks: what to draw with.

    Returns:
        The lines: a scale, a line a task run, a line for what was left out, a legend.
    """
    ran = [task_run for task_run in run.task_runs if task_run.started_at is not None]
    if not ran:
        return []
    critical = set(_critical(ran, flow_json))
    shown = _chosen(ran, critical)
    scale = _Scale.of(run, ran, shown, width)
    lines = [scale.heading()]
    lines += [_line(each, scale, marks, on_path=each.task_run_id in critical) for each in shown]
    left_out = len(ran) - len(shown)
    if left_out:
        lines.append(Text(f"  and {left_out} shorter ones off the critical path", style="dim"))
    lines.append(_legend(marks, shown, critical))
    return lines


def _critical(ran: Iterable[TaskRunDetail], flow_json: str | None) -> list[str]:
    if flow_json is None:
        return []
    ends = {each.task_run_id: each.ended_at for each in ran if each.ended_at is not None}
    return critical_path(ends, json.loads(flow_json)["edges"])


def _chosen(ran: Sequence[TaskRunDetail], critical: set[str]) -> list[TaskRunDetail]:
    """All, or as many as fit of: what failed, the critical path, the longest."""

    def weight(task_run: TaskRunDetail) -> tuple[bool, bool, float]:
        failed = task_run.state == "FAILED"
        return (failed, task_run.task_run_id in critical, task_run.duration or 0.0)

    chosen = {each.task_run_id for each in sorted(ran, key=weight, reverse=True)[:MOST_ROWS]}
    return [each for each in ran if each.task_run_id in chosen]


@dataclass(frozen=True)
class _Scale:
    """Where on a line a moment is."""

    start: datetime
    span: float
    name_width: int
    bar_width: int

    @staticmethod
    def of(
        run: RunDetail, ran: Sequence[TaskRunDetail], shown: Sequence[TaskRunDetail], width: int
    ) -> _Scale:
        start = min(run.started_at, *(each.started_at for each in ran if each.started_at))
        heard = [a.ended_at or a.started_at for each in ran for a in each.tries]
        end = run.ended_at or max(heard, default=start)
        end = max([end, *heard])
        longest = max(cell_len(each.task_run_id) for each in shown)
        name_width = min(longest, _LONGEST_NAME, max(8, width - _NARROWEST_BAR - 14))
        bar_width = max(_NARROWEST_BAR, width - name_width - 14)
        return _Scale(start, max((end - start).total_seconds(), 1e-6), name_width, bar_width)

    def cells(self, start: datetime, end: datetime) -> range:
        """The cells between two moments; at least one."""
        first = min(self.bar_width - 1, max(0, int(self._place(start))))
        return range(first, max(first + 1, min(self.bar_width, ceil(self._place(end)))))

    def _place(self, moment: datetime) -> float:
        place = (moment - self.start) / timedelta(seconds=self.span) * self.bar_width
        return round(place, 6)  # or a bar that ends on a border would have one cell more

    def heading(self) -> Text:
        total = duration(self.span)
        gap = max(1, self.bar_width - 1 - len(total))
        return Text(f"  {'':{self.name_width}}  0{'':{gap}}{total}", style="dim")


def _line(task_run: TaskRunDetail, scale: _Scale, marks: Marks, *, on_path: bool) -> Text:
    name = task_run.task_run_id
    if cell_len(name) > scale.name_width:
        name = set_cell_size(name, scale.name_width - 1) + marks.cut
    took = duration(task_run.duration) or task_run.state.lower()
    line = Text()
    line.append(f"{marks.critical if on_path else ' '} ", style="bold magenta")
    line.append(f"{set_cell_size(name, scale.name_width)}  ", style="bold" if on_path else "")
    line.append_text(_bar(task_run, scale, marks))
    line.append(f"  {took}", style="dim")
    return line


def _bar(task_run: TaskRunDetail, scale: _Scale, marks: Marks) -> Text:
    """Draw attempts and the waits between them; the shortest attempt has a cell."""
    cells = [" "] * scale.bar_width
    end_of_all = scale.start + timedelta(seconds=scale.span)
    tries = task_run.tries
    for earlier, later in pairwise(tries):
        for cell in scale.cells(earlier.ended_at or earlier.started_at, later.started_at):
            cells[cell] = marks.wait
    for attempt in tries:
        for cell in scale.cells(attempt.started_at, attempt.ended_at or end_of_all):
            cells[cell] = marks.failed if attempt.failed else marks.work
    bar = Text("".join(cells))
    bar.stylize(STYLES.get(task_run.state, ""))
    for cell, mark in enumerate(cells):
        if mark == marks.failed:
            bar.stylize("red", cell, cell + 1)
        elif mark == marks.wait:
            bar.stylize("dim", cell, cell + 1)
    return bar


def _legend(marks: Marks, shown: Sequence[TaskRunDetail], critical: set[str]) -> Text:
    parts = []
    if any(attempt.failed for each in shown for attempt in each.tries):
        parts.append(f"{marks.failed} failed attempt")
    if any(len(each.tries) > 1 for each in shown):
        parts.append(f"{marks.wait} waiting to try again")
    if critical:
        parts.append(f"{marks.critical} critical path")
    return Text("  " + "   ".join(parts), style="dim")
