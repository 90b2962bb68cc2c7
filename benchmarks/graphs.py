"""Graphs to lower: drawn at random, and in the shapes of workflows that scientists run.

A graph is its nodes' direct predecessors, each node after all of its own, and its nodes' durations.
The shapes follow what WfCommons (wfcommons.org) publishes of the workflows of those names. Their
durations are invented: kinds differ by two orders of magnitude, tasks of one kind by a third.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random
from typing import NamedTuple


class Graph(NamedTuple):
    """Direct predecessors and durations in seconds, both by node."""

    predecessors: list[list[int]]
    durations: list[float]


class Builder:
    """Adds tasks one by one.

    Args:
        seed: two builders of the same seed draw the same durations.
    """

    def __init__(self, seed: object) -> None:
        self.random = Random(str(seed))
        self.usual: dict[str, float] = {}
        self.graph = Graph([], [])

    def task(self, kind: str, after: Iterable[int] = ()) -> int:
        """Add a task of a kind and return its node."""
        usual = self.usual.setdefault(kind, self.random.lognormvariate(3, 1))
        self.graph.predecessors.append(sorted(set(after)))
        self.graph.durations.append(usual * self.random.lognormvariate(0, 0.3))
        return len(self.graph.durations) - 1

    def tasks(self, kind: str, count: int, after: Iterable[int] = ()) -> list[int]:
        """Add some that wait for the same."""
        after = list(after)
        return [self.task(kind, after) for _ in range(count)]

    def chain(self, kinds: Iterable[str], after: Iterable[int] = ()) -> int:
        """Add one of each kind, each after the one before; return the last."""
        for kind in kinds:
            last = self.task(kind, after)
            after = [last]
        return last


def layered(seed: object, uniform: bool = False) -> Graph:
    """Draw 10 to 40 tasks in 3 to 8 layers.

    Each task is after one to three of the layer before, and one in seven also after one of any
    earlier layer. Durations are log-normal with a sigma of 1, or uniform from 1 to 10 seconds.
    """
    random = Random(str(seed))
    size, depth = random.randint(10, 40), random.randint(3, 8)
    widths = [1] * depth
    for _ in range(size - depth):
        widths[random.randrange(depth)] += 1
    predecessors: list[list[int]] = []
    layer: list[int] = []
    earlier: list[int] = []
    for width in widths:
        start = len(predecessors)
        for _ in range(width):
            after = set(random.sample(layer, min(random.choice([1, 1, 2, 2, 3]), len(layer))))
            if earlier and random.random() < 1 / 7:
                after.add(random.choice(earlier))
            predecessors.append(sorted(after))
        earlier += layer
        layer = list(range(start, len(predecessors)))
    durations = [
        random.uniform(1, 10) if uniform else random.lognormvariate(0, 1) for _ in predecessors
    ]
    return Graph(predecessors, durations)


def wide(layers: int, width: int) -> Graph:
    """Draw a large layered graph: tasks are after one to three of the layer before."""
    random = Random(layers)
    predecessors: list[list[int]] = [[] for _ in range(width)]
    for start in range(0, (layers - 1) * width, width):
        above = range(start, start + width)
        predecessors += [sorted(random.sample(above, random.randint(1, 3))) for _ in above]
    return Graph(predecessors, [random.lognormvariate(0, 1) for _ in predecessors])


def series_parallel(seed: object) -> Graph:
    """Draw a series-parallel graph of 10 to 60 tasks."""
    random = Random(str(seed))
    predecessors: list[list[int]] = []

    def build(size: int, after: list[int], in_series: bool) -> list[int]:
        """Add a part of so many tasks; return its last ones."""
        if size == 1:
            predecessors.append(after)
            return [len(predecessors) - 1]
        split = random.randint(1, size - 1)
        first = build(split, after, not in_series)
        if in_series:
            return build(size - split, first, not in_series)
        return first + build(size - split, after, not in_series)

    build(random.randint(10, 60), [], True)
    return Graph(predecessors, [random.lognormvariate(0, 1) for _ in predecessors])


def nextflow(seed: object) -> Graph:
    """Sequencing: each sample is trimmed, aligned and measured; one report reads everything."""
    flow = Builder(seed)
    samples, measures = flow.random.randint(2, 12), flow.random.randint(1, 5)
    index = flow.chain(["getchromsizes", "index"])
    bed = flow.task("gtf2bed")
    reports, counts = [], []
    for _ in range(samples):
        reports.append(flow.task("fastqc"))
        trimmed = flow.task("trim")
        aligned = flow.task("align", [trimmed, index])
        ordered = flow.task("sort", [aligned])
        reports += [flow.task(kind, [ordered]) for kind in ("stats", "flagstat", "idxstats")]
        marked = flow.task("markduplicates", [ordered])
        counts.append(flow.task("count", [marked]))
        flow.chain(["coverage", "bigwig"], [marked])
        reports += [flow.task(f"rseqc{number}", [marked, bed]) for number in range(measures)]
    merged = flow.task("merge_counts", counts)
    flow.task("deseq", [merged])
    flow.chain(["versions", "multiqc"], [*reports, merged])
    return flow.graph


def genome(seed: object) -> Graph:
    """1000genome: each chromosome's individuals are merged and compared by population."""
    flow = Builder(seed)
    for _ in range(flow.random.randint(2, 8)):
        merged = flow.task("merge", flow.tasks("individuals", flow.random.randint(5, 20)))
        sifted = flow.task("sifting")
        for kind in ("overlap", "frequency"):
            flow.tasks(kind, 7, [merged, sifted])
    return flow.graph


