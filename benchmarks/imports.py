"""What importing and building cost a process, once Python has cached the bytecode."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.coldstart import FLOW
from benchmarks.timing import in_turns


def start(statement: str, cache: str) -> Callable[[], object]:
    """An action that starts an interpreter for one statement, with its bytecode cached."""
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": cache}
    return lambda: subprocess.run(
        [sys.executable, "-c", statement], env=env, check=True, stdout=subprocess.DEVNULL
    )


def measure() -> Iterator[str]:
    """Yield a line of the report for each import."""
    with tempfile.TemporaryDirectory() as cache:
        file, bundles = Path(cache, "doubled_flow.py"), Path(cache, "bundles")
        file.write_text(FLOW)
        build = (
            f"from dagy.cli.app import app; app(['build', {str(file)!r}, '-o', {str(bundles)!r}])"
        )
        statements = ("pass", "import dagy.worker", "import dagy", build)
        actions = [start(code, cache) for code in statements]
        in_turns(*actions, rounds=1)  # fills the cache
        bare, worker, dagy, built = in_turns(*actions, rounds=15)
    yield f"bare interpreter: {bare * 1000:.0f} ms"
    yield f"import dagy.worker: +{(worker - bare) * 1000:.0f} ms; target 50 ms"
    yield f"dagy build of a flow in one file, in all: {built * 1000:.0f} ms; target 600 ms"
    yield f"import dagy: +{(dagy - bare) * 1000:.0f} ms"
