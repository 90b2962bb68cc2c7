"""How many states an execution enters for each task run that succeeds first time, in mode micro."""

import statistics
from collections.abc import Iterator
from pathlib import Path

from benchmarks import graphs
from benchmarks.graphs import Graph
from dagy.loader import load_flow
from dagy.spec import EPOCH, FlowSpec, TaskRunSpec, TaskSpec
from dagy_compiler import Estimate, compile_flow, estimate
from tests.compiler.cases import CASES

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted(ROOT.glob("examples/*/*.py"))


def flow_of(graph: Graph) -> FlowSpec:
    """A flow in which each task takes the outputs of those before it, and nothing is returned."""
    task = TaskSpec("step", "flows:step", None, None, 0, None, None, None)
    runs = []
    for node, before in enumerate(graph.predecessors):
        ids = [f"step-{other}" for other in before]
        references = [{"$task": name} for name in ids]
        runs.append(TaskRunSpec(f"step-{node}", "step", ids, references, {}, None))
    edges = [[other, run.id] for run in runs for other in run.depends_on]
    return FlowSpec("flow", "1", EPOCH, {"step": task}, runs, edges, None, [])


def estimated(spec: FlowSpec) -> Estimate:
    """What an execution of a flow takes where every task is a state."""
    return estimate(compile_flow(spec, mode="micro").plan)


def measure() -> Iterator[str]:
    """Yield a line of the report for each example, and for each kind of graph."""
    examples = {path.stem: estimated(load_flow(str(path)).flow.build()) for path in EXAMPLES}
    for name, found in examples.items():
        yield f"{name}: {found.transitions} for {found.task_runs} task runs"
    corpora = {
        "examples": list(examples.values()),
        "flows of the golden tests": [
            found for case in CASES if (found := estimated(case())).task_runs
        ],
        "series-parallel": [estimated(flow_of(graphs.series_parallel(n))) for n in range(50)],
        "layered": [estimated(flow_of(graphs.layered(seed))) for seed in range(50)],
        **{
            name: [estimated(flow_of(draw(seed))) for seed in range(5)]
            for name, draw in graphs.SHAPES.items()
        },
    }
    for name, corpus in corpora.items():
        ratios = [found.transitions_per_task_run for found in corpus]
        yield (
            f"{name} ({len(corpus)}): {statistics.mean(ratios):.2f} a task run, "
            f"{min(ratios):.2f} to {max(ratios):.2f}"
        )
