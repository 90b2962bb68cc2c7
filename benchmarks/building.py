"""Tracing, compiling and writing a bundle, and how that grows with the size of the flow."""

import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.flows import layered
from benchmarks.timing import seconds
from dagy_compiler import compile_flow
from dagy_compiler.bundle import FlowSource, write_bundle


def build(layers: int, width: int, mode: str) -> float:
    """Seconds to trace, compile and write a layered flow."""
    flow = layered(layers, width)
    here = Path(__file__).parent
    source = FlowSource(root=here.parent, files=(here / "flows.py",))
    with tempfile.TemporaryDirectory() as folder:

        def whole() -> None:
            compiled = compile_flow(flow.build(), mode=mode)
            write_bundle(compiled, source, Path(folder), python_version="3.12")

        return seconds(whole)


def measure() -> Iterator[str]:
    """Yield a line of the report for each size."""
    build(2, 5, "micro")  # imports
    small = statistics.median(build(20, 50, "nano") for _ in range(5))
    large = statistics.median(build(200, 50, "nano") for _ in range(3))
    micro = statistics.median(build(20, 50, "micro") for _ in range(5))
    yield f"layered 20x50 (1,000 tasks), nano: {small:.2f} s; target 2 s"
    yield (
        f"layered 200x50 (10,000 tasks), nano: {large:.2f} s, {large / small:.1f}x that of 1,000; "
        "target 12x"
    )
    yield f"layered 20x50 (1,000 tasks), micro: {micro:.2f} s; target 2 s"
    split = build(200, 50, "micro")
    yield (
        f"layered 200x50 (10,000 tasks), micro, split: {split:.2f} s; target 10 s, "
        f"{split / micro:.1f}x that of 1,000; target 20x"
    )
