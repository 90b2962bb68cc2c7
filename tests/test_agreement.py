"""What passes on the laptop is what runs on Step Functions: the same flow, here and on each engine."""

import json
import sys
from pathlib import Path

import pytest

from dagy.loader import load_flow
from dagy_compiler import compile_flow
from dagy_compiler.bundle import FlowSource, write_bundle

FLOWS = Path(__file__).parent / "flows" / "agreement_flows.py"
AIRPORTS = Path(__file__).parents[1] / "examples" / "airports"

SUCCEEDING = [
    ("chain", {"n": 5}),
    ("diamond", {}),
    ("fan_out_with_join", {"n": 2}),
    ("n_shape", {"n": 4}),
    ("order_without_data", {}),
    ("parameterised", {"name": "{% 'evil' %}", "tags": ["a", None, 1.5]}),
    ("parameterised", {"name": "plain"}),
    ("retried_natively", {}),
    ("retried_without_delay", {}),
    ("retried_by_list", {}),
    ("big_integers_between_tasks", {}),
    ("odd_values", {}),
    ("nothing_returned", {}),
]


@pytest.fixture
def load(monkeypatch):
    """Load a flow of a file as the command line does."""
    known = set(sys.modules)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield load_flow
    for name in set(sys.modules) - known:
        if name in {"agreement_flows", "airports"}:
            del sys.modules[name]


def bundle_of(loaded, mode, folder, *data):
    compiled = compile_flow(loaded.flow.build(), mode=mode)
    source = FlowSource(loaded.root, (*loaded.files[:1], *data))
    return write_bundle(compiled, source, folder, python_version="3.12").path


@pytest.mark.parametrize("mode", ["nano", "micro"])
@pytest.mark.parametrize(("name", "given"), SUCCEEDING, ids=lambda value: str(value)[:30])
def test_the_result_is_that_of_the_local_run(load, engine, home, tmp_path, name, given, mode):
    loaded = load(f"{FLOWS}:{name}")
    local = loaded.flow.run_local(**given).raise_on_failure()
    remote = engine.run(bundle_of(loaded, mode, tmp_path), given)
    assert (remote.status, remote.error, remote.cause) == ("SUCCEEDED", None, None)
    assert remote.output == local.result


@pytest.mark.parametrize("mode", ["nano", "micro"])
@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("policies", {}),
        ("branching", {"n": 3}),
        ("branching", {"n": 0}),
        ("retried_as_a_whole", {}),
    ],
)
def test_every_policy_means_the_same(load, engine, home, tmp_path, name, given, mode):
    loaded = load(f"{FLOWS}:{name}")
    sys.modules["agreement_flows"].forget_hooks()
    local = loaded.flow.run_local(**given).raise_on_failure()
    remote = engine.run(bundle_of(loaded, mode, tmp_path), given)
    assert (remote.status, remote.error, remote.cause) == ("SUCCEEDED", None, None)
    assert remote.output == local.result


@pytest.mark.parametrize("name", ["large_values", "files"])
def test_what_is_too_large_for_a_state_arrives_all_the_same(load, engine, home, tmp_path, name):
    loaded = load(f"{FLOWS}:{name}")
    local = loaded.flow.run_local().raise_on_failure()
    remote = engine.run(bundle_of(loaded, "micro", tmp_path), {})
    assert (remote.status, remote.error, remote.cause) == ("SUCCEEDED", None, None)
    assert remote.output == json.loads(json.dumps(local.result))


# ministack's distributed Map does not evaluate JSONata in ItemSelector.
MANY = [("sfnx", 41), ("sfnx", 200), ("moto", 41)]


@pytest.mark.parametrize(("engine", "n"), [("sfnx", 40), ("moto", 40), *MANY], indirect=["engine"])
def test_a_map_of_many_items_is_distributed(load, engine, home, tmp_path, n):
    loaded = load(f"{FLOWS}:many_items")
    local = loaded.flow.run_local(n=n).raise_on_failure()
    remote = engine.run(bundle_of(loaded, "micro", tmp_path), {"n": n})
    assert (remote.status, remote.error, remote.cause) == ("SUCCEEDED", None, None)
    assert remote.output == local.result


# moto's distributed Map succeeds although an item has failed; on AWS, and by sfnx, it does not.
@pytest.mark.parametrize(
    ("engine", "n"), [("sfnx", 35), ("moto", 35), ("sfnx", 60)], indirect=["engine"]
)
def test_the_error_of_one_item_is_the_error_of_the_flow(load, engine, home, tmp_path, n):
    loaded = load(f"{FLOWS}:one_of_many_fails")
    local = loaded.flow.run_local(n=n)
    remote = engine.run(bundle_of(loaded, "micro", tmp_path), {"n": n})
    assert (remote.status, remote.error) == ("FAILED", local.error.type)
    assert remote.error_message == local.error.message == "item 30"


