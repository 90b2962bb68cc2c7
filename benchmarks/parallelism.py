"""How near the scheduler comes to what its workers could do, and the memory of a task run."""

import threading
import time
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from math import ceil

from benchmarks.flows import fan_out
from benchmarks.timing import in_turns
from dagy import flow, task
from dagy.code import code_of
from dagy.interpreter import Transition, execute

TASKS = 100
SECONDS = 0.05


@task
def sleep():
    time.sleep(SECONDS)


@flow
def sleepers():
    for _ in range(TASKS):
        sleep()


class Nowhere:
    def emit(self, transition: Transition) -> None:
        pass


def measure() -> Iterator[str]:
    """Yield a line of the report for each number of workers, and one for memory."""
    traced = sleepers.trace({})
    for workers in (8, 64):

        def bare(workers: int = workers) -> None:
            with ThreadPoolExecutor(workers) as pool:
                for _ in range(TASKS):
                    pool.submit(time.sleep, SECONDS)

        def run(workers: int = workers) -> None:
            execute(
                traced.spec,
                lambda name: code_of(traced.tasks[name]),
                {},
                sink=Nowhere(),
                max_workers=workers,
            )

        def in_peace() -> None:
            # The threads of the last run are still ending when it returns, and would be in the way.
            while threading.active_count() > 1:
                time.sleep(0.001)

        _, pool, _, taken = in_turns(in_peace, bare, in_peace, run, rounds=9)
        ideal = ceil(TASKS / workers) * SECONDS
        yield (
            f"{TASKS} tasks of {SECONDS * 1000:.0f} ms on {workers} workers: {taken:.3f} s, "
            f"{ideal / taken:.1%} of ideal; target 97 % (a ThreadPoolExecutor: {ideal / pool:.1%})"
        )
    yield f"memory of a task run, at its peak: {memory():.1f} KB; target 3 KB"


def memory(size: int = 10_000) -> float:
    """KB that each task run of a large fan-out adds to a run, at its peak, without its spec."""
    traced = fan_out(size).trace({})
    tracemalloc.start()
    execute(
        traced.spec,
        lambda name: code_of(traced.tasks[name]),
        {},
        sink=Nowhere(),
        max_workers=4,
    )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / size / 1024
