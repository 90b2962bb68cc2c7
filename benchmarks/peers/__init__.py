"""Dagy beside Prefect and Dagster: a task that does nothing, each with its own record of the run.

Each peer gets an environment of its own, made once under `build/peers`; each is measured by a
program of its own, `flow_of_PEER.py`, which prints seconds. They take turns with Dagy in one run.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.flows import chain, fan_out
from benchmarks.timing import seconds

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parents[1] / "build" / "peers"
PEERS = {"prefect": "100x", "dagster": "50x"}
# Prefect 3.8 does not import with later versions of FastAPI.
PACKAGES = {"prefect": ["prefect", "fastapi<0.125"], "dagster": ["dagster"]}
SIZE = 1000
ROUNDS = 3


def python_of(peer: str) -> Path:
    """The interpreter of a peer's environment, which is made if it is not there."""
    python = ENVIRONMENTS / peer / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", ENVIRONMENTS / peer], check=True)
        install = [python, "-m", "pip", "install", "-q", *PACKAGES[peer]]
        subprocess.run(install, check=True, stderr=subprocess.DEVNULL)
    return python


def taken_by(peer: str) -> dict[str, float]:
    """Seconds that a peer takes for each shape, its first run not counted."""
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [python_of(peer), HERE / f"flow_of_{peer}.py", str(SIZE)],
            env={
                "PATH": os.environ["PATH"],
                "HOME": home,
                "PREFECT_HOME": home,
                "DAGSTER_HOME": home,
                "PREFECT_LOGGING_LEVEL": "ERROR",
                "DO_NOT_TRACK": "1",
            },
            cwd=home,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=True,
        )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def taken_by_dagy() -> dict[str, float]:
    """Seconds that Dagy takes for each shape."""
    shapes = {"chain": chain(SIZE), "fan-out": fan_out(SIZE)}
    return {name: seconds(lambda: flow.run_local(max_workers=4)) for name, flow in shapes.items()}  # noqa: B023


def measure() -> Iterator[str]:
    """Yield a line of the report for each peer and shape."""
    taken_by_dagy()
    for peer, target in PEERS.items():
        rounds = [(taken_by(peer), taken_by_dagy()) for _ in range(ROUNDS)]
        for shape in ("chain", "fan-out"):
            theirs = statistics.median(peers[shape] for peers, _ in rounds) / SIZE
            ours = statistics.median(dagy[shape] for _, dagy in rounds) / SIZE
            yield (
                f"{peer}, {shape} of {SIZE}: {theirs * 1e3:.2f} ms a task; Dagy "
                f"{ours * 1e3:.3f} ms, {theirs / ours:.0f}x less; target {target}"
            )
