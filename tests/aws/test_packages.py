"""A flow that declares a package: had for Lambda, deployed with it, and run by functions and containers.

The package has native code, and is nowhere in the emulator's own environment.
"""

import json
import platform

import pytest

from dagy.building import BuildOptions, build
from dagy.loader import load_flow

FLOW = """
# /// script
# dependencies = ["markupsafe>=3.0"]
# ///
from dagy import flow, task

@task
def escaped(text: str) -> list:
    import markupsafe
    from markupsafe import _speedups
    return [str(markupsafe.escape(text)), _speedups.__name__]

@flow
def numbers(text: str = "<n>"):
    return escaped(text)
"""
EXPECTED = ["&lt;n&gt;", "markupsafe._speedups"]


def test_a_function_has_the_packages_in_a_layer(project):
    project.write(FLOW)
    told = project.deployed()
    outcome = project.execute(told["state_machine_arn"])
    assert (outcome.status, outcome.output) == ("SUCCEEDED", EXPECTED)
    [function] = [
        each
        for each in project.server.listed("lambda", "list_functions", "Functions")
        if each["FunctionName"].startswith(project.stack_name)
    ]
    assert [layer["CodeSize"] > 1000 for layer in function["Layers"]] == [True]


def test_packages_that_have_not_changed_are_not_resolved_again_and_the_deployment_is_skipped(
    project,
):
    project.write(FLOW)
    project.deployed()
    again = project.deploy()
    assert "Skipped" in again.stdout
    assert "resolving" not in again.stderr


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGY_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "in_containers.py").write_text(FLOW)
    loaded = load_flow(str(tmp_path / "in_containers.py"))
    return build(loaded, BuildOptions(mode="small"), tmp_path / "out").bundle


def test_a_container_fetches_the_packages(bundle, ministack):
    assert json.loads((bundle.path / "manifest.json").read_text())["python_version"] == ".".join(
        platform.python_version_tuple()[:2]
    )
    outcome = ministack.run(bundle.path, {})
    assert (outcome.status, outcome.output) == ("SUCCEEDED", EXPECTED)
