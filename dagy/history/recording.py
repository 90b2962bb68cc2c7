"""Recording a run from its start to its end, whatever becomes of the disk meanwhile."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from dagy.errors import HistoryError
from dagy.history.cache import Cache
from dagy.history.home import Home
from dagy.history.journal import Journal, RunHeader
from dagy.history.settling import settle_now_and_then

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

    def finish(self) -> None:
        """Close the journal, with which the run is recorded, and do what is due in its home."""
        if self._journal is None or self.home is None:
            return
        self._journal.close()
        if self._journal.error is not None:
            _warn(str(self._journal.error))
        Cache(self.home).prune_now_and_then()
        try:
            settle_now_and_then(self.home)
        except HistoryError as error:
            _warn(str(error))


def _warn(message: str) -> None:
    # The frames between are this module's, `run_local`'s, and `Flow.run_local`'s.
    warnings.warn(message, stacklevel=5)
