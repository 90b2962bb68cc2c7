"""Fixtures of the tests on real containers."""

import sys
import uuid
from pathlib import Path

import pytest

from dagy.loader import load_flow
from dagy_compiler import compile_flow
from dagy_compiler.bundle import FlowSource, write_bundle
from tests.containers.fargate import BASE_IMAGE, Fargate, docker

FLOWS = Path(__file__).with_name("container_flows.py")


@pytest.fixture(scope="session")
def fargate():
    """A ministack server with real containers; one for each process of the tests."""
    with Fargate() as server:
        yield server


@pytest.fixture
def build(monkeypatch, tmp_path):
    """Build a flow; return it, and the folder of its bundle."""
    monkeypatch.setattr(sys, "path", list(sys.path))

    def build(name, mode="micro"):
        loaded = load_flow(f"{FLOWS}:{name}")
        compiled = compile_flow(loaded.flow.build(), mode=mode)
        source = FlowSource(loaded.root, loaded.files[:1])
        return loaded.flow, write_bundle(compiled, source, tmp_path, python_version="3.11").path

    yield build
    sys.modules.pop("container_flows", None)


@pytest.fixture
def run(build, fargate):
    """Build a flow, deploy it, execute it; return how it ended."""

    def run(name, given=None, mode="micro", **options):
        _, bundle = build(name, mode)
        return fargate.run_on_containers(bundle, given or {}, **options)

    return run


@pytest.fixture
def image_of():
    """Build the Dockerfile of a folder, without a network; return the image's name."""
    made = []

    def image_of(folder):
        name = f"dagy-test-{uuid.uuid4().hex[:12]}"
        argument = f"BASE_IMAGE={BASE_IMAGE}"
        docker("build", "--network=none", "--tag", name, "--build-arg", argument, str(folder))
        made.append(name)
        return name

    yield image_of
    for name in reversed(made):
        docker("rmi", "--force", name)
