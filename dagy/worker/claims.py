"""Values between states: JSON text while it is small, a claim on stored text when it is not.

What a state hands on is one of these, and a state machine passes it on unopened:

    "<JSON text>"                      the value itself
    {"claim": "<key>"}                 its text is stored under that key
    ["<JSON text>", {"claim": ...}]    the outputs of a map, in order
    {"claims": "<prefix>", "count": n} likewise, each stored as `<prefix>/<index>`; in place of one
                                       that failed, which is tolerated, the failure is stored
    null                               none: the task run was skipped

The pattern is the claim check of Hohpe and Woolf, "Enterprise Integration Patterns" (2003).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from dagy.errors import BundleError, CodecError, OutputTooLargeError, SpecError

if TYPE_CHECKING:
    from dagy.values.artifacts import TemporaryStore

T = TypeVar("T")

MAX_TEXT_BYTES = 240_000
"""A state may put out 262,144 bytes (Step Functions service quotas); the rest is envelope."""

BUCKET = "DAGY_BUCKET"
"""The environment variable that names the bucket of values that are too large for a state; what
follows the name after a slash, begins the keys of this stack there."""

FOLDER = "DAGY_DATA_DIR"
"""The environment variable that names a folder in its place, where there is no S3."""

SKIPPED = ""
"""What is stored in place of the text of a task run that was skipped; no JSON text is empty."""

Handed = str | dict[str, Any] | list[Any] | None
"""What one state hands to another; see the module."""


class Storage(Hashable, Protocol):
    """Keeps bytes by key."""

    def get(self, key: str) -> bytes:
        """Return what is kept under a key."""
        ...

    def put(self, key: str, content: bytes) -> None:
        """Keep a content under a key."""
        ...

    def has(self, key: str) -> bool:
        """Whether there is a content under a key."""
        ...


def prefix_of(task_run_id: str, flow_attempt: int | None = None) -> str:
    """Return what the keys of the items of a map begin with, within its execution.

    Args:
        task_run_id: of the map.
        flow_attempt: which attempt of the flow; None where there is one.
    """
    return task_run_id if flow_attempt is None else f"{task_run_id}/{flow_attempt}"


def failure_key(prefix: str, item: int) -> str:
    """Return the key of the failure of an item that may be tolerated."""
    return f"{prefix}/failed-{item}"


def first_failure_key(prefix: str, redriven: int) -> str:
    """Return the key of the failure that a map failed by.

    Args:
        prefix: see `prefix_of`.
        redriven: how often the execution was redriven before.
    """
    return f"{prefix}/failed/{redriven}"


class Bucket:
    """A bucket of S3.

    Args:
        name: of the bucket, and what keys begin with: `bucket`, `bucket/stack`.
    """

    def __init__(self, name: str) -> None:
        self._name, slash, prefix = name.partition("/")
        self._prefix = prefix + slash

    @cached_property
    def _client(self) -> Any:
        import boto3  # Lambda's runtime has it; a call whose values are small does without

        return boto3.client("s3")

    def get(self, key: str) -> bytes:
        """See `Storage.get`."""
        content: bytes = self._client.get_object(Bucket=self._name, Key=f"{self._prefix}{key}")[
            "Body"
        ].read()
        return content

    def put(self, key: str, content: bytes) -> None:
        """See `Storage.put`."""
        self._client.put_object(Bucket=self._name, Key=f"{self._prefix}{key}", Body=content)

    def has(self, key: str) -> bool:
        """See `Storage.has`."""
        from botocore.exceptions import ClientError  # as late as boto3

        try:
            self._client.head_object(Bucket=self._name, Key=f"{self._prefix}{key}")
        except ClientError as error:
            # To who may not list, what is not there is forbidden (API reference, "HeadObject").
            if error.response["Error"]["Code"] in {"403", "404"}:
                return False
            raise
        return True


class Folder:
    """A folder that every worker of an execution sees.

    Args:
        path: of the folder.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, key: str) -> bytes:
        """See `Storage.get`."""
        return (self._path / key).read_bytes()

    def put(self, key: str, content: bytes) -> None:
        """See `Storage.put`."""
        place = self._path / key
        place.parent.mkdir(parents=True, exist_ok=True)
        # Whole or not there: another worker may be reading, or writing the same.
        beside = place.with_name(f".{place.name}.{os.getpid()}.{id(content)}")
        beside.write_bytes(content)
        beside.replace(place)

    def has(self, key: str) -> bool:
        """See `Storage.has`."""
        return (self._path / key).exists()


