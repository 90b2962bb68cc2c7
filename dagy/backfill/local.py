"""Runs of a backfill on this machine: each is a `dagy run` in a process of its own.

So one that crashes takes no other with it, tasks may change what belongs to a process, and Ctrl-C
ends them as it ends any run. What has succeeded is noted in `backfills.jsonl` beside the history,
which keeps no more than the latest runs of a flow.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from dagy.backfill.slots import Slot
from dagy.backfill.work import SUCCEEDED, Ended
from dagy.errors import HistoryError
from dagy.history import Home


class LocalRunner:
    """Makes runs on this machine.

    Args:
        target: `FILE.py[:FLOW]`.
        max_workers: tasks of each run that may run at once.
    """

    def __init__(self, target: str, max_workers: int) -> None:
        self._target = target
        self._max_workers = max_workers
        self._notes = Home.find().root / "backfills.jsonl"
        self._succeeded = _read(self._notes)
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._interrupted = False

    def earlier(self, slot: Slot) -> str | None:
        """See `Runner.earlier`."""
        return self._succeeded.get(slot.key)

    def run(self, slot: Slot) -> Ended:
        """See `Runner.run`."""
        with tempfile.TemporaryDirectory(prefix="dagy-backfill-") as folder:  # mode 700
            params = Path(folder) / "params.json"
            params.write_text(json.dumps(slot.given), encoding="utf-8")
            process = self._started(params)
            if process is None:
                return Ended(slot, "CANCELLED")
            try:
                out, err = process.communicate()
            finally:
                with self._lock:
                    self._running.discard(process)
        ended = _ended(slot, process.returncode, out, err)
        if ended.status == SUCCEEDED and ended.run_id is not None:
            self._note(slot, ended.run_id)
        return ended

    def interrupt(self) -> None:
        """See `Runner.interrupt`; the second time, kill them."""
        with self._lock:
            for process in self._running:
                if self._interrupted:
                    process.kill()
                else:
                    process.send_signal(signal.SIGINT)
            self._interrupted = True

    def _started(self, params: Path) -> subprocess.Popen[str] | None:
        command = [
            sys.executable, "-m", "dagy", "run", self._target, "--json",
            "--params-file", str(params), "--max-workers", str(self._max_workers),
        ]  # fmt: skip
        with self._lock:
            if self._interrupted:
                return None
            # In a session of its own, Ctrl-C reaches it only through `interrupt`, and once.
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            self._running.add(process)
        return process

    def _note(self, slot: Slot, run_id: str) -> None:
        line = json.dumps({"key": slot.key, "run_id": run_id, "at": time.time()})
        with self._lock:
            self._succeeded[slot.key] = run_id
            try:
                self._notes.parent.mkdir(parents=True, exist_ok=True)
                # One write of a line to a file that is only appended to: whole, or not there.
                with self._notes.open("ab", buffering=0) as file:
                    file.write(f"{line}\n".encode())
            except OSError as error:
                raise HistoryError(
                    f"{self._notes} cannot be written: {error.strerror or error}; without it a "
                    "backfill would run again what has succeeded"
                ) from error


def _read(notes: Path) -> dict[str, str]:
    found = {}
    try:
        lines = notes.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    for line in lines:
        try:
            noted = json.loads(line)
            found[noted["key"]] = noted["run_id"]
        except (ValueError, KeyError, TypeError):
            continue  # the machine died while it was written: that run is made again
    return found


def _ended(slot: Slot, code: int, out: str, err: str) -> Ended:
    told: dict[str, Any] = {}
    with suppress(ValueError):
        told = json.loads(out)
    run_id = told.get("run_id")
    if told.get("status") == SUCCEEDED and code == 0:
        return Ended(slot, SUCCEEDED, run_id)
    if code in {130, -signal.SIGINT, -signal.SIGTERM}:
        return Ended(slot, "CANCELLED", run_id)
    error = told.get("error") or {}
    last_line = err.strip().rpartition("\n")[2]
    said = f"{error['type']}: {error['message']}" if error else last_line
    status = told.get("status") or "FAILED"
    return Ended(slot, status, run_id, said or f"the process ended with {code}")
