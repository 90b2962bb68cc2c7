"""What keeps an execution under way on the code, definition and permissions that it began with.

Every deployment of changed code publishes a version of each function, of each nested machine and of
the machine itself; definitions name versions, and an alias names the version that executions start
from. The alias comes last, so a deployment that fails leaves it where it was.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from dagy.packaging.vendor import Layer
from dagy_compiler.cloudformation import (
    Resource,
    Route,
    StateMachineAlias,
    StateMachineVersion,
    get_att,
    lasting,
    ref,
)

ALIAS: Final = "Alias"
"""The logical id of the alias."""

CURRENT: Final = "current"
"""The name of the alias."""


@dataclass(frozen=True)
class Code:
    """What tells the code of a stack from other code.

    Attributes:
        hash: SHA-256, in hex, of the flow and its source; equal on every machine.
        artifact_hash: SHA-256, in hex, of artifact.zip, by which Lambda knows code too.
        layers: packages from elsewhere, by architecture.
        function_layers: those of them that Lambda functions have.
    """

    hash: str
    artifact_hash: str
    layers: Mapping[str, Layer] = field(default_factory=dict)
    function_layers: Mapping[str, Layer] = field(default_factory=dict)

    @property
    def fetched(self) -> str:
        """The hashes of all that a container fetches."""
        return " ".join([self.artifact_hash, *(layer.sha256 for layer in self.layers.values())])

    @property
    def artifact_base64(self) -> str:
        """The SHA-256 of artifact.zip as Lambda tells it."""
        return base64.b64encode(bytes.fromhex(self.artifact_hash)).decode()


def version_id(machine: str) -> str:
    """Return the logical id of the version of a machine; that of no machine ends so."""
    return f"{machine}Version"


def machine_version(
    machine: str, description: str | None, depends_on: list[str]
) -> dict[str, Resource]:
    """Return the version of a machine, by its logical id.

    Args:
        machine: its logical id.
        description: may change only where the machine changes too: there is one version of each
            revision (API reference, "PublishStateMachineVersion", read 2026-11).
        depends_on: what has to be there before an execution begins.
    """
    version = StateMachineVersion(
        description=description,
        state_machine_arn=ref(machine),
        state_machine_revision_id=get_att(machine, "StateMachineRevisionId"),
    )
    made = lasting("AWS::StepFunctions::StateMachineVersion", version, depends_on=depends_on)
    return {version_id(machine): made}


def alias(machine: str) -> Resource:
    """Return the alias that executions of a machine start from."""
    return Resource(
        type="AWS::StepFunctions::StateMachineAlias",
        properties=StateMachineAlias(
            name=CURRENT,
            routing_configuration=[Route(state_machine_version_arn=ref(version_id(machine)))],
        ),
    )