def _storage() -> Storage | None:
    return _opened(os.environ.get(BUCKET), os.environ.get(FOLDER))


@cache
def _opened(bucket: str | None, folder: str | None) -> Storage | None:
    if bucket:
        return Bucket(bucket)
    return Folder(Path(folder)) if folder else None


def stored(key: str) -> str:
    """Return the text that is stored under a key.

    Raises:
        BundleError: there is nowhere to look for it.
    """
    store = _storage()
    if store is None:
        raise BundleError(f"{BUCKET} names no bucket; deploy the stack again")
    return store.get(key).decode()


class Claims:
    """The stored values of one execution.

    Args:
        run: the execution; its keys begin so.
        limit: bytes that a value handed on may take, as it stands in a state's output.
        whose: names the flow and the task, for messages.
    """

    def __init__(self, run: str | None, limit: int, whose: str) -> None:
        self._run = run
        self._limit = limit
        self._whose = whose

    @property
    def run(self) -> str | None:
        """The execution."""
        return self._run

    @property
    def outlive(self) -> bool:
        """Whether what is kept is there after this invocation."""
        return self._run is not None and _storage() is not None

    def hand(self, text: str, *, inline: bool = False) -> Handed:
        """Return what stands for a text: itself, or a claim on it when it is too large.

        Args:
            text: what is handed on.
            inline: it may not be stored, because a service is given it, and could not open a claim.

        Raises:
            OutputTooLargeError: it is too large, and there is nowhere to keep it.
        """
        size = len(json.dumps(text))  # in a state's output the text is a string, quotes escaped
        if size <= self._limit:
            return text
        if inline:
            raise OutputTooLargeError(
                f"{self._whose}: the output takes {size:,} bytes, and {self._limit:,} can pass to "
                "a service that is given it; give the service less, such as an address in S3"
            )
        store = _storage()
        if store is None:
            raise OutputTooLargeError(
                f"{self._whose}: the output takes {size:,} bytes, {self._limit:,} can pass between "
                f"states, and {BUCKET} names no bucket for it; write it to S3 in the task and "
                "return its address, or build the flow with --execution-mode micro"
            )
        # By content: an attempt that is made twice writes the same bytes, or others elsewhere.
        key = f"{self._run}/{hashlib.sha256(text.encode()).hexdigest()[:32]}"
        store.put(key, text.encode())
        return {"claim": key}

    def keep(self, key: str, text: str) -> None:
        """Store a text under a key of this execution."""
        self._needed().put(f"{self._run}/{key}", text.encode())

    def keep_all(self, texts: Mapping[str, str]) -> None:
        """Store texts under keys of this execution."""
        keys = list(texts)
        self._each(lambda index: self.keep(keys[index], texts[keys[index]]), len(keys))

    def kept_all(self, keys: Mapping[str, str]) -> dict[str, str]:
        """Return the texts that are stored under keys of this execution, under the same names."""
        texts = self._each(lambda index: self.kept(list(keys.values())[index]), len(keys))
        return _of_those_that_ran(keys, texts)

    def has(self, key: str) -> bool:
        """Whether a text is stored under a key of this execution."""
        return self._needed().has(f"{self._run}/{key}")

    def kept(self, key: str) -> str:
        """Return the text that is stored under a key of this execution."""
        return self._needed().get(f"{self._run}/{key}").decode()

    def text(self, handed: Handed) -> str:
        """Return the JSON text that something handed on stands for."""
        match handed:
            case str():
                return handed
            case {"claim": str(key)}:
                return _stored(self._needed(), key)
            case {"claims": str(prefix), "count": int(count)}:
                return _joined(self._each(lambda index: self._item(prefix, index), count))
            case list():
                return _joined(self._each(lambda index: self.text(handed[index]), len(handed)))
        raise SpecError("results", f"{handed!r} is nothing that one state hands to another")

    def _item(self, prefix: str, index: int) -> str:
        key = f"{prefix}/{index}"
        try:
            return self.kept(key)
        except Exception:  # as each storage says that it has no such key, or fails itself
            if self.has(key) or not self.has(failure_key(prefix, index)):
                raise
            return "null"

    def texts(self, results: Mapping[str, Handed]) -> dict[str, str]:
        """Return the texts by task run, without those that were skipped."""
        there = {name: handed for name, handed in results.items() if handed is not None}
        texts = self._each(lambda index: self.text(list(there.values())[index]), len(there))
        return _of_those_that_ran(there, texts)

    def _each(self, do: Callable[[int], T], count: int) -> list[T]:
        if count <= 1 or _storage() is None:
            return [do(index) for index in range(count)]
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(min(count, 32)) as pool:
            return list(pool.map(do, range(count)))

    def _needed(self) -> Storage:
        found = _storage()
        if found is None:
            raise BundleError(
                f"{self._whose}: is given a value by its place in a bucket, and {BUCKET} names "
                "none; deploy the stack again"
            )
        return found


