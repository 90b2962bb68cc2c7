"""`dagy backfill`: one run for each of many values, which can be interrupted and run again."""

import json
import signal
import subprocess
import sys
import time

import pytest

from dagy.backfill import Ended, read_values, run_all, slots_of
from dagy.backfill.slots import Slot
from dagy.errors import ParameterError

FLOW = """
from datetime import date
from pathlib import Path
from dagy import flow, task

@task
def load(day, region, broken):
    if Path(broken).exists() and str(day) == "2026-01-02":
        raise ValueError("no data")
    return f"{day} {region}"

@flow
def daily(day: date, region: str = "eu", broken: str = "broken"):
    return load(day, region, broken)
"""


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("d=2026-02-27..2026-03-01", ["2026-02-27", "2026-02-28", "2026-03-01"]),
        ("d=2026-01-01..2026-01-20/1w", ["2026-01-01", "2026-01-08", "2026-01-15"]),
        ("d=2026-01-31..2026-04-30/1mo", ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"]),
        ("d=2024-02-29..2026-12-31/1y", ["2024-02-29", "2025-02-28", "2026-02-28"]),
        ("t=2026-01-01T22:00..2026-01-02T02:00/2h",
         ["2026-01-01T22:00:00", "2026-01-02T00:00:00", "2026-01-02T02:00:00"]),
        ("t=2026-01-01T00:00..2026-01-01T01:00/30min",
         ["2026-01-01T00:00:00", "2026-01-01T00:30:00", "2026-01-01T01:00:00"]),
        ("n=1..4", ["1", "2", "3", "4"]),
        ("n=-2..2/2,7,7", ["-2", "0", "2", "7"]),
        ("c=eu,us", ["eu", "us"]),
        ("c=2026-01-01,2026-02-01..2026-02-02", ["2026-01-01", "2026-02-01", "2026-02-02"]),
        ('c=["a,b", 3, {"x": 1}]', ["a,b", "3", '{"x": 1}']),
        ("c=a=b", ["a=b"]),
    ],
)  # fmt: skip
def test_what_values_stand_for(text, values):
    assert read_values(text) == (text.partition("=")[0], values)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("day", "NAME=VALUES"),
        ("day=", "NAME=VALUES"),
        ("d=2026-01-31..2026-01-01", "goes backwards"),
        ("d=2026-01-01..2026-02-30", "day is out of range"),
        ("d=2026-01-01..2026-01-02/6h", "dates have a step of hours"),
        ("d=2026-01-01..2026-01-02/2", "say the unit of the step: 2d"),
        ("d=2026-01-01..2026-01-02T00:00", "a time at one end only"),
        ("n=1..3/0", "no step"),
        ("n=1..3/1d", "a step with a unit"),
        ("n=a..b", "no range of dates or numbers"),
        ("n=1,,2", "an empty value"),
        ("n=[1", "not a JSON array"),
        ("n=1..10001", "more than 10,000"),
    ],
)
def test_what_stands_for_nothing_is_told(text, told):
    with pytest.raises(ParameterError, match="--for") as raised:
        read_values(text)
    assert told in str(raised.value)


def slots(*texts):
    return slots_of("f", texts, lambda pairs: dict(pair.split("=") for pair in pairs))


def test_several_parameters_are_combined_and_each_run_has_a_key_of_its_own():
    made = slots("day=1..2", "region=eu,us")
    assert [slot.label for slot in made] == [
        "day=1, region=eu", "day=1, region=us", "day=2, region=eu", "day=2, region=us",
    ]  # fmt: skip
    assert len({slot.key for slot in made}) == 4
    assert [slot.key for slot in made] == [slot.key for slot in slots("day=1..2", "region=eu,us")]


def test_a_parameter_has_one_list_of_values():
    with pytest.raises(ParameterError, match="given twice"):
        slots("day=1", "day=2")
    with pytest.raises(ParameterError, match="more than 10,000 runs"):
        slots("a=1..200", "b=1..200")


