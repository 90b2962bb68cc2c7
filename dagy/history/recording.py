"""Recording a run from its start to its end, whatever becomes of the disk meanwhile."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from dagy.errors import HistoryError
from dagy.history.home import Home
from dagy.history.journal import Journal, RunHeader

if TYPE_CHECKING:
    from pathlib import Path

    from dagy.interpreter.events import Transition


class Recording:
    """A `Sink` that records one run, as well as it can: it never costs the run its result.

    What cannot be recorded is the subject of a warning, at the start if it is everything, else when
    the run has ended.

    Attributes:
        home: where it is recorded; None if it is not.
    """

    def __init__(self, run: RunHeader, flow_json: str) -> None:
        """Start the journal of a run.

        Args:
            run: what is known of it.
            flow_json: what `FlowSpec.to_json()` returned.
        """
        self._run = run
        self._journal: Journal | None = None
        self.home: Home | None = None
        try:
            home = Home.find()
            self._journal = Journal.create(home, run)
            self.home = home
        except HistoryError as error:
            _warn(f"this run goes on without being recorded: {error}")
            return
        try:
            home.save_flow(run.run_id, flow_json)
        except HistoryError as error:
            _warn(f"this run can be listed later but not resumed, its graph is missing: {error}")

    @property
    def log(self) -> Path | None:
        """The file for what the tasks say; None if nothing is recorded."""
        return None if self.home is None else self.home.log(self._run.run_id)

    def emit(self, transition: Transition) -> None:
        """Record one transition."""
        if self._journal is not None:
            self._journal.emit(transition)

    def finish(self, keep_last: int) -> None:
        """Close the journal, put it into DuckDB, and forget the oldest runs of this flow.

        Args:
            keep_last: how many ended runs of this flow to keep, at least 1.
        """
        from dagy.history import settle

        if self._journal is None or self.home is None:
            return
        self._journal.close()
        if self._journal.error is not None:
            _warn(str(self._journal.error))
        try:
            settle(self.home, self._run.flow_name, keep_last, exclude=self._run.run_id)
        except HistoryError as error:
            _warn(str(error))


def _warn(message: str) -> None:
    # The frames between are this module's, `run_local`'s, and `Flow.run_local`'s.
    warnings.warn(message, stacklevel=5)
