"""Packaging a flow for deployment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dagy.errors import NotBuiltError

if TYPE_CHECKING:
    from pathlib import Path

    from dagy.client import DagyClient
    from dagy.flow import Flow


@dataclass(frozen=True)
class LocalArtifact:
    """A flow packaged on this machine.

    Attributes:
        path: the ZIP file.
        code_hash: SHA-256, in hex, of the canonical spec and the source code.
    """

    path: Path
    code_hash: str


def build_artifact(flow: Flow[..., Any]) -> LocalArtifact:
    """Package a flow and the code it needs into a ZIP file.

    Raises:
        NotBuiltError: always, for now; it names the command that does this meanwhile.
    """
    raise NotBuiltError(
        f"this version of Dagy cannot package flow {flow.name!r} from Python yet; "
        f"`dagy build FILE.py:{flow.name}` writes artifact.zip into the bundle"
    )


def deploy_artifact(artifact: LocalArtifact, client: DagyClient) -> None:
    """Upload a packaged flow and register it with the API.

    Raises:
        NotBuiltError: always, for now.
    """
    raise NotBuiltError(
        f"this version of Dagy cannot deploy {artifact.path} to {client.base_url} yet; deploy the "
        "template.json of `dagy build` with CloudFormation, or its app.py with the CDK"
    )
