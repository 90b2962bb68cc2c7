"""The cost of a task that does nothing, recorded to DuckDB, over a bare ThreadPoolExecutor's."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from benchmarks.flows import chain, fan_out
from benchmarks.timing import in_turns

SIZE = 1000
WORKERS = 4


def nothing() -> None:
    pass


def bare_chain() -> None:
    with ThreadPoolExecutor(WORKERS) as pool:
        for _ in range(SIZE):
            pool.submit(nothing).result()


def bare_fan_out() -> None:
    with ThreadPoolExecutor(WORKERS) as pool:
        for future in [pool.submit(nothing) for _ in range(SIZE)]:
            future.result()


def measure() -> Iterator[str]:
    """Yield a line of the report for each shape."""
    cases: list[tuple[str, Callable[[], None], Callable[[int], object]]] = [
        ("chain", bare_chain, chain),
        ("fan-out", bare_fan_out, fan_out),
    ]
    for name, bare, shape in cases:
        flow = shape(SIZE)

        def recorded(flow=flow) -> None:
            flow.run_local(max_workers=WORKERS).raise_on_failure()

        recorded()  # the first run imports DuckDB and makes the database
        pool, dagy = in_turns(bare, recorded)
        yield (
            f"{name} of {SIZE}, traced, run and recorded to DuckDB: "
            f"{dagy / SIZE * 1e6:.0f} µs a task, {dagy / pool:.1f}x a ThreadPoolExecutor "
            f"(submit and wait: {pool / SIZE * 1e6:.0f} µs); target 10x"
        )
