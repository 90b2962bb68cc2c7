import json
import subprocess
import sys

import pytest

from dagy.errors import HistoryError
from dagy.history import Journal
from dagy.interpreter.events import Failure, Transition
from dagy.state import StateType


def lines(home, run_id="run-1"):
    return [json.loads(line) for line in home.journal(run_id).read_text("ascii").splitlines()]


def test_a_journal_is_its_header_and_a_line_for_each_transition(home, header):
    run = header(parameters={"day": "2025-11-24"})
    journal = Journal.create(home, run)
    journal.emit(Transition(1.5, "load", StateType.RUNNING, 1))
    journal.emit(Transition(2.5, "load", StateType.SUCCEEDED, 1, output='{"n":1}'))
    journal.close()
    assert lines(home) == [
        {
            "run_id": "run-1",
            "flow_name": "etl",
            "flow_version": "1",
            "parameters": {"day": "2025-11-24"},
            "started_at": run.started_at,
            "max_workers": 4,
            "fail_fast": True,
            "dagy_version": "0.1.0",
            "resumed_from": None,
            "source_file": None,
            "keep_last": None,
            "schema_version": 1,
        },
        {"seq": 1, "at": 1.5, "task_run_id": "load", "state": "RUNNING", "attempt": 1},
        {
            "seq": 2,
            "at": 2.5,
            "task_run_id": "load",
            "state": "SUCCEEDED",
            "attempt": 1,
            "output": '{"n":1}',
        },
    ]


def test_a_failure_is_written_with_its_traceback(home, header):
    journal = Journal.create(home, header())
    error = Failure("ValueError", "no rows", "Traceback:\n  here")
    journal.emit(Transition(1.0, "load", StateType.FAILED, 2, "gave up", error=error))
    journal.close()
    assert lines(home)[1] == {
        "seq": 1,
        "at": 1.0,
        "task_run_id": "load",
        "state": "FAILED",
        "attempt": 2,
        "message": "gave up",
        "error_type": "ValueError",
        "error_message": "no rows",
        "error_traceback": "Traceback:\n  here",
    }


def test_every_line_is_in_the_file_as_soon_as_emit_returns(home, header):
    journal = Journal.create(home, header())
    for count in range(1, 4):
        journal.emit(Transition(1.0, "load", StateType.RUNNING, count))
        assert len(lines(home)) == 1 + count
    journal.close()


def test_a_new_journal_is_pending(home, header):
    Journal.create(home, header("run-7")).close()
    assert home.pending_ids() == ["run-7"]


def test_a_run_id_is_used_once(home, header):
    Journal.create(home, header()).close()
    with pytest.raises(HistoryError, match="File exists"):
        Journal.create(home, header())


def test_what_comes_after_the_end_is_dropped(home, header):
    journal = Journal.create(home, header())
    journal.close()
    journal.close()
    journal.emit(Transition(1.0, "late", StateType.SUCCEEDED, 1, output="1"))
    assert len(lines(home)) == 1
    assert journal.error is None


FULL_DISK = """
import resource, sys
from pathlib import Path
from dagy.history import Home, Journal, RunHeader
from dagy.interpreter.events import Transition
from dagy.state import StateType

resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
journal = Journal.create(Home(Path(sys.argv[1])), RunHeader("r", "f", "1", {}, 1.0, 1, True, "0"))
for number in range(200):
    journal.emit(Transition(1.0, f"t{number}", StateType.RUNNING, 1))
if sys.argv[2] == "there is room again":
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.close()
print(journal.error)
"""


def fill_the_disk(home, then):
    child = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(home.root), then],
        capture_output=True,
        text=True,
        check=True,
    )
    return child.stdout.strip()


def test_a_disk_that_is_full_stops_the_journal_and_not_the_run(home):
    error = fill_the_disk(home, "nothing")
    kept = [line["task_run_id"] for line in lines(home, "r")[1:]]
    assert kept == [f"t{number}" for number in range(len(kept))]  # each line whole
    assert 0 < len(kept) < 200
    assert error.startswith(
        f"the recording of this run is incomplete, its last {200 - len(kept)} transitions are "
        f"missing: the local history cannot be written at {home.journal('r')}: "
    )


def test_a_disk_that_is_full_for_a_while_costs_nothing(home):
    assert fill_the_disk(home, "there is room again") == "None"
    assert [line["task_run_id"] for line in lines(home, "r")[1:]] == [f"t{n}" for n in range(200)]


def test_duckdb_is_not_loaded_to_record_a_run():
    script = (
        "import sys, dagy, dagy.history; print(sorted({'duckdb', 'pandas'} & set(sys.modules)))"
    )
    child = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert child.stdout.strip() == "[]"
