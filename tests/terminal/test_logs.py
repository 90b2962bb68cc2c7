"""`dagy logs`: what the tasks of a run said, while it runs and afterwards."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest

from dagy.history import Home
from dagy.logs import read_lines


@pytest.fixture
def failed_run(dagy, folder):
    """The id of a run of `daily`, which has failed in `load`."""
    (folder / "load").touch()
    (folder / "go").touch()
    return json.loads(dagy("run", "flows.py:daily", "--json").stdout)["run_id"]


def test_each_line_has_its_time_and_its_task(dagy, failed_run):
    shown = dagy("logs", failed_run[:6]).stdout
    assert all(re.match(r"\d\d:\d\d:\d\d\.\d{3}  ", line) for line in shown.splitlines())
    assert [line[14:] for line in shown.splitlines()] == [
        "extract    read 400 rows",
        "extract    INFO  all of them",
        "transform  attempt 1",
        "transform #2  attempt 2",
        "load       connecting to the database",
    ]
    assert dagy("logs", "latest").stdout == shown


def test_lines_can_be_chosen_by_task_and_from_the_end(dagy, failed_run):
    of_one = dagy("logs", "latest", "--task", "transform").stdout
    assert [line[14:] for line in of_one.splitlines()] == [
        "transform  attempt 1",
        "transform #2  attempt 2",
    ]
    last = dagy("logs", "latest", "--tail", "1").stdout
    assert last.endswith("connecting to the database\n")
    assert last.count("\n") == 1


def test_json_has_a_line_for_each_line(dagy, failed_run):
    lines = map(
        json.loads, dagy("logs", "latest", "--task", "extract", "--json").stdout.split("\n")[:-1]
    )
    printed, logged = lines
    assert printed.pop("at") < logged.pop("at")
    by = {"task_run_id": "extract", "task": "extract", "attempt": 1}
    assert printed == {"text": "read 400 rows", "source": "stdout", **by}
    assert logged == {
        "text": "all of them", "source": "log", "level": "INFO", "logger": "root", **by,
    }  # fmt: skip


def test_mistakes_and_silence_say_so_on_stderr(dagy, failed_run):
    typo = dagy("logs", "latest", "--task", "transfrom")
    assert typo.returncode == 2
    assert "has no task 'transfrom'; did you mean 'transform'?" in typo.stderr
    silent = dagy("logs", "latest", "--task", "report")
    assert (silent.returncode, silent.stdout) == (0, "")
    assert silent.stderr == f"task 'report' of run {failed_run} has said nothing\n"
    missing = dagy("logs", "zzz")
    assert missing.returncode == 2
    assert "no run has an id that begins with 'zzz'" in missing.stderr


def test_without_any_run_latest_says_so(dagy):
    done = dagy("logs", "latest")
    assert done.returncode == 2
    assert "no run has been recorded in" in done.stderr


def test_a_log_is_followed_until_its_run_ends(dagy_on_a_terminal, folder):
    running = dagy_on_a_terminal("run", "flows.py:daily")
    running.wait_for("attempt 2 of 2", "attempt 2\n")
    following = dagy_on_a_terminal("logs", "latest", "--follow", "--tail", "1")
    following.wait_for("attempt 2")
    (folder / "go").touch()
    following.wait_for("connecting to the database")
    assert "\x1b[31mthe" in following.raw  # colours, here and of the task's own
    (folder / "load").touch()
    assert following.finish() == 0
    assert following.display.count("\n") == 1
    assert running.finish() == 1


def test_ctrl_c_ends_following_without_a_word(dagy_on_a_terminal):
    dagy_on_a_terminal("run", "flows.py:daily").wait_for("attempt 2 of 2")
    following = dagy_on_a_terminal("logs", "latest", "--follow")
    following.wait_for("attempt 2")
    before = following.display
    following.type("\x03")
    assert following.finish() == 130
    assert following.display.replace("^C", "").rstrip() == before


KILLED = """
import os, signal, sys
from dagy import flow, task

@task
def speak(n: int):
    for i in range(5):
        print(f"task {n} line {i}", flush=True)
    sys.stdout.write("and an unfinished")
    if n == 3:
        os.kill(os.getpid(), signal.SIGKILL)

@flow
def speaking():
    for n in range(5):
        speak(n)

speaking.run_local()
"""


def test_kill_9_loses_the_unfinished_line_at_most(folder):
    (folder / "killed.py").write_text(KILLED)
    done = subprocess.run([sys.executable, "killed.py"], cwd=folder, capture_output=True)
    assert done.returncode == -signal.SIGKILL
    [run_id] = Home.find().run_ids()
    said = [line.text for line in read_lines(Home.find().log(run_id))]
    expected = []
    for n in range(4):
        expected += [f"task {n} line {i}" for i in range(5)]
        expected += ["and an unfinished"] if n < 3 else []
    assert said == expected


def test_a_torn_last_line_is_passed_over(tmp_path):
    (tmp_path / "log").write_bytes(b'{"at":1.0,"source":"stdout","text":"whole"}\n{"at":2.0,"so')
    assert [line.text for line in read_lines(tmp_path / "log")] == ["whole"]


def test_the_time_is_local(dagy, failed_run):
    times = []
    for zone in ("UTC0", "AAA-5"):
        env = {**os.environ, "TZ": zone}
        times.append(dagy("logs", "latest", "-n", "1", env=env).stdout[:13])
    hours = [int(time[-12:-10]) if " " not in time else None for time in times]
    assert None in hours or (hours[1] - hours[0]) % 24 == 5
