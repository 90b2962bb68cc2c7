"""Flows with joins across branches, on three engines, with the worker of their artifact."""

import json
import sys
from pathlib import Path

import pytest

from dagy.building import BuildOptions, build
from dagy.loader import load_flow
from dagy.testing import run_in_memory

FLOWS = Path(__file__).parent / "flows" / "join_flows.py"


@pytest.fixture
def built(monkeypatch, tmp_path):
    """Build a flow with joins; return it and its bundle."""
    monkeypatch.setattr(sys, "path", list(sys.path))

    def make(name):
        loaded = load_flow(f"{FLOWS}:{name}")
        made = build(loaded, BuildOptions(mode="micro", joins="auto"), tmp_path / name)
        assert made.compiled.plan.has_joins
        return loaded.flow, made.bundle.path

    yield make
    sys.modules.pop("join_flows", None)


def here(flow, **given):
    """What a flow returns on the laptop, as JSON has it."""
    return json.loads(json.dumps(run_in_memory(flow, **given).raise_on_failure().result))


def test_values_arrive_as_they_left(engine, built):
    flow, bundle = built("crossed")
    outcome = engine.run(bundle, {"day": "friday"})
    assert (outcome.status, outcome.cause) == ("SUCCEEDED", None)
    # The flow's own return value is opened by an expression, and its numbers are doubles then.
    assert outcome.output == here(flow, day="friday")


@pytest.mark.parametrize("given", [{"first": 0.5}, {"second": 0.5}], ids=["told first", "waits"])
def test_either_side_may_come_first(ministack, built, given):
    flow, bundle = built("crossed")
    outcome = ministack.run(bundle, given)
    assert (outcome.status, outcome.output) == ("SUCCEEDED", here(flow))


@pytest.mark.parametrize("wide", [True, False])
def test_large_values_maps_and_branches_cross_too(engine, built, wide):
    flow, bundle = built("of_many_kinds")
    outcome = engine.run(bundle, {"wide": wide})
    assert (outcome.status, outcome.cause) == ("SUCCEEDED", None)
    assert outcome.output == here(flow, wide=wide)


def test_each_attempt_of_a_flow_has_joins_of_its_own(engine, built, tmp_path):
    flow, bundle = built("tried_again")
    there, local = tmp_path / "there", tmp_path / "here"
    there.mkdir()
    local.mkdir()
    outcome = engine.run(bundle, {"folder": str(there)})
    assert (outcome.status, outcome.cause) == ("SUCCEEDED", None)
    assert outcome.output == here(flow, folder=str(local))


@pytest.mark.parametrize("name", ["sfnx", "moto"])
def test_a_failure_beside_what_waits_ends_the_execution_under_its_own_name(name, built):
    from tests.engines.moto import MotoEngine
    from tests.engines.sfnx import SfnxEngine

    _, bundle = built("refused")
    outcome = {"sfnx": SfnxEngine, "moto": MotoEngine}[name]().run(bundle, {})
    assert (outcome.status, outcome.error) == ("FAILED", "LookupError")
    assert outcome.error_message == "no ünï"
