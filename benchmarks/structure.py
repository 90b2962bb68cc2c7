"""How much longer lowered trees take than the graphs they came from, and what finding them costs.

The first is the makespan of the tree over the critical path of the graph, with unlimited workers.
"""

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from benchmarks import graphs
from benchmarks.graphs import Graph
from dagy_compiler.decompose import decompose
from dagy_compiler.makespan import critical_path, makespan
from dagy_compiler.order import levels
from dagy_compiler.tree import Leaf, Tree, joined_in, parallel, series
from dagy_compiler.weave import weave


def by_level(graph: Graph) -> Tree:
    """What a compiler does that puts a barrier after every level."""
    return series(parallel(map(Leaf, level)) for level in levels(graph.predecessors))


CORPORA: dict[str, list[Graph]] = {
    "series-parallel": [graphs.series_parallel(seed) for seed in range(200)],
    "layered, log-normal": [graphs.layered(seed) for seed in range(200)],
    "layered, uniform": [graphs.layered(seed, uniform=True) for seed in range(200)],
    **{name: [draw(seed) for seed in range(20)] for name, draw in graphs.SHAPES.items()},
}

LOWERINGS: dict[str, Callable[[Graph], Tree]] = {
    "barrier per level": by_level,
    "durations known": lambda graph: decompose(graph.predecessors, graph.durations),
    "durations known, joins": lambda graph: weave(*graph),
    "not known": lambda graph: decompose(graph.predecessors),
}


def ratios(corpus: list[Graph], lower: Callable[[Graph], Tree]) -> str:
    """Mean and worst of makespan over critical path, with milliseconds for a graph."""
    started = time.process_time()
    trees = [lower(graph) for graph in corpus]
    took = (time.process_time() - started) / len(corpus)
    found = [
        makespan(tree, graph.durations) / critical_path(*graph)
        for tree, graph in zip(trees, corpus, strict=True)
    ]
    return f"{statistics.mean(found):.3f} (worst {max(found):.3f}, {took * 1000:.0f} ms)"


def scale(tasks: int, known: bool) -> None:
    """Print what a large layered flow costs, measured in this process."""
    from benchmarks.flows import layered
    from dagy_compiler import run_passes

    graph = graphs.wide(tasks // 50, 50)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    tree = decompose(graph.predecessors, graph.durations if known else None)
    decomposed = time.process_time() - started
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    spec = layered(tasks // 50, 50).build()
    measured = {run.id: 1.0 + index % 97 for index, run in enumerate(spec.task_runs)}
    started = time.process_time()
    run_passes(spec, mode="micro", measured=measured if known else None, after="emit")
    compiled = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = {
        "ratio": makespan(tree, graph.durations) / critical_path(*graph),
        "levels": makespan(by_level(graph), graph.durations) / critical_path(*graph),
        "decomposed": decomposed,
        "used": used / 1024,
        "compiled": compiled,
        "peak": peak / 1024,
    }
    print(json.dumps(result))


def scale_joins(tasks: int) -> None:
    """Print what it costs to find joins for a large layered graph, and what they leave lost."""
    graph = graphs.wide(tasks // 50, 50)
    started = time.process_time()
    tree = weave(*graph)
    woven = time.process_time() - started
    ratio = makespan(tree, graph.durations) / critical_path(*graph)
    joins = sum(bool(node.waits_for) for node in joined_in(tree))
    print(json.dumps({"woven": woven, "ratio": ratio, "joins": joins}))


def in_a_process(call: str) -> dict[str, float]:
    """Call a function of this module in a process of its own, and return what it prints."""
    code = f"from benchmarks import structure; structure.{call}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    return json.loads(done.stdout)


def measure() -> Iterator[str]:
    """Yield a line of the report for each corpus, and for each size."""
    for name, corpus in CORPORA.items():
        tasks = statistics.mean(len(graph.durations) for graph in corpus)
        yield f"{name}: {len(corpus)} graphs of {tasks:.0f} tasks"
        for label, lower in LOWERINGS.items():
            yield f"  {label}: {ratios(corpus, lower)}"
    for known in (True, False):
        for tasks in (1_000, 10_000):
            found = in_a_process(f"scale({tasks}, {known})")
            what = "known" if known else "not known"
            yield (
                f"layered, {tasks:,} tasks, durations {what}: decomposed in "
                f"{found['decomposed']:.1f} s and {found['used']:.0f} MB to {found['ratio']:.2f} "
                f"(barrier per level {found['levels']:.2f}); another compiled for micro in "
                f"{found['compiled']:.1f} s, the whole process {found['peak']:.0f} MB"
            )
    for tasks in (1_000, 10_000):
        found = in_a_process(f"scale_joins({tasks})")
        yield (
            f"layered, {tasks:,} tasks, with joins: {found['ratio']:.2f}, found in "
            f"{found['woven']:.1f} s, {found['joins']:.0f} tasks wait for others across branches"
        )
