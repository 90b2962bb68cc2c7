"""Several processes, several threads, and processes that are killed: nothing lost, nothing twice."""

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import duckdb
import pytest

from dagy.history import list_runs, settle

PRELUDE = """
import sys, time
from pathlib import Path
from dagy.history import Home, Journal, RunHeader, settle, list_runs
from dagy.interpreter.events import Transition
from dagy.state import StateType

home = Home(Path(sys.argv[1]))
TASKS = 25

def create(run_id, keep_last=None):
    header = RunHeader(
        run_id, "f", "1", {}, time.time(), 4, True, "0.1.0", keep_last=keep_last
    )
    return Journal.create(home, header)

def record(run_id):
    journal = create(run_id)
    for n in range(TASKS):
        journal.emit(Transition(time.time(), f"t{n}", StateType.RUNNING, 1))
        journal.emit(Transition(time.time(), f"t{n}", StateType.SUCCEEDED, 1, output="1"))
    journal.emit(Transition(time.time(), None, StateType.SUCCEEDED, output="1"))
    journal.close()
"""


@pytest.fixture
def start(home):
    """Starts a Python process on a script that knows `home`; ends it when the test ends."""
    children = []

    def begin(script, *arguments):
        child = subprocess.Popen(
            [sys.executable, "-c", PRELUDE + script, str(home.root), *arguments],
            stdout=subprocess.PIPE,
            text=True,
        )
        children.append(child)
        return child

    yield begin
    for child in children:
        child.kill()
        child.communicate()


def count(home, table):
    with duckdb.connect(str(home.database)) as connection:
        return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


EMIT_FOR_EVER = """
journal = create("killed")
n = 0
while True:
    journal.emit(Transition(time.time(), f"t{n}", StateType.RUNNING, 1, "x" * (n % 3000)))
    n += 1
    if n == 200:
        print("200 written", flush=True)
"""


def test_kill_9_in_the_middle_of_recording_loses_nothing_that_was_emitted(home, start):
    child = start(EMIT_FOR_EVER)
    assert child.stdout.readline() == "200 written\n"
    child.send_signal(signal.SIGKILL)
    child.wait()

    whole_lines = home.journal("killed").read_bytes().count(b"\n") - 1
    assert whole_lines >= 200
    (run,) = list_runs(home)
    assert (run.run_id, run.status, run.task_runs_total) == ("killed", "CRASHED", whole_lines)
    assert count(home, "events") == whole_lines
    assert home.pending_ids() == []


FOLD_FOR_EVER = """
import duckdb
for n in range(10):
    record(f"run-{n}")
print("begin", flush=True)
while True:
    settle(home)
    for n in range(10):
        home.mark_pending(f"run-{n}")
"""


@pytest.mark.parametrize("after", [0.01, 0.03, 0.06, 0.2])
def test_kill_9_in_the_middle_of_folding_loses_nothing(home, start, after):
    child = start(FOLD_FOR_EVER)
    assert child.stdout.readline() == "begin\n"
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(after)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert {run.task_runs_succeeded for run in list_runs(home)} == {25}
    assert (count(home, "runs"), count(home, "events")) == (10, 10 * 51)


RECORD_AND_FOLD = """
print("ready", flush=True)
for n in range(5):
    record(f"{sys.argv[2]}-{n}")
    settle(home)
"""

LIST_FOR_EVER = """
print("ready", flush=True)
lists = 0
while not (home.root / "stop").exists():
    for run in list_runs(home, limit=100):
        if run.ended_at is not None:
            assert run.task_runs_succeeded == TASKS, run
    lists += 1
print(lists)
"""


