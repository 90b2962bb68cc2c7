"""`kill -9` at hundreds of random instants: what had finished is there, once; no dead run lives."""

import os
import signal
import subprocess
import sys
import time
from collections import defaultdict

import duckdb
import pytest

from dagy.history import find_run, list_runs, results_of

# Runs flows in one child after another, and kills each at a random instant of its life: while it
# starts a run, while tasks run, while it folds, while it cleans up. The child says through a pipe
# what has finished; a line of the journal is written before that, so all that was said must be there.
KILLED_AT_RANDOM = """
import itertools, os, random, signal, sys, time
import duckdb
from dagy import flow, task
from dagy.local import run_local

@task
def step(n: int) -> int:
    return n + 1

@flow
def chain(token: str):
    n = step(0)
    for _ in range(7):
        n = step(n)
    return n

class Report:
    def __init__(self, token):
        self.token = token

    def begin(self, run_id, spec): ...

    def line(self, line): ...

    def emit(self, transition):
        if transition.output is not None and transition.task_run_id is not None:
            self.say(f"{transition.task_run_id} {transition.output}")

    def say(self, what):
        os.write(1, f"{self.token} {what}\\n".encode())

def run_flows(child):
    for count in itertools.count():
        report = Report(f"{child}-{count}")
        run_local(chain, {"token": report.token}, observer=report, cleanup_keep_last=100_000)
        report.say("ended")

kills, seed = int(sys.argv[1]), int(sys.argv[2])
rng = random.Random(seed)
for child in range(kills):
    pid = os.fork()
    if not pid:
        run_flows(child)
    # Half of them within the first run, which is over in a few milliseconds.
    time.sleep(rng.uniform(0, rng.choice([0.008, 0.1])))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
"""

KILLS = 300


@pytest.fixture
def said(home, monkeypatch):
    """What the killed processes said had finished: by token, then by task run."""
    monkeypatch.setenv("DAGY_LOCAL_DIR", str(home.root))
    done = subprocess.run(
        [sys.executable, "-c", KILLED_AT_RANDOM, str(KILLS), "4"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=120,
    )
    finished = defaultdict(dict)
    for line in done.stdout.splitlines():
        token, what, *output = line.split()
        finished[token][what] = output[0] if output else None
    return dict(finished)


def has_begun(home, run_id):
    return home.journal(run_id).exists() and home.journal(run_id).stat().st_size > 0


def test_kill_9_at_any_instant_loses_nothing_and_doubles_nothing(home, said, record):
    runs = list_runs(home, limit=10_000)
    assert len({run.run_id for run in runs}) == len(runs)
    # One that was killed before its first line never began; an empty folder may be left of it.
    begun = [name for name in home.run_ids() if home.flow(name).exists() or has_begun(home, name)]
    assert sorted(run.run_id for run in runs) == begun
    assert home.pending_ids() == []

    recorded = {}
    for run in runs:
        told = results_of(home, run.run_id)
        assert told.status == run.status
        assert len(told.results) == run.task_runs_succeeded
        recorded[told.header.parameters["token"]] = told
    assert len(recorded) == len(runs)
    for token, finished in said.items():
        results = recorded[token].results
        ended = finished.pop("ended", "no")
        assert {name: results[name] for name in finished} == finished
        # It was killed between its end and our hearing of it, at the most.
        assert recorded[token].status in (
            {"SUCCEEDED"} if ended is None else {"CRASHED", "SUCCEEDED"}
        )
    statuses = [run.status for run in runs]
    assert set(statuses) == {"CRASHED", "SUCCEEDED"}  # how many of each is the machine's affair

    with duckdb.connect(str(home.database)) as connection:
        for identity in ("run_id FROM runs", "run_id, seq FROM events"):
            query = f"SELECT {identity} GROUP BY ALL HAVING count(*) > 1"
            assert connection.execute(query).fetchall() == []
        under_way = "SELECT count(*) FROM task_runs WHERE state IN ('RUNNING', 'PENDING')"
        assert connection.execute(under_way).fetchall() == [(0,)]

    # What crashed counts as ended: it goes when its time has come.
    record("last", "chain", keep_last=5, started_at=time.time())
    left = [run.run_id for run in list_runs(home, limit=10_000)]
    assert left == ["last", *(run.run_id for run in runs[:4])]
    assert [name for name in home.run_ids() if has_begun(home, name)] == sorted(left)


# A task of the run forks a child that lives on and does nothing; the run's process is then killed.
OUTLIVED = """
import os, signal, sys, time
from dagy import flow, task

@task
def fork():
    ready, say = os.pipe()
    pid = os.fork()
    if not pid:
        os.write(say, b"!")
        os.close(1)
        time.sleep(60)
        os._exit(0)
    os.read(ready, 1)
    print(pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

@flow
def parent():
    fork()

parent.run_local()
"""


def test_a_forked_child_does_not_keep_its_parents_run_alive(home, monkeypatch):
    monkeypatch.setenv("DAGY_LOCAL_DIR", str(home.root))
    process = subprocess.Popen(
        [sys.executable, "-c", OUTLIVED],
        stdout=subprocess.PIPE,
        text=True,
        stderr=subprocess.DEVNULL,
    )
    said, _ = process.communicate(timeout=60)
    try:
        run = find_run(home, "latest")
        assert run.status == "CRASHED"
        assert [(t.state, t.message) for t in run.task_runs] == [
            ("CANCELLED", "the run crashed during attempt 1")
        ]
    finally:
        os.kill(int(said), signal.SIGKILL)


SUSPENDED = """
import os, signal
from dagy import flow, task

@task
def stop():
    os.kill(os.getpid(), signal.SIGSTOP)

@flow
def slow():
    stop()

slow.run_local()
"""


def test_a_run_whose_process_is_suspended_has_not_crashed(home, monkeypatch, record):
    monkeypatch.setenv("DAGY_LOCAL_DIR", str(home.root))
    process = subprocess.Popen([sys.executable, "-c", SUSPENDED])
    try:
        assert os.WIFSTOPPED(os.waitpid(process.pid, os.WUNTRACED)[1])
        assert [run.status for run in list_runs(home)] == ["RUNNING"]
        record("quick", "slow", keep_last=1, started_at=1.0)
        assert [run.status for run in list_runs(home)] == ["RUNNING", "SUCCEEDED"]
    finally:
        process.send_signal(signal.SIGCONT)
    assert process.wait(60) == 0
    assert [run.status for run in list_runs(home)] == ["SUCCEEDED", "SUCCEEDED"]
