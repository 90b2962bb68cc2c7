"""What importing costs a process, over a bare interpreter, once Python has cached the bytecode."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator

from benchmarks.timing import in_turns


def start(statement: str, cache: str) -> Callable[[], object]:
    """An action that starts an interpreter for one statement, with its bytecode cached."""
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": cache}
    return lambda: subprocess.run([sys.executable, "-c", statement], env=env, check=True)


def measure() -> Iterator[str]:
    """Yield a line of the report for each import."""
    with tempfile.TemporaryDirectory() as cache:
        actions = [start(code, cache) for code in ("pass", "import dagy.worker", "import dagy")]
        in_turns(*actions, rounds=1)  # fills the cache
        bare, worker, dagy = in_turns(*actions, rounds=15)
    yield f"bare interpreter: {bare * 1000:.0f} ms"
    yield f"import dagy.worker: +{(worker - bare) * 1000:.0f} ms; target 50 ms"
    yield f"import dagy: +{(dagy - bare) * 1000:.0f} ms"
