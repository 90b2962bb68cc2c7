"""Whether the code beside the worker is the code that was deployed.

The stack says what it was made of, by the hash of the flow and its source, in an environment
variable. The artifact's `metadata.json` names the files that the hash is made of. A worker compares
before it imports any of them: an image of another version, or an artifact that was put in the place
of another, is refused instead of run.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping

from dagy.errors import BundleError

SPEC_FILE = "_dagy/flow.json"
"""Where the artifact keeps the FlowSpec, from the folder that holds the `dagy` package."""

METADATA_FILE = "metadata.json"
"""Where the artifact says what it is made of."""

EXPECTED = "DAGY_CODE_HASH"
"""The environment variable that holds the hash of what was deployed."""


def code_hash(spec_digest: str, source: Mapping[str, str]) -> str:
    """Return the SHA-256, in hex, of a flow and its source.

    Args:
        spec_digest: SHA-256, in hex, of the canonical spec.
        source: that of each file, by its name in the artifact.
    """
    content = json.dumps([spec_digest, dict(source)], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def check_code(root: str, expected: str) -> None:
    """Refuse code that is not what was deployed.

    Args:
        root: the folder of the unpacked artifact.
        expected: the hash of what was deployed.

    Raises:
        BundleError: it is something else; names the file, if it is one.
    """
    try:
        with open(os.path.join(root, METADATA_FILE), "rb") as file:
            metadata = json.load(file)
        named: dict[str, str] = metadata["source"]
        spec = _digest(root, SPEC_FILE)
        found = {name: _digest(root, name) for name in named}
    except (OSError, ValueError, KeyError) as error:
        raise BundleError(f"the code cannot be checked: {error}; {_REMEDY}") from error
    made = code_hash(spec, found)
    if made != expected:
        changed = next((name for name in named if named[name] != found[name]), None)
        what = f"{changed} has been changed" if changed else "the code is another than the stack's"
        raise BundleError(
            f"{what}: {expected[:12]} was deployed, and this is {made[:12]}; {_REMEDY}"
        )


_REMEDY = "deploy the flow again, and build its image again if it has one"


def _digest(root: str, name: str) -> str:
    with open(os.path.join(root, name), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
