"""Results of tasks, kept by key from one run to the next.

One file a key, named by the key's hash, written beside its place and moved there whole: processes
that write the same key at once leave one of their results, and a reader sees all of one or nothing.
What cannot be read, for whatever reason, is a miss; what cannot be written is not kept. A cache
never costs a run its result.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dagy.history.home import Home

_SUFFIX = ".json"
_NEW = ".new"
_PRUNE_EVERY = 3600.0
_LONGEST_WRITE = 86400.0  # seconds; a file that has been new for longer was left by a dead process

MOST_RESULTS = 10_000
MOST_BYTES = 2**30


class Cache:
    """The cached results of one home. Safe for any number of threads and processes at once.

    Args:
        home: whose they are.
        most_results: how many results may stay when it is pruned; the oldest go.
        most_bytes: how large they may be together, with their artifacts.

    Examples:
        >>> cache = Cache(Home.find())  # doctest: +SKIP
        >>> cache.put("double(3)", "6", expires_at=None)  # doctest: +SKIP
        >>> cache.get("double(3)", time.time())  # doctest: +SKIP
        '6'
    """

    def __init__(
        self, home: Home, *, most_results: int = MOST_RESULTS, most_bytes: int = MOST_BYTES
    ) -> None:
        self._folder = home.cache
        self._most_results = most_results
        self._most_bytes = most_bytes

    @property
    def artifacts(self) -> Path:
        """The folder of the artifacts that results refer to."""
        return self._folder / "artifacts"

    def get(self, key: str, now: float) -> str | None:
        """Return what was put under a key, or None if there is nothing that is good.

        Args:
            key: any text.
            now: seconds since the epoch; what expires at this moment is too old.
        """
        try:
            head, _, text = _decode(self._path(key).read_bytes()).partition("\n")
            entry = json.loads(head)
            good = entry["key"] == key and entry["digest"] == _digest(text)
            return text if good and _is_fresh(entry["expires_at"], now) else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, key: str, text: str, expires_at: float | None) -> None:
        """Keep a text under a key, in place of what was there.

        Args:
            key: any text.
            text: what to keep; for a task's result, its JSON text.
            expires_at: seconds since the epoch from which on it is too old; None for never.
        """
        head = json.dumps({"key": key, "expires_at": expires_at, "digest": _digest(text)})
        new = self._folder / f"{uuid.uuid4().hex}{_NEW}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            new.write_bytes(_encode(f"{head}\n{text}"))
            os.replace(new, self._path(key))
        except (OSError, ValueError):
            _remove(new)

    def prune(self, now: float) -> int:
        """Remove what has expired, is broken, or half written by dead processes; then the oldest.

        Args:
            now: seconds since the epoch.

        Returns:
            How many files were removed.
        """
        useless = [path for path in _files(self._folder) if _is_useless(path, now)]
        removed = sum(map(_remove, useless))
        kept, surplus = self._divided()
        lost = [
            path
            for path in _files(self.artifacts)
            if path.name not in kept and now - _stat(path)[0] > _LONGEST_WRITE
        ]
        return removed + sum(map(_remove, [*surplus, *lost]))

    def _divided(self) -> tuple[set[str], list[Path]]:
        """Return the artifacts of the results that stay, and the results that are too many."""
        kept: set[str] = set()
        size = 0
        entries = [path for path in _files(self._folder) if path.suffix == _SUFFIX]
        newest_first = sorted(entries, key=_stat, reverse=True)
        for count, path in enumerate(newest_first):
            names = _artifacts_of(path) - kept
            size += _stat(path)[1] + sum(_stat(self.artifacts / name)[1] for name in names)
            if count >= self._most_results or size > self._most_bytes:
                return kept, newest_first[count:]
            kept |= names
        return kept, []

    def prune_now_and_then(self) -> None:
        """Prune if that was not done for an hour; looking at every file takes its time."""
        stamp = self._folder / "pruned"
        try:
            if not self._folder.exists():
                return
            now = time.time()
            if stamp.exists() and abs(now - stamp.stat().st_mtime) < _PRUNE_EVERY:
                return
            stamp.touch()
        except OSError:
            return
        self.prune(now)

    def _path(self, key: str) -> Path:
        return self._folder / (_digest(key) + _SUFFIX)


def _files(folder: Path) -> Iterator[Path]:
    try:
        yield from folder.iterdir()
    except OSError:
        return


def _stat(path: Path) -> tuple[float, int]:
    """Return when a file was written, in seconds since the epoch, and its size; zeros if gone."""
    try:
        found = path.stat()
    except OSError:
        return 0.0, 0
    return found.st_mtime, found.st_size


def _artifacts_of(path: Path) -> set[str]:
    """Return the names of the artifacts that a result refers to; none if it is broken."""
    from dagy.values.artifacts import names_in

    try:
        return names_in(_decode(path.read_bytes()).partition("\n")[2])
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _digest(text: str) -> str:
    return hashlib.sha256(_encode(text)).hexdigest()


def _encode(text: str) -> bytes:
    # Half a surrogate pair has no UTF-8, and is as good a text as any.
    return text.encode("utf-8", "surrogatepass")


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _is_fresh(expires_at: float | None, now: float) -> bool:
    return expires_at is None or now < expires_at


def _is_useless(path: Path, now: float) -> bool:
    try:
        if path.suffix == _NEW:
            return now - path.stat().st_mtime > _LONGEST_WRITE
        if path.suffix != _SUFFIX:
            return False
        with path.open(encoding="utf-8") as file:
            return not _is_fresh(json.loads(file.readline())["expires_at"], now)
    except FileNotFoundError:
        return False
    except (OSError, ValueError, KeyError, TypeError):
        return True


def _remove(path: Path) -> bool:
    try:
        path.unlink()
    except OSError:
        return False
    return True
