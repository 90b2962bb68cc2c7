"""What `dagy run` draws on a terminal, seen through a terminal emulator."""

import json
import os
import re
import signal
import time

import pytest


def shape(display):
    """The display with its times and ids taken out."""
    display = re.sub(r"\d+(\.\d)? (ms|s)\b", "T", display)
    display = re.sub(r"run [0-9a-f]{12}", "run ID", display)
    display = re.sub(r"logs [0-9a-f]{12}", "logs ID", display)
    display = re.sub(r"[━─╴]+", "BAR", display)
    return re.sub(r" {2,}", "  ", re.sub(r"\d:\d\d", "M:SS", display))


def test_each_task_has_a_line_and_what_is_printed_goes_above(dagy_on_a_terminal, folder):
    terminal = dagy_on_a_terminal("run", "flows.py:daily", columns=200)
    terminal.wait_for("attempt 2 of 2  attempt 2", "attempt 2\n")
    assert shape(terminal.display) == (
        "read 400 rows\n"
        "INFO all of them\n"
        "attempt 1\n"
        "attempt 2\n"
        "✓ extract  T\n"
        "▸ transform  T  attempt 2 of 2  attempt 2\n"
        "· load\n"
        "· report\n"
        "BAR  M:SS  1/4  1 running"
    )
    (folder / "go").touch()
    terminal.wait_for("▸ load", "connecting to the database\n")
    (folder / "load").touch()
    assert terminal.finish() == 1
    assert shape(terminal.display) == (
        "read 400 rows\n"
        "INFO all of them\n"
        "attempt 1\n"
        "attempt 2\n"
        "connecting to the database\n"
        "✓ extract  T\n"
        "✓ transform  T  attempt 2 of 2\n"
        "✗ load  T  ValueError: duplicate key\n"
        "  connecting to the database\n"
        "- report  load failed\n"
        "BAR  M:SS  4/4  1 failed  1 skipped\n"
        "daily: FAILED  (2 succeeded, 1 failed, 1 skipped)  run ID\n"
        "error: task 'load': ValueError: duplicate key\n"
        "Traceback (most recent call last):\n"
        f'  File "{folder}/flows.py", line 40, in load\n'
        '  raise ValueError("duplicate key")\n'
        "ValueError: duplicate key\n"
        "its last words (dagy logs ID --task load):\n"
        "  connecting to the database"
    )
    assert not terminal.cursor_hidden


def test_a_thousand_tasks_are_grouped_and_those_to_look_at_stand_out(dagy_on_a_terminal, folder):
    terminal = dagy_on_a_terminal("run", "flows.py:many", "--no-fail-fast", "-w", "2", lines=15)
    terminal.wait_for("17 failed", "▸ item-51", "999/1000")
    assert len(terminal.display.splitlines()) <= 15
    drawn = shape(terminal.display).splitlines()
    assert "item  BAR  999/1000  17 failed  1 running" in drawn
    assert "✗ item-968  T  KeyError: 967" in drawn
    assert drawn[-3:] == [
        "… and 8 more failed",
        "▸ item-51  T  item 50 waits",
        "BAR  M:SS  999/1000  17 failed  1 running",
    ]
    (folder / "go").touch()
    assert terminal.finish() == 1
    assert "many: FAILED  (983 succeeded, 17 failed)" in terminal.scrollback
    assert "error: 6 more tasks failed: dagy runs show" in terminal.scrollback


def test_a_flood_of_prints_stays_whole_above_the_drawing(dagy_on_a_terminal):
    terminal = dagy_on_a_terminal("run", "flows.py:flooding", "--max-workers", "4")
    assert terminal.finish() == 0
    printed = [line for line in terminal.scrollback.splitlines() if line.startswith("flood ")]
    assert sorted(printed) == sorted(f"flood {n} line {i}" for n in range(4) for i in range(2000))
    assert "✓ flood-4" in terminal.display


def test_a_terminal_made_narrower_keeps_a_clean_screen(dagy_on_a_terminal, folder):
    terminal = dagy_on_a_terminal("run", "flows.py:daily", columns=100)
    terminal.wait_for("attempt 2 of 2  attempt 2")
    terminal.resize(30, 24)
    terminal.wait_for("attem…")
    assert terminal.display.count("✓ extract") == 1
    assert max(map(len, terminal.display.splitlines())) < 30
    (folder / "go").touch()
    (folder / "load").touch()
    assert terminal.finish() == 1


