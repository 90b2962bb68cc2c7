"""Doing the runs of a backfill, some at once, until they are done or somebody stops it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import Protocol

from dagy.backfill.slots import Slot

SUCCEEDED = "SUCCEEDED"
_LOOK_SECONDS = 0.2
"""How often the main thread wakes up, so that Ctrl-C reaches it on every system."""


@dataclass(frozen=True)
class Ended:
    """How a run of a backfill ended.

    Attributes:
        slot: which.
        status: of the run, as `SUCCEEDED` or `FAILED`.
        run_id: of the run; None if there never was one.
        error: what failed, for people.
        skipped: whether it had succeeded before.
        seconds: that it took here.
    """

    slot: Slot
    status: str
    run_id: str | None = None
    error: str | None = None
    skipped: bool = False
    seconds: float = 0.0


class Runner(Protocol):
    """Makes runs, somewhere."""

    def earlier(self, slot: Slot) -> str | None:
        """Return the id of an earlier run that succeeded, if there is one."""
        ...

    def run(self, slot: Slot) -> Ended:
        """Make a run and wait for its end; called in threads, some at once."""
        ...

    def interrupt(self) -> None:
        """See to it that what `run` waits for ends soon."""
        ...


def run_all(
    slots: Sequence[Slot],
    runner: Runner,
    *,
    parallel: int,
    again: bool,
    fail_fast: bool,
    on_end: Callable[[Ended], None],
) -> bool:
    """Make the runs that have not succeeded yet.

    Args:
        slots: the runs.
        runner: makes them.
        parallel: how many at once.
        again: make also those that have succeeded.
        fail_fast: begin no more after one has failed.
        on_end: is told how each ended, as they do.

    Returns:
        Whether it came to its end, and was not interrupted.
    """
    stopping = threading.Event()

    def work(slot: Slot) -> Ended | None:
        if stopping.is_set():
            return None
        started = time.monotonic()
        earlier = None if again else runner.earlier(slot)
        if earlier is not None:
            return Ended(slot, SUCCEEDED, earlier, skipped=True)
        ended = replace(runner.run(slot), seconds=time.monotonic() - started)
        if fail_fast and ended.status != SUCCEEDED:
            stopping.set()
        return ended

    with ThreadPoolExecutor(parallel) as pool:
        futures = [pool.submit(work, slot) for slot in slots]
        interrupted = False
        ends = _as_they_end(futures)
        while True:
            try:
                ended = next(ends, None)
            except KeyboardInterrupt:
                interrupted = True
                stopping.set()
                runner.interrupt()
                ends = _as_they_end([each for each in futures if not each.done()])
                continue
            if ended is None:
                return not interrupted
            result = ended.result()
            if result is not None:
                on_end(result)


def _as_they_end(futures: Sequence[Future[Ended | None]]) -> Iterator[Future[Ended | None]]:
    left = set(futures)
    while left:
        done, left = wait(left, timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED)
        yield from sorted(done, key=futures.index)
