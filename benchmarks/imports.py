"""What importing costs a process, over a bare interpreter."""

import subprocess
import sys
from collections.abc import Callable, Iterator

from benchmarks.timing import in_turns


def start(statement: str) -> Callable[[], object]:
    """An action that starts an interpreter for one statement."""
    return lambda: subprocess.run([sys.executable, "-c", statement], check=True)


def measure() -> Iterator[str]:
    """Yield a line of the report for each import."""
    bare, worker, dagy = in_turns(
        start("pass"), start("import dagy.worker"), start("import dagy"), rounds=15
    )
    yield f"bare interpreter: {bare * 1000:.0f} ms"
    yield f"import dagy.worker: +{(worker - bare) * 1000:.0f} ms; target 50 ms"
    yield f"import dagy: +{(dagy - bare) * 1000:.0f} ms"
