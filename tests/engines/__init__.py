"""Three independent engines that run a bundle's state machine with the bundle's real worker.

`ministack` deploys the template through CloudFormation; `moto` and `sfnx` run the definition, each
Task answered by the handler of the artifact in a process of its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class Outcome:
    """How an execution ended."""

    status: str
    output: Any = None
    error: str | None = None
    cause: str | None = None

    @property
    def error_message(self) -> str | None:
        """The message of the exception that a Lambda function raised."""
        return None if self.cause is None else json.loads(self.cause)["errorMessage"]


class Engine(Protocol):
    """Runs bundles."""

    def run(self, bundle: Path, given: dict[str, Any]) -> Outcome:
        """Start an execution of a bundle with an input, and wait for its end."""
        ...
