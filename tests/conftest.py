"""Fixtures that all tests share."""

import os

import pytest
from hypothesis import settings

from tests import commands

# A busy machine is no fault of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def config_dir(tmp_path, monkeypatch):
    """Profiles of the test's own: none, whatever the developer has."""
    path = tmp_path / "dagy-config"
    monkeypatch.setenv("DAGY_CONFIG_DIR", str(path))
    monkeypatch.delenv("DAGY_PROFILE", raising=False)
    return path


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A local history of the test's own."""
    path = tmp_path / "dagy-home"
    monkeypatch.setenv("DAGY_LOCAL_DIR", str(path))
    monkeypatch.setenv("DAGY_CACHE_DIR", str(tmp_path / "dagy-cache"))
    return path


@pytest.fixture
def dagy(tmp_path, home):
    """Run `dagy ...` without a terminal, in the test's own folder, to its end."""

    def run(*arguments, env=None, input=""):
        return commands.run(arguments, tmp_path, env or os.environ, 600, input)

    return run


@pytest.fixture(scope="session")
def ministack():
    """A ministack server; one for each process of the tests."""
    from tests.engines.ministack import Ministack

    with Ministack() as server:
        yield server


@pytest.fixture(params=["sfnx", "moto", "ministack"])
def engine(request):
    """Each of the three engines in turn."""
    if request.param == "sfnx":
        from tests.engines.sfnx import SfnxEngine

        return SfnxEngine()
    if request.param == "moto":
        from tests.engines.moto import MotoEngine

        return MotoEngine()
    return request.getfixturevalue("ministack")
