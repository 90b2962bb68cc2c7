"""`cache`: the output that was recorded for the same code and the same arguments."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from dagy.code import Code
from dagy.errors import CodecError
from dagy.spec import TaskSpec
from dagy.values import as_json, to_text

CACHED = "CACHED"
"""The message of a task run that used a recorded output."""


class Cache(Protocol):
    """Keeps outputs by key, from one run to the next. It never raises: what it lost is a miss."""

    def get(self, key: str, now: float) -> str | None:
        """Return the output kept under a key that has not expired at a time, or None."""
        ...

    def put(self, key: str, text: str, expires_at: float | None) -> None:
        """Keep an output, until a time in seconds since the epoch, or for good."""
        ...


class Cached:
    """The recorded outputs of one task.

    Args:
        task: its spec, with `cache` set.
        code: for its key function, if it has one.
        cache: where outputs are kept.
        now: tells the time, in seconds since the epoch.
    """

    def __init__(self, task: TaskSpec, code: Code, cache: Cache, now: Callable[[], float]) -> None:
        self._task = task
        self._options = task.cache or {}
        self._key_of = code.cache_key
        self._cache = cache
        self._now = now

    def key(self, args: list[Any], kwargs: dict[str, Any], named: Mapping[str, Any]) -> str:
        """Return the key of a call.

        Args:
            args: its positional arguments, for the user's key function.
            kwargs: its keyword arguments, likewise.
            named: all of its arguments by name.

        Raises:
            CodecError: the key function returned what cannot be written as JSON.
        """
        import hashlib

        if self._key_of is None:
            inputs: Any = dict(named)
        else:
            inputs = self._key_of(*args, **kwargs)
            try:
                inputs = as_json(inputs)
            except CodecError as error:
                raise CodecError(
                    f"task {self._task.name!r}: the key that cache returned is not JSON: {error}"
                ) from error
        parts = [self._task.name, self._task.import_path, self._task.code_hash, inputs]
        return hashlib.sha256(_canonical(parts).encode()).hexdigest()

    def find(self, key: str) -> str | None:
        """Return the recorded output as JSON text, if there is one and it is fresh."""
        return self._cache.get(key, self._now())

    def keep(self, key: str, output: str, deadline: float | None) -> None:
        """Record an output, unless it comes too late to count.

        Args:
            key: of the call.
            output: JSON text.
            deadline: when the attempt has failed by its timeout, in seconds since the epoch.
        """
        now, seconds = self._now(), self._options.get("seconds")
        if deadline is None or now < deadline:
            self._cache.put(key, output, None if seconds is None else now + seconds)


def _canonical(parts: Any) -> str:
    try:
        return json.dumps(parts, sort_keys=True)
    except TypeError:  # artifacts are in it; their content counts
        from dagy.values.artifacts import Digests

        return json.dumps(json.loads(to_text(parts, Digests(), pickles=True)), sort_keys=True)
