"""The one place where the version of Dagy is written, and that of the Python it runs on is read."""

import sys

__version__ = "0.1.0"


def python_minor() -> str:
    """Return the version of this Python as Lambda names its runtimes: `3.12`."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"
