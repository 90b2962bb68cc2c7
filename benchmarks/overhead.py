"""The cost of a task that does nothing, recorded, over a bare ThreadPoolExecutor's."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from benchmarks.flows import chain, fan_out, layered
from benchmarks.timing import in_turns, seconds
from dagy import Flow
from dagy.history import Home, settle

WORKERS = 4


def nothing() -> None:
    pass


def bare_chain(size: int) -> Callable[[], None]:
    """Submit a call, wait for it, and so on: each is a hand-off to a thread and back."""

    def action() -> None:
        with ThreadPoolExecutor(WORKERS) as pool:
            for _ in range(size):
                pool.submit(nothing).result()

    return action


def bare_layers(layers: int, width: int) -> Callable[[], None]:
    """Submit the calls of a layer, wait for all of them, and so on."""

    def action() -> None:
        with ThreadPoolExecutor(WORKERS) as pool:
            for _ in range(layers):
                for future in [pool.submit(nothing) for _ in range(width)]:
                    future.result()

    return action


def recorded(flow: Flow) -> Callable[[], None]:
    """Run a flow whole: traced, run on threads, recorded."""

    def action() -> None:
        flow.run_local(max_workers=WORKERS).raise_on_failure()

    return action


CASES = [
    ("chain 1,000", 1000, bare_chain(1000), chain(1000), "1x"),
    ("fan-out 1,000", 1000, bare_layers(1, 1000), fan_out(1000), "6x"),
    ("layered 20x50", 1000, bare_layers(20, 50), layered(20, 50), "6x"),
    ("fan-out 10,000", 10_000, bare_layers(1, 10_000), fan_out(10_000), "6x"),
]


def measure() -> Iterator[str]:
    """Yield a line of the report for each shape."""
    costs = {}
    for name, size, bare, flow, target in CASES:
        whole = recorded(flow)
        whole()  # the first run imports
        pool, dagy = in_turns(bare, whole, rounds=7 if size == 1000 else 3)
        costs[name] = dagy / size
        yield (
            f"{name}, traced, run and recorded: {dagy / size * 1e6:.0f} µs a task, "
            f"{dagy / pool:.1f}x a ThreadPoolExecutor ({pool / size * 1e6:.0f} µs); target {target}"
        )
    home = Home.find()
    settle(home)
    for name, size, _, flow, _ in CASES:
        flow.run_local(max_workers=WORKERS)
        took = seconds(lambda: settle(home)) / size
        yield f"{name}, folded into DuckDB later, alone: {took * 1e6:.0f} µs a task"
    growth = costs["fan-out 10,000"] / costs["fan-out 1,000"]
    yield f"a task of 10,000 over one of 1,000: {growth:.2f}x; target 1.3x"