def test_ctrl_c_leaves_a_clean_screen_and_names_the_run(dagy_on_a_terminal, folder, dagy):
    terminal = dagy_on_a_terminal("run", "flows.py:holding", columns=120)
    terminal.wait_for("▸ hold")
    _until((folder / "held").exists)
    terminal.type("\x03")
    assert terminal.finish() == 130
    [run] = json.loads(dagy("runs", "list", "--json").stdout)
    assert run["status"] == "CANCELLED"
    assert shape(terminal.display).splitlines()[-4:] == [
        "holding",
        "- hold  T  interrupted",
        "BAR  M:SS  1/1  1 cancelled",
        f"error: interrupted; what had not ended was cancelled: dagy runs show {run['run_id']}",
    ]
    assert not terminal.cursor_hidden


def _until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_killed_at_any_moment_the_terminal_still_has_its_cursor(dagy_on_a_terminal, folder):
    terminal = dagy_on_a_terminal("run", "flows.py:holding")
    terminal.wait_for("▸ hold")
    os.kill(terminal.process.pid, signal.SIGKILL)
    assert terminal.finish() == -signal.SIGKILL
    assert not terminal.cursor_hidden


def test_with_no_color_the_drawing_has_none(dagy_on_a_terminal, folder):
    (folder / "go").touch()
    (folder / "load").touch()
    terminal = dagy_on_a_terminal("run", "flows.py:many", env={"NO_COLOR": "1"})
    terminal.finish()
    assert "✗ item-8" in terminal.scrollback
    assert not re.search(r"\x1b\[[0-9;]*3\dm", terminal.raw)


def test_a_terminal_without_unicode_gets_ascii(dagy_on_a_terminal, folder):
    (folder / "go").touch()
    env = {"PYTHONIOENCODING": "ascii:replace", "PYTHONUTF8": "0"}
    terminal = dagy_on_a_terminal("run", "flows.py:many", "--no-fail-fast", env=env)
    terminal.finish()
    assert terminal.raw.isascii()
    assert "x item-8" in terminal.scrollback


@pytest.mark.parametrize(
    ("arguments", "env"),
    [(["--no-live"], {}), ([], {"TERM": "dumb"}), ([], {"CI": "true"})],
    ids=["no-live", "dumb", "ci"],
)
def test_where_nothing_is_drawn_each_transition_is_a_line(dagy_on_a_terminal, arguments, env):
    terminal = dagy_on_a_terminal("run", "flows.py:with child", *arguments, env=env)
    assert terminal.finish() == 0
    assert "\x1b[?25l" not in terminal.raw
    lines = [line.split()[1:] for line in terminal.display.splitlines()]
    assert ["RUNNING", "child"] in lines
    assert [line[:2] for line in lines].count(["SUCCEEDED", "child"]) == 1


def test_a_piped_result_is_not_drawn_over(dagy_on_a_terminal, folder):
    with (folder / "result").open("w+") as result:
        terminal = dagy_on_a_terminal("run", "flows.py:with child", stdout=result)
        assert terminal.finish() == 0
        assert "✓ child" in terminal.display
        printed = (folder / "result").read_text()
    assert "from the task\n" in printed
    assert "with child: SUCCEEDED  (1 succeeded)" in printed
    assert "\x1b" not in printed


def test_quiet_prints_only_the_end(dagy_on_a_terminal):
    terminal = dagy_on_a_terminal("run", "flows.py:many", "--quiet")
    terminal.finish()
    assert terminal.display.startswith("many: FAILED")


def test_ctrl_c_while_the_flows_file_is_imported_is_no_traceback(dagy_on_a_terminal, folder):
    (folder / "slow.py").write_text(
        "import pathlib, time\npathlib.Path('importing').touch()\ntime.sleep(60)\n"
    )
    terminal = dagy_on_a_terminal("run", "slow.py")
    _until((folder / "importing").exists)
    terminal.type("\x03")
    assert terminal.finish() == 130
    assert "error: interrupted before anything ran" in terminal.display
    assert "Traceback" not in terminal.display