@lru_cache(maxsize=16)
def _stored(store: Storage, key: str) -> str:
    # Keys of claims are made from the content, so what was read once stays true; the items of a map
    # that follow one another in a warm worker all read the same list.
    return store.get(key).decode()


def _of_those_that_ran(names: Iterable[str], texts: Iterable[str]) -> dict[str, str]:
    return {name: text for name, text in zip(names, texts, strict=True) if text != SKIPPED}


def _joined(texts: list[str]) -> str:
    return f"[{','.join(texts)}]"


class Artifacts:
    """The artifacts of an execution: in a temporary folder, and in its storage where there is one.

    Nothing is imported or made before the first one comes, as most invocations see none.

    Args:
        run: the execution; None keeps them for this invocation only.
        pickles: as for `dagy.values.artifacts.Store`.
    """

    def __init__(self, run: str | None, *, pickles: bool) -> None:
        self._run = run
        self.pickles = pickles
        self._kept: set[str] = set()  # names that are in the storage

    @property
    def folder(self) -> Path:
        """Where they are kept here, for the process of a task that has one of its own."""
        return self._here.folder

    def put(self, content: bytes, extension: str) -> str:
        """See `dagy.values.artifacts.Store`."""
        name = self._here.put(content, extension)
        self._share(name, content)
        return name

    def path(self, name: str) -> Path:
        """See `dagy.values.artifacts.Store`."""
        try:
            return self._here.path(name)
        except CodecError:
            if self._shared is None:
                raise
        content = self._shared.get(self._key(name))
        self._kept.add(name)
        return self._here.path(self._here.put(content, name.partition(".")[2]))

    def share(self, text: str) -> None:
        """Put into the storage what a text refers to and another process has kept in `folder`."""
        if self._shared is None or '{"$artifact":' not in text:
            return
        from dagy.values.artifacts import names_in

        for name in names_in(text):
            if name not in self._kept:
                self._share(name, self.path(name).read_bytes())

    def outlives(self) -> bool:
        """Whether what comes after this invocation finds the artifacts."""
        return self._shared is not None

    @cached_property
    def _here(self) -> TemporaryStore:
        from dagy.values.artifacts import TemporaryStore

        return TemporaryStore(pickles=self.pickles)

    def _share(self, name: str, content: bytes) -> None:
        if self._shared is not None:
            self._shared.put(self._key(name), content)
            self._kept.add(name)

    @property
    def _shared(self) -> Storage | None:
        return None if self._run is None else _storage()

    def _key(self, name: str) -> str:
        return f"{self._run}/artifacts/{name}"
