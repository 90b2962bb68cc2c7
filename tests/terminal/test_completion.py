"""What TAB offers, asked as the shells' completion scripts ask; and how it is installed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent


@pytest.fixture
def offers(folder):
    """Ask as bash does what may follow these words, the last of which is not complete."""

    def ask(*words):
        env = {
            **os.environ,
            "_DAGY_COMPLETE": "complete_bash",
            "COMP_WORDS": " ".join(["dagy", *words]),
            "COMP_CWORD": str(len(words)),
        }
        done = subprocess.run([BIN / "dagy"], cwd=folder, env=env, capture_output=True, text=True)
        assert done.stderr == ""
        return done.stdout.split()

    return ask


def test_flows_of_a_file_are_offered_without_running_it(offers, folder):
    assert offers("run", "flows.py:") == [
        "flows.py:daily", "flows.py:many", "flows.py:flooding", "flows.py:holding",
        "flows.py:with", "child",
    ]  # fmt: skip
    (folder / "bomb.py").write_text("import dagy\n@dagy.flow()\ndef boom(): ...\n1/0\n")
    assert offers("run", "bomb.py") == ["bomb.py:boom"]
    assert offers("run", "bom") == []  # the shell completes the names of files


def test_runs_and_their_tasks_are_offered(offers, dagy):
    run_id = json.loads(dagy("run", "flows.py:with child", "--json").stdout)["run_id"]
    assert offers("logs", run_id[:4]) == [run_id]
    assert offers("runs", "show", "la") == ["latest"]
    assert offers("logs", "latest", "--task", "c") == ["child"]


def test_what_goes_wrong_offers_nothing_and_says_nothing(offers, folder, monkeypatch):
    (folder / "broken.py").write_text("def (\n")
    assert offers("run", "broken.py:") == []
    assert offers("logs", "") == []
    assert offers("logs", "nothing", "--task", "x") == []
    monkeypatch.setenv("DAGY_LOCAL_DIR", "/dev/null/no?where")
    assert offers("logs", "") == []


def test_completion_installs_with_one_command(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    done = subprocess.run(
        ["bash", "--norc", "-c", f"{BIN / 'dagy'} --install-completion; exit"],
        capture_output=True,
        text=True,
    )
    assert "bash completion installed" in done.stdout
    assert "complete" in (folder / ".bash_completions" / "dagy.sh").read_text()
    assert "dagy.sh" in (folder / ".bashrc").read_text()
