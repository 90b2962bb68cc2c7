"""The last lines of a terminal, drawn again and again, with whatever else is printed above them."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

_ERASE_BELOW = "\x1b[J"
# The cursor is hidden, and the terminal asked to show nothing half drawn (mode 2026), only within
# one write: a process that is killed at any moment leaves a terminal that works.
_BEGIN = "\x1b[?2026h\x1b[?25l"
_END = "\x1b[?25h\x1b[?2026l"


class Region:
    """Lines at the bottom of a terminal that can be replaced.

    Rich's own Live moves the cursor up by as many lines as it drew. When the terminal has become
    narrower since, these lines take more rows than that, and leave parts of themselves behind; here
    rows are counted at the width the terminal has now.

    Args:
        console: a console on the terminal, nothing of which is captured.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._stream = console.file
        self._lengths: list[int] = []

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines that a drawing may take."""
        size = self._console.size
        # A line that fills the last column would wrap on some terminals.
        return max(size.width - 1, 1), max(size.height - 2, 1)

    def draw(self, lines: Sequence[Text], above: str = "") -> None:
        """Replace the lines.

        Args:
            lines: what to show; each is cropped to the width.
            above: what to print above them for good; whole lines.
        """
        width, _ = self.size
        rows = sum(max(1, -(-length // (width + 1))) for length in self._lengths)
        for line in lines:
            line.truncate(width, overflow="ellipsis")
        # Above a region that stays at the bottom, so a colour left on by a task must end there.
        reset = "\x1b[0m" if "\x1b" in above else ""
        up = f"\x1b[{rows}F" if rows else ""
        drawn = f"{_BEGIN}{up}{_ERASE_BELOW}{above}{reset}{self._rendered(lines)}{_END}"
        self._lengths = [cell_len(line.plain) for line in lines]
        self._stream.write(drawn)
        self._stream.flush()

    def _rendered(self, lines: Sequence[Text]) -> str:
        with self._console.capture() as captured:
            for line in lines:
                self._console.print(line, soft_wrap=True)
        return captured.get()
