"""Golden files: an input and what comes out of it, side by side, in a file that people read.

`pytest tests/compiler --update-goldens` writes them anew; review the diff.
"""

from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser):
    parser.addoption(
        "--update-goldens", action="store_true", help="write tests/compiler/golden anew"
    )


@pytest.fixture
def golden(request):
    """Compare a text with a golden file, or write it there."""

    def compare(name, text):
        path = GOLDEN / name
        if request.config.getoption("--update-goldens"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"{path} is not there; write it with --update-goldens"
        assert text == path.read_text(encoding="utf-8")

    return compare
