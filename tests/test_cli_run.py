"""`dagy run` and `dagy runs`, as a user types them: what is printed, where, and the exit code."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

FLOWS = """
import time
from pathlib import Path
from dagy import flow, task

@task
def double(n: int) -> int:
    return 2 * n

@task(retries=1)
def fail():
    raise ValueError("no luck")

@task
def hang(marker: str):
    Path(marker).touch()
    time.sleep(60)

@flow
def good(n: int, label: str = "x", tags: list | None = None):
    return {"n": double(n), "label": label, "tags": tags}

@flow
def bad():
    return double(fail())

@flow
def slow(marker: str):
    hang(marker)

@flow
def wide(n: int):
    return [double(i) for i in range(n)]
"""


@pytest.fixture(autouse=True)
def flows_file(tmp_path):
    (tmp_path / "flows.py").write_text(FLOWS)


def test_run_prints_progress_on_stderr_and_the_result_on_stdout(dagy):
    done = dagy("run", "flows.py:good", "--param", "n=3", "-p", "label=2026", "-p", "tags=[1]")
    assert done.returncode == 0, done.stderr
    assert [line.split()[1:3] for line in done.stderr.splitlines()] == [
        ["RUNNING", "(flow)"],
        ["RUNNING", "double"],
        ["SUCCEEDED", "double"],
        ["SUCCEEDED", "(flow)"],
    ]
    head, _, result = done.stdout.partition("\n")
    assert head.startswith("good: SUCCEEDED  (1 succeeded)  run ")
    assert json.loads(result) == {"n": 6, "label": "2026", "tags": [1]}
    assert "\x1b" not in done.stdout + done.stderr  # no colour where there is no terminal


def test_run_json_is_one_object(dagy):
    done = dagy("run", "flows.py:good", "-p", "n=3", "--json")
    run = json.loads(done.stdout)
    assert (run["status"], run["result"]["n"], done.stderr) == ("SUCCEEDED", 6, "")
    assert run["task_runs"][0]["output"] == 6


def test_a_failed_run_exits_with_1_and_shows_the_tasks_own_traceback(dagy):
    done = dagy("run", "flows.py:bad", "--quiet")
    assert done.returncode == 1
    assert "bad: FAILED  (1 failed, 1 skipped)" in done.stdout
    assert "error: task 'fail': ValueError: no luck" in done.stderr
    assert 'raise ValueError("no luck")' in done.stderr
    assert "dagy/interpreter" not in done.stderr


def test_parameters_come_from_a_file_and_a_param_beats_it(dagy, tmp_path):
    (tmp_path / "params.json").write_text('{"n": 1, "label": "from file"}')
    done = dagy("run", "flows.py:good", "--params-file", "params.json", "-p", "n=5", "--json")
    assert json.loads(done.stdout)["result"] == {"n": 10, "label": "from file", "tags": None}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["flows.py"],
            "error: flows.py: there are several flows in it; say which:\n  flows.py:good",
        ),
        (["flows.py:godo"], "no flow 'godo' in it; did you mean 'good'?"),
        (["nothing.py"], "error: nothing.py: there is no such Python file"),
        (["flows.py:good"], "parameter 'n' (int) is missing"),
        (["flows.py:good", "-p", "m=1"], "there is no parameter 'm'"),
        (["flows.py:good", "-p", "n=three"], "parameter 'n' must be int, not 'three' (str)"),
        (["flows.py:good", "-p", "n"], "--param n: write it as name=value"),
        (["flows.py:good", "--params-file", "no.json"], "--params-file no.json: No such file"),
        (["flows.py:good", "--params-file", "flows.py"], "--params-file flows.py: not JSON"),
    ],
)
def test_a_users_mistake_exits_with_2_and_one_message_without_a_traceback(dagy, arguments, message):
    done = dagy("run", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) < 10


def test_an_unknown_option_exits_with_2(dagy):
    done = dagy("run", "flows.py:good", "--max-worker", "3")
    assert done.returncode == 2
    assert "--max-workers" in done.stderr


def test_a_parameter_that_shapes_the_graph_is_warned_of(dagy):
    done = dagy("run", "flows.py:wide", "-p", "n=2", "--json")
    assert json.loads(done.stdout)["result"] == [0, 2]
    assert done.stderr.startswith("warning: flow 'wide': parameter 'n' shapes the graph")


def test_runs_are_listed_and_shown(dagy):
    assert dagy("runs", "list").stdout == "No runs yet. `dagy run FILE.py` makes one.\n"
    first = json.loads(dagy("run", "flows.py:good", "-p", "n=1", "--json").stdout)["run_id"]
    second = json.loads(dagy("run", "flows.py:bad", "--json").stdout)["run_id"]

    listed = dagy("runs", "list")
    assert [line.split()[:3] for line in listed.stdout.splitlines()[1:]] == [
        [second, "bad", "FAILED"],
        [first, "good", "SUCCEEDED"],
    ]
    as_json = json.loads(dagy("runs", "list", "--limit", "1", "--json").stdout)
    assert [run["run_id"] for run in as_json] == [second]

    shown = dagy("runs", "show", first[:6])
    assert f"good  run {first}  SUCCEEDED" in shown.stdout
    assert 'parameters {"n":1,"label":"x","tags":null}' in shown.stdout
    latest = dagy("runs", "show", "latest")
    assert "ValueError: no luck" in latest.stdout
    assert "raise ValueError" in latest.stderr
    detail = json.loads(dagy("runs", "show", second, "--json").stdout)
    assert [(t["task_run_id"], t["state"], t["attempts"]) for t in detail["task_runs"]] == [
        ("fail", "FAILED", 2),
        ("double", "SKIPPED", 0),
    ]

    missing = dagy("runs", "show", "zzz")
    assert missing.returncode == 2
    assert "zzz" in missing.stderr
    assert first in missing.stderr


def test_a_home_that_cannot_be_written_is_one_clear_warning(dagy, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("DAGY_LOCAL_DIR", str(tmp_path / "file"))
    done = dagy("run", "flows.py:good", "-p", "n=1", "--json")
    assert (done.returncode, json.loads(done.stdout)["result"]["n"]) == (0, 2)
    assert done.stderr.startswith("warning: this run goes on without being recorded: ")
    assert "set DAGY_LOCAL_DIR to a folder that can be written" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_result_that_cannot_cross_is_told_without_a_traceback_of_ours(dagy, tmp_path):
    (tmp_path / "odd.py").write_text(
        "from dagy import flow, task\n"
        "@task\n"
        "def odd(): return {'rows': [1, {'conn': object()}]}\n"
        "@flow\n"
        "def bad(): odd()\n"
    )
    done = dagy("run", "odd.py", "--quiet")
    assert done.returncode == 1
    assert "result['rows'][1]['conn'] is of type object" in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_cancels_cleanly(dagy, tmp_path):
    marker = tmp_path / "started"
    process = subprocess.Popen(
        [sys.executable, "-m", "dagy", "run", "flows.py:slow", "-p", f"marker={marker}"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ.copy(),
        # Whoever runs the tests in the background may have them ignore it, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    while not marker.exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "error: interrupted; what had not ended was cancelled" in stderr
    assert "Traceback" not in stderr
    [run] = json.loads(dagy("runs", "list", "--json").stdout)
    assert run["status"] == "CANCELLED"


HELP = [
    [],
    ["run"],
    ["build"],
    ["inspect"],
    ["runs"],
    ["runs", "list"],
    ["runs", "show"],
    ["runs", "compare"],
    ["runs", "delete"],
    ["runs", "export"],
    ["sql"],
]


@pytest.mark.parametrize("command", HELP, ids=" ".join)
def test_help_of_every_command_shows_an_example(dagy, command):
    done = dagy(*command, "--help")
    assert done.returncode == 0
    assert "Example: dagy" in done.stdout


def test_version(dagy):
    assert dagy("--version").stdout == "dagy 0.1.0\n"
