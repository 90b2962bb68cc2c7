"""Fixtures that all tests share."""

import pytest


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A local history of the test's own."""
    path = tmp_path / "dagy-home"
    monkeypatch.setenv("DAGY_LOCAL_DIR", str(path))
    return path