def test_eight_processes_fold_while_two_list(home, start):
    home.root.mkdir()
    listers = [start(LIST_FOR_EVER) for _ in range(2)]
    assert [lister.stdout.readline() for lister in listers] == ["ready\n"] * 2
    writers = [start(RECORD_AND_FOLD, name) for name in "abcdefgh"]
    assert [writer.wait(60) for writer in writers] == [0] * 8
    (home.root / "stop").touch()
    assert [lister.wait(60) for lister in listers] == [0, 0]
    assert all(int(lister.stdout.read()) >= 1 for lister in listers)

    runs = list_runs(home, limit=100)
    assert sorted(run.run_id for run in runs) == sorted(
        f"{p}-{n}" for p in "abcdefgh" for n in range(5)
    )
    assert {(run.status, run.task_runs_succeeded) for run in runs} == {("SUCCEEDED", 25)}
    assert (count(home, "runs"), count(home, "events")) == (40, 40 * 51)
    assert home.pending_ids() == []


def test_threads_of_one_process_fold_at_once(home, record):
    for number in range(8):
        record(f"run-{number}")
    with ThreadPoolExecutor(8) as pool:
        for folded in [pool.submit(settle, home) for _ in range(8)]:
            folded.result()
    assert [count(home, table) for table in ("runs", "task_runs", "events")] == [8, 8, 32]


HOLD = """
import duckdb
connection = duckdb.connect(str(home.database))
print("held", flush=True)
time.sleep(60)
"""


FORK_WHILE_A_THREAD_READS = """
import os, signal, threading
from dagy.history.reading import reading

record("parent")
is_open = threading.Event()

def read():
    with reading(home):
        is_open.set()
        time.sleep(0.3)

threading.Thread(target=read).start()
is_open.wait()
child = os.fork()
if not child:
    signal.alarm(30)  # ends a child that waits for a thread that it does not have
    record("child")
    settle(home)
    os._exit(0)
print(os.waitpid(child, 0)[1])
"""


def test_a_child_forked_while_a_thread_has_the_file_open_can_settle(home, start):
    said, _ = start(FORK_WHILE_A_THREAD_READS).communicate(timeout=60)
    assert said == "0\n"
    assert home.pending_ids() == []
    assert count(home, "runs") == 2


END_WHILE_A_DAEMON_READS = """
import os, threading
from dagy.history.reading import reading

record("one")
is_open = threading.Event()

def read():
    with reading(home):
        is_open.set()
        time.sleep(0.3)
        os.write(1, b"read")

threading.Thread(target=read, daemon=True).start()
is_open.wait()
"""


def test_a_process_that_ends_waits_for_a_daemon_thread_that_has_the_file_open(home, start):
    child = start(END_WHILE_A_DAEMON_READS)
    said, _ = child.communicate(timeout=60)
    assert (child.returncode, said) == (0, "read")


def test_a_file_that_another_process_holds_is_left_to_whoever_comes_next(home, record, start):
    record("run-0")
    record("run-1")
    settle(home)
    record("run-2", keep_last=2)
    holder = start(HOLD)
    assert holder.stdout.readline() == "held\n"

    settle(home)
    assert home.pending_ids() == ["run-2"]
    # A reader does not wait either: the journals say all of it.
    assert [run.run_id for run in list_runs(home)] == ["run-2", "run-1", "run-0"]
    assert home.pending_ids() == ["run-2"]

    holder.kill()
    holder.wait()
    assert [run.run_id for run in list_runs(home)] == ["run-2", "run-1"]


CLEAN_UP = """
from dagy.history import settle
print("ready", flush=True)
for n in range(6):
    run_id = f"{sys.argv[2]}-{n}"
    journal = create(run_id, keep_last=3)
    (home.run_folder(run_id) / "artifacts").mkdir()
    (home.run_folder(run_id) / "artifacts" / "table.parquet").write_text("large")
    journal.emit(Transition(time.time(), None, StateType.SUCCEEDED, output="1"))
    journal.close()
    settle(home)
"""


def test_four_processes_clean_up_at_once_and_spare_what_goes_on(home, start, record):
    record("goes-on", "f", transitions=[], going_on=True, started_at=1.0)
    children = [start(CLEAN_UP, name) for name in "abcd"]
    assert [child.wait(60) for child in children] == [0] * 4
    record("last", "f", keep_last=3, started_at=time.time())
    left = [run.run_id for run in list_runs(home, limit=100)]
    assert len(left) == 4
    assert left[-1] == "goes-on"
    assert sorted(left) == home.run_ids()  # nothing of the others is left: no folder, no artifact
