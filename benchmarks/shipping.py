"""`dagy build` and `dagy deploy` as a user waits for them: whole processes, against an emulator.

The emulator makes stacks in no time, so what is measured is Dagy's own part, and boto3's.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.timing import seconds
from tests.engines.ministack import Ministack

FLOW = """
from dagy import flow, task

@task
def double(n: int) -> int:
    return 2 * n

@flow
def numbers(n: int = 4):
    return double(double(n))
"""


def measure() -> Iterator[str]:
    """Yield a line of the report for each command."""
    with Ministack() as server, tempfile.TemporaryDirectory() as folder:
        Path(folder, "numbers_flow.py").write_text(FLOW, encoding="utf-8")
        environment = os.environ | {
            "AWS_ENDPOINT_URL": server.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
        }

        def dagy(*arguments: str) -> None:
            command = [sys.executable, "-m", "dagy", *arguments]
            subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=True)

        def median(*arguments: str) -> float:
            return statistics.median(seconds(lambda: dagy(*arguments)) for _ in range(7))

        dagy("build", "numbers_flow.py")
        built = median("build", "numbers_flow.py")
        yield f"dagy build, one flow without dependencies: {built:.2f} s; target 0.6 s"
        deploy = ("deploy", "numbers_flow.py", "-m", "micro", "--yes", "--with", "cloudformation")
        yield f"dagy deploy, a new flow: {seconds(lambda: dagy(*deploy)):.2f} s"
        yield f"dagy deploy, unchanged: {median(*deploy):.2f} s; target 2 s"
        yield f"dagy versions: {median('versions', 'numbers'):.2f} s"