# ministack's distributed Map does not evaluate JSONata in ItemSelector.
@pytest.mark.parametrize(
    ("engine", "n"),
    [(engine, n) for engine in ("sfnx", "moto", "ministack") for n in (1, 40)] + MANY,
    indirect=["engine"],
)
def test_a_map_succeeds_without_the_items_whose_failure_is_tolerated(
    load, engine, home, tmp_path, n
):
    loaded = load(f"{FLOWS}:some_of_many_fail")
    local = loaded.flow.run_local(n=n).raise_on_failure()
    remote = engine.run(bundle_of(loaded, "micro", tmp_path), {"n": n})
    assert (remote.status, remote.error, remote.cause) == ("SUCCEEDED", None, None)
    assert remote.output == local.result
    assert local.result["present"] == n - n // 10


@pytest.mark.parametrize("engine", ["sfnx"], indirect=True)
@pytest.mark.parametrize("mode", ["nano", "small"])
def test_so_it_does_within_one_worker(load, engine, home, tmp_path, mode):
    loaded = load(f"{FLOWS}:some_of_many_fail")
    local = loaded.flow.run_local(n=50).raise_on_failure()
    remote = engine.run(bundle_of(loaded, mode, tmp_path), {"n": 50})
    assert (remote.cause, remote.output) == (None, local.result)


@pytest.mark.parametrize(
    ("engine", "n"),
    [("sfnx", 40), ("moto", 40), ("ministack", 40), ("sfnx", 60), ("moto", 60)],
    indirect=["engine"],
)
def test_it_fails_with_the_error_of_the_first_item_that_is_not_tolerated(
    load, engine, home, tmp_path, n
):
    loaded = load(f"{FLOWS}:too_many_fail")
    local = loaded.flow.run_local(n=n)
    remote = engine.run(bundle_of(loaded, "micro", tmp_path), {"n": n})
    assert (remote.status, remote.error) == ("FAILED", local.error.type)
    assert remote.error_message == local.error.message == "item 39"


# ministack's branches share one `$states.context.State`, so there they can see each other's retries.
@pytest.mark.parametrize("engine", ["sfnx", "moto"], indirect=True)
def test_branches_count_their_attempts_apart(load, engine, home, tmp_path):
    loaded = load(f"{FLOWS}:retried_in_branches")
    local = loaded.flow.run_local(max_workers=4).raise_on_failure()
    remote = engine.run(bundle_of(loaded, "micro", tmp_path), {})
    assert remote.output == local.result == [[[0, 3], [1, 3], [2, 3]], [3, 3]]


@pytest.mark.parametrize("mode", ["nano", "micro"])
@pytest.mark.parametrize(
    ("name", "given"), [("fails", {"message": 'sold "out"\n'}), ("fails_in_a_branch", {})]
)
def test_the_error_is_that_of_the_local_run(load, engine, home, tmp_path, name, given, mode):
    loaded = load(f"{FLOWS}:{name}")
    local = loaded.flow.run_local(**given)
    remote = engine.run(bundle_of(loaded, mode, tmp_path), given)
    assert (remote.status, remote.output) == (local.status, None) == ("FAILED", None)
    assert remote.error == local.error.type == "OutOfStockError"
    assert remote.error_message == local.error.message


@pytest.mark.parametrize("mode", ["nano", "micro"])
def test_a_condition_that_says_no_lets_the_error_through(load, engine, home, tmp_path, mode):
    loaded = load(f"{FLOWS}:not_retried")
    local = loaded.flow.run_local()
    remote = engine.run(bundle_of(loaded, mode, tmp_path), {})
    assert remote.error == local.error.type == "OutOfStockError"
    assert remote.error_message == local.error.message == "attempt 1"


@pytest.mark.parametrize("mode", ["nano", "micro"])
def test_a_parameter_that_does_not_fit_fails_the_execution(load, engine, tmp_path, mode):
    loaded = load(f"{FLOWS}:chain")
    remote = engine.run(bundle_of(loaded, mode, tmp_path), {"n": "five"})
    assert (remote.status, remote.error) == ("FAILED", "ParameterError")
    assert "'n' must be int, not 'five' (str)" in remote.error_message


def test_the_example_of_the_readme_runs_on_every_engine(load, engine, home, tmp_path):
    loaded = load(str(AIRPORTS / "airports.py"))
    given = {"top": 3, "report": str(tmp_path / "report.md")}
    local = loaded.flow.run_local(max_workers=4, **given).raise_on_failure()
    written = (tmp_path / "report.md").read_text()
    (tmp_path / "report.md").unlink()
    bundle = bundle_of(loaded, "micro", tmp_path, AIRPORTS / "airports.csv.gz")
    remote = engine.run(bundle, given)
    assert remote.output == local.result
    assert (tmp_path / "report.md").read_text() == written
    assert "| US | 12,579 |" in written
