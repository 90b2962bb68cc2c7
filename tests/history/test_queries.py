import json

import pytest

from dagy.errors import HistoryError
from dagy.history import find_run, list_runs


def ids(home, **options):
    return [run.run_id for run in list_runs(home, **options)]


def test_runs_are_listed_newest_first_and_folded_on_the_way(home, record):
    for run_id in ("b", "c", "a"):
        record(run_id)
    assert ids(home) == ["a", "c", "b"]
    assert ids(home, limit=2) == ["a", "c"]
    assert ids(home, limit=0) == []


def test_a_summary_as_json(home, record):
    record("run-1", "etl")
    (summary,) = list_runs(home)
    assert json.loads(json.dumps(summary.to_dict())) == {
        "run_id": "run-1",
        "flow_name": "etl",
        "flow_version": "1",
        "status": "SUCCEEDED",
        "started_at": "2025-11-24T16:00:00.250000+00:00",
        "ended_at": "2025-11-24T16:00:03.250000+00:00",
        "duration": 3.0,
        "task_runs_total": 1,
        "task_runs_succeeded": 1,
    }


def test_a_detail_as_json(home, record):
    record("run-1", "etl", parameters={"day": "monday"})
    told = find_run(home, "run-1").to_dict()
    assert told == {
        **list_runs(home)[0].to_dict(),
        "parameters": {"day": "monday"},
        "max_workers": 4,
        "fail_fast": True,
        "dagy_version": "0.1.0",
        "resumed_from": None,
        "message": None,
        "output": [3],
        "error": None,
        "task_runs": [
            {
                "task_run_id": "extract",
                "state": "SUCCEEDED",
                "attempts": 1,
                "started_at": "2025-11-24T16:00:00.750000+00:00",
                "ended_at": "2025-11-24T16:00:02.250000+00:00",
                "duration": 1.5,
                "message": None,
                "output": {"rows": 3},
                "error": None,
                "tries": [
                    {
                        "attempt": 1,
                        "started_at": "2025-11-24T16:00:00.750000+00:00",
                        "ended_at": "2025-11-24T16:00:02.250000+00:00",
                        "failed": False,
                    }
                ],
            }
        ],
    }
    assert json.loads(json.dumps(told)) == told


def test_a_prefix_finds_a_run_if_it_is_the_only_one(home, record):
    record("20251124-aa")
    record("20251124-ab")
    assert find_run(home, "20251124-ab").run_id == "20251124-ab"
    with pytest.raises(HistoryError) as caught:
        find_run(home, "2025")
    assert str(caught.value) == (
        "several runs have an id that begins with '2025': 20251124-ab (etl), 20251124-aa (etl); "
        "give more of it"
    )


def test_a_whole_id_finds_its_run_though_another_begins_with_it(home, record):
    record("run-1")
    record("run-10")
    assert find_run(home, "run-1").run_id == "run-1"


def test_an_unknown_id_is_answered_with_the_latest_ones(home, record):
    for number in range(7):
        record(f"run-{number}")
    with pytest.raises(HistoryError) as caught:
        find_run(home, "nope")
    assert str(caught.value) == (
        "no run has an id that begins with 'nope'; the latest are run-6 (etl), run-5 (etl), "
        "run-4 (etl), run-3 (etl), run-2 (etl)"
    )


def test_a_prefix_is_text_and_no_pattern(home, record):
    record("run-1")
    with pytest.raises(HistoryError, match="no run has an id that begins with 'r%'"):
        find_run(home, "r%")


def test_nothing_is_found_where_nothing_was_recorded(home):
    with pytest.raises(HistoryError, match="no run has been recorded in .* yet"):
        find_run(home, "x")