def epigenomics(seed: object) -> Graph:
    """Each lane is split, its parts filtered and mapped, and all merged."""
    flow = Builder(seed)
    lanes = []
    for _ in range(flow.random.randint(1, 4)):
        split = flow.task("split")
        steps = ("filter", "sol2sanger", "fast2bfq", "map")
        parts = [flow.chain(steps, [split]) for _ in range(flow.random.randint(4, 20))]
        lanes.append(flow.task("merge_lane", parts))
    flow.chain(["merge_all", "index", "pileup"], lanes)
    return flow.graph


def montage(seed: object) -> Graph:
    """Images of the sky are projected, fitted where they overlap, corrected, and put together."""
    flow = Builder(seed)
    bands = []
    for _ in range(3):
        rows, columns = flow.random.randint(2, 4), flow.random.randint(2, 4)
        project = flow.tasks("project", rows * columns)
        pairs = [
            (row * columns + column, other)
            for row in range(rows)
            for column in range(columns)
            for other in (
                row * columns + column + 1 if column + 1 < columns else -1,
                (row + 1) * columns + column if row + 1 < rows else -1,
                (row + 1) * columns + column + 1 if max(row - rows, column - columns) < -1 else -1,
            )
            if other >= 0
        ]
        fits = [flow.task("diff", [project[one], project[other]]) for one, other in pairs]
        model = flow.chain(["concat", "background_model"], fits)
        corrected = [flow.task("background", [image, model]) for image in project]
        bands.append(flow.chain(["table", "add", "shrink"], corrected))
    flow.task("viewer", bands)
    return flow.graph


def soykb(seed: object) -> Graph:
    """Samples are aligned and called by chromosome, chromosomes typed across the samples."""
    flow = Builder(seed)
    chromosomes = flow.random.randint(2, 6)
    called: list[list[int]] = [[] for _ in range(chromosomes)]
    for _ in range(flow.random.randint(2, 8)):
        steps = ("align", "sort", "dedup", "replace", "realign_target", "realign")
        aligned = flow.chain(steps)
        for calls in called:
            calls.append(flow.task("haplotype", [aligned]))
    typed = [flow.task("genotype", calls) for calls in called]
    flow.task("merge", [call for calls in called for call in calls])
    combined = flow.task("combine", typed)
    for kind in ("snp", "indel"):
        flow.chain([f"select_{kind}", f"filter_{kind}"], [combined])
    return flow.graph


def cycles(seed: object) -> Graph:
    """Crops are simulated with and without fertilizer, each pair compared, all summed up."""
    flow = Builder(seed)
    parsed, simulated = [], []
    for _ in range(flow.random.randint(2, 5)):
        crops = []
        for _ in range(flow.random.randint(2, 8)):
            baseline = flow.task("baseline")
            plain = flow.task("cycles", [baseline])
            more = flow.task("fertilizer", [baseline])
            crops.append(flow.task("parse", [plain, more]))
            simulated.append(plain)
        parsed.append(flow.task("fertilizer_summary", crops))
    flow.chain(["summary", "plots"], simulated)
    return flow.graph


def srasearch(seed: object) -> Graph:
    """Each accession is fetched, unpacked and searched in one index; the hits are merged."""
    flow = Builder(seed)
    index = flow.task("build")
    hits = [
        flow.task("search", [flow.chain(["fetch", "unpack"]), index])
        for _ in range(flow.random.randint(5, 40))
    ]
    half = len(hits) // 2
    flow.task("merge_all", [flow.task("merge", hits[:half]), flow.task("merge", hits[half:])])
    return flow.graph


SHAPES: dict[str, Callable[[object], Graph]] = {
    "nextflow": nextflow,
    "1000genome": genome,
    "epigenomics": epigenomics,
    "montage": montage,
    "soykb": soykb,
    "cycles": cycles,
    "srasearch": srasearch,
}
"""Shapes of workflows by name; each takes a seed."""
