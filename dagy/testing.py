"""Help for testing flows: run one in memory, with stand-ins for tasks, and no time passing.

::

    from dagy.testing import FakeClock, run_in_memory

    def test_a_slow_shop_is_asked_again():
        answers = iter([ConnectionError("busy"), ["apple"]])

        def shop(url):
            answer = next(answers)
            if isinstance(answer, Exception):
                raise answer
            return answer

        clock = FakeClock()
        run = run_in_memory(daily, day="2026-01-31", replace={"fetch": shop}, clock=clock)
        assert run.result == ["apple"]
        assert clock.waits == [30.0]
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace as replaced
from typing import Any

from dagy.code import Code, code_of
from dagy.errors import ParameterError
from dagy.flow import Flow
from dagy.interpreter import Sink, Transition, execute
from dagy.local import context_of, trace
from dagy.options import nearest
from dagy.parameters import bind
from dagy.run_context import LocalRunContext
from dagy.values.artifacts import TemporaryStore

__all__ = ["FakeClock", "run_in_memory"]


class FakeClock:
    """A clock on which delays take no time, and which tells how long they would have been.

    Time passes in two ways only: when everything that goes on is a delay, it leaps to the end of
    the next one; and when a task calls `sleep`.

    Args:
        start: seconds since the epoch.

    Attributes:
        waits: the delays that would have been waited, in seconds, in order.
    """

    def __init__(self, start: float = 1_000_000_000.0) -> None:
        self.waits: list[float] = []
        self._time = start
        self._lock = threading.Lock()
        self._waiting: threading.Condition | None = None

    def now(self) -> float:
        """Return seconds since the epoch."""
        return self._time

    def sleep(self, seconds: float) -> None:
        """Let time pass, as a slow task does; a timeout of that task is noticed by it.

        Args:
            seconds: at least 0.
        """
        with self._lock:
            self._time += seconds
        if self._waiting is not None:
            with self._waiting:  # whoever is about to wait is waiting by the time this is had
                self._waiting.notify_all()

    def wait(self, condition: threading.Condition, timeout: float | None, *, busy: bool) -> None:
        """Wait as `dagy.interpreter.Clock` says: for a notification, or by a leap."""
        if not busy and timeout is not None:
            with self._lock:
                self.waits.append(timeout)
                self._time += timeout
            return
        self._waiting = condition
        condition.wait()


class _Nowhere:
    """A sink that forgets."""

    def emit(self, transition: Transition) -> None:
        """Forget one transition."""


def run_in_memory(
    flow: Flow[..., Any],
    *args: Any,
    replace: Mapping[str, Callable[..., Any]] | None = None,
    clock: FakeClock | None = None,
    seed: int = 0,
    sink: Sink | None = None,
    max_workers: int = 1,
    fail_fast: bool = True,
    **kwargs: Any,
) -> LocalRunContext:
    """Run a flow with no history: nothing is read from or written to the disk.

    Artifacts are the exception: they are in a temporary folder, as long as the result is referred
    to.

    Args:
        flow: the flow.
        args: its parameters, by position.
        replace: stand-ins for the functions of tasks, by the task's name; each is called with what
            the task would be called with, under the task's own policy and hooks.
        clock: tells the time and makes delays instant; a new FakeClock by default.
        seed: of the random numbers that jitter uses, so that delays are the same each time.
        sink: told of every transition; by default nobody is.
        max_workers: as for `run_local`.
        fail_fast: as for `run_local`.
        kwargs: its parameters, by name.

    Returns:
        What `run_local` returns, with the run id `"in-memory"`.

    Raises:
        ParameterError: `replace` names a task that the flow does not call.
        TraceError: as `run_local`.
    """
    from random import Random

    given = flow.named(args, kwargs)
    traced = trace(flow, given)
    stand_ins = replace or {}
    for name in stand_ins:
        if name not in traced.tasks:
            raise ParameterError(
                f"flow {flow.name!r} calls no task {name!r}{nearest(name, traced.tasks)}"
            )

    def codes(name: str) -> Code:
        code = code_of(traced.tasks[name])
        if name not in stand_ins:
            return code._replace(annotated=code.fn)
        return code._replace(fn=stand_ins[name], annotated=code.fn, due=None)

    # A stand-in cannot be imported by another process, and need not be killed.
    here = {name: replaced(traced.spec.tasks[name], isolation=None) for name in stand_ins}
    spec = replaced(traced.spec, tasks={**traced.spec.tasks, **here})
    store = TemporaryStore(pickles=spec.has_pickles)
    result = execute(
        spec,
        codes,
        bind(flow.name, spec.parameters, given, annotated=flow.annotated),
        sink=sink or _Nowhere(),
        flow_code=code_of(flow),
        clock=clock or FakeClock(),
        draw=Random(seed).random,
        max_workers=max_workers,
        fail_fast=fail_fast,
        store=store,
    )
    return context_of("in-memory", spec, result, store)
