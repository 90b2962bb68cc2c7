"""The cache as one run sees it: recorded outputs, with the artifacts that they refer to."""

from __future__ import annotations

from dagy.errors import CodecError
from dagy.history import Cache, Home
from dagy.values.artifacts import ArtifactStore


class RunCache:
    """Lends recorded outputs to one run; see `dagy.interpreter.caching.Cache`.

    The folders of runs come and go, so the cache keeps artifacts of its own.

    Args:
        home: whose cache it is.
        store: has the artifacts of the run.
    """

    def __init__(self, home: Home, store: ArtifactStore) -> None:
        self._cache = Cache(home)
        self._kept = ArtifactStore(self._cache.artifacts)
        self._store = store

    def get(self, key: str, now: float) -> str | None:
        """Return a recorded output, its artifacts in the run's store; None if any of it is lost."""
        text = self._cache.get(key, now)
        if text is not None and not _adopts(self._store, text, self._kept):
            return None
        return text

    def put(self, key: str, text: str, expires_at: float | None) -> None:
        """Keep an output and its artifacts."""
        if _adopts(self._kept, text, self._store):
            self._cache.put(key, text, expires_at)


def _adopts(store: ArtifactStore, text: str, other: ArtifactStore) -> bool:
    try:
        store.adopt(text, other)
    except (CodecError, OSError):
        return False
    return True
