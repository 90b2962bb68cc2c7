"""The ratios of `benchmarks.structure` for workflows that were run: their own graphs and durations.

The traces are those of WfInstances, or others in its format (github.com/wfcommons/WfFormat, schema
1.5). They are not in this repository: clone github.com/wfcommons/WfInstances, 150 MB, and let
WFINSTANCES name the folder.
"""

import json
import os
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from benchmarks.graphs import Graph
from benchmarks.structure import LOWERINGS, ratios

_SHORTEST = 0.01
"""Seconds of tasks whose time was recorded as none."""


def graph_of(trace: dict[str, Any]) -> Graph:
    """Return a trace's tasks and how long each took."""
    workflow = trace["workflow"]
    tasks = {task["id"]: task for task in workflow["specification"]["tasks"]}
    took = {task["id"]: task["runtimeInSeconds"] for task in workflow["execution"]["tasks"]}
    before = {name: sorted(set(task["parents"])) for name, task in tasks.items()}
    order = list(TopologicalSorter(before).static_order())
    node = {name: index for index, name in enumerate(order)}
    return Graph(
        [sorted(node[parent] for parent in before[name]) for name in order],
        [max(_SHORTEST, took.get(name, 0)) for name in order],
    )


def measure() -> Iterator[str]:
    """Yield a line of the report for each kind of workflow, and for all."""
    if "WFINSTANCES" not in os.environ:
        raise SystemExit("WFINSTANCES has to name a clone of github.com/wfcommons/WfInstances")
    corpora: dict[str, list[Graph]] = {}
    every: list[Graph] = []
    for file in sorted(Path(os.environ["WFINSTANCES"]).rglob("*.json")):
        graph = graph_of(json.loads(file.read_text(encoding="utf-8")))
        corpora.setdefault(file.name.partition("-")[0], []).append(graph)
        every.append(graph)
    for name, corpus in {**corpora, "all": every}.items():
        sizes = [len(graph.durations) for graph in corpus]
        yield f"{name}: {len(corpus)} traces of {min(sizes)} to {max(sizes)} tasks"
        for label, lower in LOWERINGS.items():
            yield f"  {label}: {ratios(corpus, lower)}"
