"""What a resumed execution begins with, as its workers see it."""

import json

import pytest

from dagy import branch, flow, task
from dagy.worker import handle
from dagy.worker.seed import SEED_KEY

calls = []


@task
def listed() -> list:
    calls.append("listed")
    return [1, 2]


@task
def double(x: int) -> int:
    calls.append(f"double {x}")
    return 2 * x


@task
def total(xs: list) -> int:
    calls.append("total")
    return sum(xs)


@flow
def numbers():
    return total(double.map(listed()))


SPEC = numbers.build()
RUN = "0a1b2c-resumed"


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    calls.clear()
    monkeypatch.setenv("DAGY_DATA_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def seed(data):
    def seed(**results):
        place = data / RUN / "seed"
        place.parent.mkdir()
        place.write_text(json.dumps({"from": "earlier", "results": results}))

    return seed


def invoke(run=RUN, **payload):
    return handle({"dagy": 2, "run": run, **payload}, SPEC)


def test_a_task_run_whose_result_is_there_is_not_called(seed, capsys):
    seed(listed="[5, 6]")
    assert json.loads(invoke(tasks=["listed"], attempt=1)["output"]) == [5, 6]
    assert calls == []
    [record] = [json.loads(line)["dagy"] for line in capsys.readouterr().out.splitlines()]
    assert (record["state"], record["message"]) == ("SUCCEEDED", "from run earlier")


def test_others_are_called(seed):
    seed(listed="[5, 6]")
    answer = invoke(tasks=["total"], attempt=1, results={"double": "[10, 12]"})
    assert answer["output"] == "22"
    assert calls == ["total"]


def test_a_result_may_be_kept_beside_the_seed(seed, data):
    seed(listed={"claim": f"{RUN}/large"})
    (data / RUN / "large").write_text("[7]")
    assert json.loads(invoke(tasks=["listed"], attempt=1)["output"]) == [7]


def test_items_of_a_map_count_one_by_one(seed):
    seed(**{"double[1]": "99"})
    results = {"listed": "[1, 2]"}
    made = [
        invoke(tasks=["double"], item=at, attempt=1, results=results)["output"] for at in (0, 1)
    ]
    assert made == ["2", "99"]
    assert calls == ["double 1"]


def test_an_item_of_many_is_stored_under_its_index(seed, data):
    seed(**{"double[1]": "99"})
    large = {"claim": f"{RUN}/not-there"}
    invoke(tasks=["double"], item=1, attempt=1, keep=True, results={"listed": large})
    assert (data / RUN / "double" / "1").read_text() == "99"


def test_several_task_runs_of_one_worker_run_as_far_as_they_have_to(seed):
    seed(listed="[5, 6]")
    answer = invoke(tasks=["listed", "double", "total"], want=["total"])
    assert answer["outputs"]["o0"] == "22"
    assert calls == ["double 5", "double 6", "total"]


def test_an_execution_that_is_not_resumed_looks_for_nothing(seed):
    seed(listed="[5, 6]")
    assert json.loads(invoke("0a1b2c", tasks=["listed"], attempt=1)["output"]) == [1, 2]


def test_without_a_bucket_results_come_with_the_input(monkeypatch):
    monkeypatch.delenv("DAGY_DATA_DIR")
    seed = {"from": "earlier", "results": {"listed": "[5, 6]", "double[0]": "1"}}
    answer = invoke("0a1b2c", parameters={SEED_KEY: seed})
    assert answer["output"] == "13"
    assert calls == ["double 6", "total"]


def test_a_worker_that_runs_a_whole_flow_keeps_each_result(data):
    invoke("0a1b2c", parameters={})
    kept = data / "0a1b2c" / "results"
    assert {file.name: file.read_text() for file in kept.iterdir()} == {
        "listed": "[1,2]",
        "double": "[2,4]",
        "double[0]": "2",
        "double[1]": "4",
        "total": "6",
    }


def test_the_truth_of_a_result_that_is_there_is_told(seed):
    @flow
    def choosing():
        return branch(listed()[0], lambda: double(1), lambda: double(2))

    seed(listed="[0, 6]")
    event = {"tasks": ["listed"], "attempt": 1, "truths": [{"task": "double", "branch": 0}]}
    assert handle({"dagy": 2, "run": RUN, **event}, choosing.build())["truths"] == {"t0": False}
    assert calls == []
