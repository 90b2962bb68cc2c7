"""`dagy run` without a terminal: lines, JSON at the end, JSON for each transition."""

import json
import subprocess
import sys


def test_json_keeps_stdout_for_the_object_whatever_tasks_and_their_children_print(dagy):
    done = dagy("run", "flows.py:with child", "--json")
    assert json.loads(done.stdout)["status"] == "SUCCEEDED"
    assert sorted(done.stderr.splitlines()) == ["from a child process", "from the task"]


def test_json_lines_is_one_event_for_each_transition(dagy):
    done = dagy("run", "flows.py:with child", "--json-lines")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(e["task_run_id"], e["task"], e["state"], e["attempt"]) for e in events] == [
        (None, None, "RUNNING", 1),
        ("child", "child", "RUNNING", 1),
        ("child", "child", "SUCCEEDED", 1),
        (None, None, "SUCCEEDED", 1),
    ]
    assert {tuple(event) for event in events} == {
        ("at", "run_id", "task_run_id", "task", "state", "attempt", "message", "error", "result")
    }
    assert [event["result"] for event in events] == [None, None, None, 1]
    assert sorted(event["at"] for event in events) == [event["at"] for event in events]


def test_json_lines_tells_of_failures_and_exits_with_1(dagy, folder):
    (folder / "load").touch()
    (folder / "go").touch()
    done = dagy("run", "flows.py:daily", "--json-lines")
    assert done.returncode == 1
    events = [json.loads(line) for line in done.stdout.splitlines()]
    errors = [(e["task_run_id"], e["state"], e["error"]["type"]) for e in events if e["error"]]
    assert errors == [
        ("transform", "PENDING", "ConnectionError"),
        ("load", "FAILED", "ValueError"),
        (None, "FAILED", "ValueError"),
    ]


def test_json_lines_come_as_things_happen(folder):
    process = subprocess.Popen(
        [sys.executable, "-m", "dagy", "run", "flows.py:holding", "--json-lines"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        states = [json.loads(process.stdout.readline())["state"] for _ in range(2)]
        process.kill()
    assert states == ["RUNNING", "RUNNING"]


def test_a_reader_of_json_lines_that_goes_away_does_not_end_the_run(folder, dagy):
    process = subprocess.Popen(
        [sys.executable, "-m", "dagy", "run", "flows.py:many", "--no-fail-fast", "--json-lines"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        process.stdout.readline()
        process.stdout.close()
        (folder / "go").touch()
        assert "Traceback" not in process.stderr.read()
    assert process.returncode == 1  # the flow's own failure
    [run] = json.loads(dagy("runs", "list", "--json").stdout)
    assert (run["status"], run["task_runs_succeeded"]) == ("FAILED", 983)


def test_json_and_json_lines_contradict_each_other(dagy):
    done = dagy("run", "flows.py:daily", "--json", "--json-lines")
    assert done.returncode == 2
    assert "--json prints one object and --json-lines one an event: give one" in done.stderr


def test_the_failure_shows_the_last_words_of_the_task(dagy, folder):
    (folder / "load").touch()
    (folder / "go").touch()
    done = dagy("run", "flows.py:daily")
    assert done.returncode == 1
    head, _, words = done.stderr.partition("its last words (dagy logs ")
    assert 'raise ValueError("duplicate key")' in head
    assert "dagy/interpreter" not in head
    assert words.partition("\n")[2] == "  connecting to the database\n"
