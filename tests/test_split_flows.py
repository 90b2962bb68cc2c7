"""Flows in nested state machines on an emulated AWS: the stack, its roles, and what parts are given."""

import json
import sys
from pathlib import Path

import pytest

from dagy.loader import load_flow
from dagy_compiler import CompiledFlow, run_passes
from dagy_compiler.bundle import FlowSource, write_bundle
from dagy_compiler.passes import Split

FLOWS = Path(__file__).parent / "flows" / "split_flows.py"


@pytest.fixture
def build(monkeypatch, tmp_path):
    """Build a flow in machines of at most 7,000 bytes."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    modules = set(sys.modules)

    def build(target, folder=tmp_path):
        loaded = load_flow(target)
        plan = run_passes(loaded.flow.build(), mode="micro", after="emit")
        plan = Split(definition_bytes=7_000)(plan)
        assert len(plan.parts) > 3
        compiled = CompiledFlow(plan.spec, "micro", plan, plan.machine)
        source = FlowSource(loaded.root, loaded.files[:1])
        return write_bundle(compiled, source, folder, python_version="3.12").path

    yield build
    for name in set(sys.modules) - modules:
        if name in {"split_flows", "old_steps", "new_steps"}:
            del sys.modules[name]


def test_a_split_flow_comes_to_what_the_laptop_comes_to(build, ministack):
    remote = ministack.run(build(f"{FLOWS}:adding"), {"n": 2})
    assert (remote.status, remote.cause, remote.output) == ("SUCCEEDED", None, 381)


def test_a_failure_in_a_part_has_its_own_name_and_message(build, ministack):
    remote = ministack.run(build(f"{FLOWS}:refusing"), {"n": 2})
    assert (remote.status, remote.error, remote.error_message) == ("FAILED", "KeyError", "46")


STEPS = """
import os, time
from dagy import flow, task

@task
def wait_for(path):
    while not os.path.exists(path):
        time.sleep(0.02)
    return 0

@task
def add(number):
    return number + {step}

@flow
def steps(path):
    number = wait_for(path)
    for _ in range({count}):
        number = add(number)
    return number
"""


def test_an_execution_under_way_ends_in_the_parts_that_it_began_with(build, ministack, tmp_path):
    def template_of(bundle):
        return json.loads((bundle / "template.json").read_text(encoding="utf-8"))

    def written(name, **values):
        (tmp_path / f"{name}.py").write_text(STEPS.format(**values))
        return build(str(tmp_path / f"{name}.py"), tmp_path / name)

    old, new = written("old_steps", step=1, count=25), written("new_steps", step=100, count=20)
    go = tmp_path / "go"
    with ministack.deployed(old, template_of(old)) as stack:
        running = ministack.start(stack.alias, {"path": str(go)})
        stack = ministack.deploy(stack.name, new, template_of(new))
        go.touch()
        assert ministack.ended(running).output == 25
        assert ministack.execute(stack.alias, {"path": str(go)}).output == 2000
