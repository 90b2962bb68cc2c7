"""Where the local history lives on disk."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dagy.errors import HistoryError

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLE = "DAGY_LOCAL_DIR"
JOURNAL_NAME = "journal.jsonl"


@dataclass(frozen=True)
class Home:
    """The folder of the local history: `~/.dagy`, unless `DAGY_LOCAL_DIR` moves it.

    ::

        history.duckdb               every run, to query
        runs/<run_id>/journal.jsonl  what happened in it, as it happened
        runs/<run_id>/flow.json      the FlowSpec it ran
        runs/<run_id>/log.jsonl      what its tasks said, if anything
        cache/                       results of tasks that are cached
        runs/<run_id>/artifacts/     values that are files, named by the hash of their content
        pending/<run_id>             empty: this journal is not wholly in history.duckdb yet

    Attributes:
        root: the folder; it need not exist yet.
    """

    root: Path

    @staticmethod
    def find() -> Home:
        """Return the home that the environment asks for; nothing is created.

        Raises:
            HistoryError: the user has no home folder and `DAGY_LOCAL_DIR` is not set, or the path
                has a question mark in it.
        """
        chosen = os.environ.get(VARIABLE)
        try:
            root = Path(chosen).expanduser() if chosen else Path.home() / ".dagy"
        except RuntimeError as error:
            raise HistoryError(
                f"no place for the local history: {error}; set {VARIABLE}"
            ) from error
        root = root.absolute()
        if "?" in str(root):  # DuckDB takes it for the start of a query string
            raise HistoryError(
                f"DuckDB cannot keep a file under a path with a question mark: {root}; set "
                f"{VARIABLE} to another folder"
            )
        return Home(root)

    @property
    def database(self) -> Path:
        """The DuckDB file."""
        return self.root / "history.duckdb"

    @property
    def runs(self) -> Path:
        """The folder with a folder for each run."""
        return self.root / "runs"

    def run_folder(self, run_id: str) -> Path:
        """The folder of one run."""
        return self.runs / run_id

    def journal(self, run_id: str) -> Path:
        """The journal of one run."""
        return self.run_folder(run_id) / JOURNAL_NAME

    def artifacts(self, run_id: str) -> Path:
        """The folder of the artifacts of one run; there if it has some."""
        return self.run_folder(run_id) / "artifacts"

    def flow(self, run_id: str) -> Path:
        """The FlowSpec of one run, as JSON."""
        return self.run_folder(run_id) / "flow.json"

    def pending(self, run_id: str) -> Path:
        """The marker that says: this run's journal is not wholly in the database."""
        return self.root / "pending" / run_id

    def log(self, run_id: str) -> Path:
        """What the tasks of one run said; there is no file if they said nothing."""
        return self.run_folder(run_id) / "log.jsonl"

    @property
    def cache(self) -> Path:
        """The folder of cached results."""
        return self.root / "cache"

    def run_ids(self) -> list[str]:
        """The runs that have a folder, in the order of their ids."""
        return _names(self.runs)

    def pending_ids(self) -> list[str]:
        """The runs that have a pending marker, in the order of their ids."""
        return _names(self.root / "pending")

    def size(self, run_id: str) -> int:
        """How many bytes the files of one run hold; 0 for a run that is gone."""
        files = (
            os.path.join(at, name)
            for at, _, names in os.walk(self.run_folder(run_id))
            for name in names
        )
        return sum(map(_bytes, files))

    def unmark(self, run_id: str) -> None:
        """Remove the pending marker of a run, if there is one.

        Raises:
            HistoryError: it cannot be removed.
        """
        with self.writing(self.pending(run_id)):
            self.pending(run_id).unlink(missing_ok=True)

    def forget(self, run_id: str) -> bool:
        """Remove the folder of a run with everything in it, then its pending marker.

        Returns:
            Whether they are gone. A folder that resists keeps its marker.
        """
        shutil.rmtree(self.run_folder(run_id), ignore_errors=True)
        if self.run_folder(run_id).exists():
            return False
        self.pending(run_id).unlink(missing_ok=True)
        return True

    def mark_pending(self, run_id: str) -> None:
        """Create the pending marker of a run.

        Raises:
            HistoryError: it cannot be written.
        """
        marker = self.pending(run_id)
        with self.writing(marker):
            marker.parent.mkdir(parents=True, exist_ok=True)
            marker.touch()

    def save_flow(self, run_id: str, spec_json: str) -> None:
        """Write the FlowSpec of a run whose journal has been created.

        Args:
            run_id: the run.
            spec_json: what `FlowSpec.to_json()` returned.

        Raises:
            HistoryError: it cannot be written.
        """
        path = self.flow(run_id)
        with self.writing(path):
            path.write_text(spec_json, encoding="utf-8")

    @contextmanager
    def writing(self, path: Path) -> Iterator[None]:
        """Turn an OSError raised while a path of this home is written into a HistoryError."""
        try:
            yield
        except OSError as error:
            raise self.cannot_write(path, error) from error

    def cannot_write(self, path: Path, error: OSError) -> HistoryError:
        """Return the error for a path of this home that cannot be written."""
        return HistoryError(
            f"the local history cannot be written at {path}: {error.strerror or error}; "
            f"set {VARIABLE} to a folder that can be written (now: {self.root})"
        )


def _bytes(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:  # somebody has removed it meanwhile
        return 0


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