class Runner:
    def __init__(self, failing=()):
        self.failing = failing
        self.made = []

    def earlier(self, slot):
        return "r0" if slot.label == "n=1" else None

    def run(self, slot):
        self.made.append(slot.label)
        return Ended(slot, "FAILED" if slot.label in self.failing else "SUCCEEDED", "r1")

    def interrupt(self):
        raise AssertionError


def made_by(runner, **options):
    ends = []
    given = {"parallel": 1, "again": False, "fail_fast": False, "on_end": ends.append}
    assert run_all([Slot(f"n={n}", {"n": n}, str(n)) for n in (1, 2, 3)], runner, **given | options)
    return {ended.slot.label: (ended.status, ended.skipped) for ended in ends}


def test_what_has_succeeded_is_left():
    runner = Runner()
    assert made_by(runner)["n=1"] == ("SUCCEEDED", True)
    assert runner.made == ["n=2", "n=3"]


def test_it_is_made_again_where_that_is_asked():
    runner = Runner()
    made_by(runner, again=True)
    assert runner.made == ["n=1", "n=2", "n=3"]


def test_no_more_are_begun_after_a_failure_where_that_is_asked():
    assert set(made_by(Runner(["n=2"]))) == {"n=1", "n=2", "n=3"}
    assert set(made_by(Runner(["n=2"]), fail_fast=True)) == {"n=1", "n=2"}


@pytest.fixture
def backfill(dagy, tmp_path):
    (tmp_path / "daily.py").write_text(FLOW)

    def run(*arguments):
        return dagy("backfill", "daily.py", *arguments)

    return run


JANUARY = ("--for", "day=2026-01-01..2026-01-03")


def test_what_failed_is_run_again_and_nothing_else(backfill, tmp_path):
    (tmp_path / "broken").touch()
    first = backfill(*JANUARY, "--parallel", "3", "--json")
    assert first.returncode == 1
    told = json.loads(first.stdout)
    assert told["counts"] == {"succeeded": 2, "failed": 1}
    [failed] = [run for run in told["runs"] if run["status"] == "FAILED"]
    assert failed["label"] == "day=2026-01-02"
    assert failed["error"] == "ValueError: no data"

    planned = backfill(*JANUARY, "--dry-run")
    assert "day=2026-01-02: would run" in planned.stdout
    assert "1 of 3 would run" in planned.stdout

    (tmp_path / "broken").unlink()
    second = backfill(*JANUARY)
    assert second.returncode == 0, second.stderr
    assert "2 skipped" in second.stdout
    assert "1 succeeded" in second.stdout


def test_mistakes_are_told_before_anything_runs(backfill):
    for arguments, told in (
        (("--for", "day=2026-01-01,monday"), "day=monday: flow 'daily': parameter 'day'"),
        (("--for", "dya=2026-01-01"), "did you mean 'day'?"),
        (("--for", "day=1..x"), "no range"),
    ):
        done = backfill(*arguments)
        assert done.returncode == 2
        assert told in done.stderr
        assert "Traceback" not in done.stderr
        assert "[1/" not in done.stderr


def test_it_is_interrupted_and_goes_on_from_there(tmp_path, home, dagy):
    wait = "import time; time.sleep(0.2 if str(day) == '2026-01-01' else 600)"
    (tmp_path / "daily.py").write_text(FLOW.replace("    if Path", f"    {wait}\n    if Path"))
    command = [sys.executable, "-m", "dagy", "backfill", "daily.py", *JANUARY]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert "day=2026-01-01: SUCCEEDED" in process.stderr.readline()
    wait_for_runs(home, 2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "the same command goes on from here" in err
    assert "1 succeeded" in out

    (tmp_path / "daily.py").write_text(FLOW)
    done = dagy("backfill", "daily.py", *JANUARY)
    assert done.returncode == 0, done.stderr
    assert "1 skipped" in done.stdout
    assert "2 succeeded" in done.stdout


def wait_for_runs(home, count):
    deadline = time.monotonic() + 60
    while len(list((home / "runs").glob("*/journal.jsonl"))) < count:
        assert time.monotonic() < deadline
        time.sleep(0.05)
