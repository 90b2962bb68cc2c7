"""Flows of functions and containers on an emulated AWS: the stack, the worker, the artifact, the token.

The containers are processes here; see `tests.engines.containers`.
"""

import json
import sys
from pathlib import Path

import pytest

from dagy.loader import load_flow
from dagy_compiler import compile_flow
from dagy_compiler.bundle import FlowSource, write_bundle
from tests.engines.sfnx import SfnxEngine

FLOWS = Path(__file__).parent / "flows" / "placed_flows.py"


@pytest.fixture
def build(monkeypatch, tmp_path):
    """Build a flow; return it, and the folder of its bundle."""
    monkeypatch.setattr(sys, "path", list(sys.path))

    def build(name, mode="micro"):
        loaded = load_flow(f"{FLOWS}:{name}")
        compiled = compile_flow(loaded.flow.build(), mode=mode)
        source = FlowSource(loaded.root, loaded.files[:1])
        return loaded.flow, write_bundle(compiled, source, tmp_path, python_version="3.12").path

    yield build
    sys.modules.pop("placed_flows", None)


@pytest.fixture
def run(build, ministack):
    """Build a flow, deploy it, and execute it."""

    def run(name, given, mode="micro"):
        flow, bundle = build(name, mode)
        return flow, ministack.run(bundle, given)

    return run


@pytest.mark.parametrize("mode", ["nano", "micro", "small"])
def test_functions_and_containers_come_to_what_the_laptop_comes_to(run, home, mode):
    flow, remote = run("mixed", {"n": 5}, mode)
    assert (remote.status, remote.cause) == ("SUCCEEDED", None)
    assert remote.output == flow.run_local(n=5).raise_on_failure().result


def test_a_failure_in_a_container_has_its_own_name_and_message(run):
    _, remote = run("failing", {"n": 2})
    assert (remote.status, remote.error) == ("FAILED", "LookupError")
    assert remote.error_message == "no row [0, 1]"


def test_a_container_that_leaves_is_told_as_a_function_that_does(run):
    _, remote = run("dying", {})
    assert (remote.status, remote.error) == ("FAILED", "Runtime.ExitError")
    assert json.loads(remote.cause)["errorMessage"].endswith("exited with exit status 7")


@pytest.mark.parametrize("mode", ["micro", "small"])
def test_an_input_larger_than_the_overrides(run, mode):
    _, remote = run("large", {"text": "x" * 100_000}, mode)
    assert (remote.cause, remote.output) == (None, 100_000)


def test_attempts_are_counted_across_containers(run):
    _, remote = run("retried", {"n": 3})
    assert (remote.cause, remote.output) == (None, 3)


def test_each_item_of_a_map_has_a_container(run):
    _, remote = run("mapped", {"n": 3})
    assert (remote.cause, remote.output) == (None, [0, 1, 4])


def test_a_container_that_fails_or_is_lost_may_be_tolerated(run):
    _, remote = run("mapped_but_for_some", {"n": 4})
    assert (remote.cause, remote.output) == (None, [0, None, 2, None])


@pytest.mark.parametrize("items", [0, 40, 41])
def test_the_items_of_a_large_map_too(build, items):
    _, bundle = build("mapped")
    remote = SfnxEngine().run(bundle, {"n": items})
    assert (remote.cause, remote.output) == (None, [n * n for n in range(items)])
