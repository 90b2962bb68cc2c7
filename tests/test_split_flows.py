"""Flows in nested state machines on an emulated AWS: the stack, its roles, and what parts are given."""

import sys
from pathlib import Path

import pytest

from dagy.loader import load_flow
from dagy_compiler import CompiledFlow, run_passes
from dagy_compiler.bundle import FlowSource, write_bundle
from dagy_compiler.passes import Split

FLOWS = Path(__file__).parent / "flows" / "split_flows.py"


@pytest.fixture
def run(monkeypatch, tmp_path, ministack):
    """Build a flow in machines of at most 7,000 bytes, deploy it, and execute it."""
    monkeypatch.setattr(sys, "path", list(sys.path))

    def run(name, given):
        loaded = load_flow(f"{FLOWS}:{name}")
        plan = run_passes(loaded.flow.build(), mode="micro", after="emit")
        plan = Split(definition_bytes=7_000)(plan)
        assert len(plan.parts) > 3
        compiled = CompiledFlow(plan.spec, "micro", plan, plan.machine)
        source = FlowSource(loaded.root, loaded.files[:1])
        bundle = write_bundle(compiled, source, tmp_path, python_version="3.12")
        return ministack.run(bundle.path, given)

    yield run
    sys.modules.pop("split_flows", None)


def test_a_split_flow_comes_to_what_the_laptop_comes_to(run):
    remote = run("adding", {"n": 2})
    assert (remote.status, remote.cause, remote.output) == ("SUCCEEDED", None, 381)


def test_a_failure_in_a_part_has_its_own_name_and_message(run):
    remote = run("refusing", {"n": 2})
    assert (remote.status, remote.error, remote.error_message) == ("FAILED", "KeyError", "46")
