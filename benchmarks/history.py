"""What the history costs: to list a large one from the command line, and to settle runs into it."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.timing import in_turns, seconds

RUNS = 1000
TASKS = 100
"""Task runs of each run: 100,000 in all, and three times as many transitions."""


def write_journal(home, number, tasks=TASKS) -> str:
    """Write the journal of a run of so many tasks, as a run would leave it."""
    from dagy.history import Journal, RunHeader
    from dagy.interpreter.events import Transition
    from dagy.state import StateType

    at, run_id = 1_764_000_000.0 + number, f"run-{number:06}"
    journal = Journal.create(
        home, RunHeader(run_id, f"flow-{number % 10}", "1", {"n": number}, at, 4, True, "0")
    )
    journal.emit(Transition(at, None, StateType.RUNNING))
    for task in range(tasks):
        journal.emit(Transition(at, f"task-{task}", StateType.RUNNING, 1))
        journal.emit(Transition(at + 1, f"task-{task}", StateType.SUCCEEDED, 1, output="[1,2,3]"))
    journal.emit(Transition(at + 2, None, StateType.SUCCEEDED, output="null"))
    journal.close()
    return run_id


def command(root: Path, *arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "dagy", *arguments],
        env={**os.environ, "DAGY_LOCAL_DIR": str(root), "PYTHONDONTWRITEBYTECODE": ""},
        stdout=subprocess.DEVNULL,
        check=True,
    )


def measure() -> Iterator[str]:
    """Yield a line of the report for each cost."""
    from dagy.history import Home, settle

    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        for number in range(RUNS):
            write_journal(home, number)
        took = seconds(lambda: settle(home))
        yield (
            f"{RUNS:,} runs of {TASKS} task runs folded at once: "
            f"{took / RUNS / TASKS * 1e6:.0f} µs a task run"
        )
        question = "select flow_name, count(*) from runs group by all"
        actions = [
            lambda: subprocess.run([sys.executable, "-c", "pass"], check=True),
            lambda: subprocess.run([sys.executable, "-c", "import duckdb"], check=True),
            lambda: command(home.root, "runs", "list", "--limit", "20"),
            lambda: command(home.root, "runs", "show", "latest"),
            lambda: command(home.root, "sql", question),
        ]
        in_turns(*actions, rounds=1)  # caches the bytecode
        bare, duckdb, listed, shown, asked = in_turns(*actions)
        yield (
            f"dagy runs list, of {RUNS * TASKS:,} task runs: {listed:.2f} s; target 0.3 s "
            f"(a bare interpreter {bare:.2f} s, import duckdb {duckdb - bare:.2f} s)"
        )
        yield f"dagy runs show latest: {shown:.2f} s; dagy sql: {asked:.2f} s"

        number = RUNS

        def settled(runs, tasks) -> float:
            nonlocal number
            for _ in range(runs):
                number += 1
                write_journal(home, number, tasks)
            return seconds(lambda: settle(home))

        for runs, tasks in ((1, 1), (1, 1000), (20, 1000), (1, 10_000)):
            took = sorted(settled(runs, tasks) for _ in range(7))[3]
            what = "a run" if runs == 1 else f"{runs} runs"
            yield f"settling {what} of {tasks:,} into that history: {took * 1000:.0f} ms"
