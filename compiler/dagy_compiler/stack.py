"""What the resources of one stack have in common."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from dagy_compiler.cloudformation import (
    Json,
    StateMachineEncryption,
    StateMachineTracing,
    Statement,
    Tag,
    ref,
    sub,
)
from dagy_compiler.settings import Settings
from dagy_compiler.versions import Code

LOG: Final = "WorkerLogGroup"
DATA: Final = "DataBucket"


@dataclass(frozen=True)
class Stack:
    """A stack of a flow.

    Attributes:
        flow: the flow's name, as descriptions and tags take it.
        name: what the flow is called where it is deployed.
        code: what it runs.
        settings: what people decide about it.
        python_version: of its workers, as `3.12`.
        keeps_values: whether values may be too large to pass between its states.
        secrets_below: the flow's name as a path. Which secrets an execution names for parameters is
            not known before; they are to be kept below `dagy/FLOW/`.
        secret_readers: logical ids of the places that read such secrets.
    """

    flow: str
    name: str
    code: Code
    settings: Settings
    python_version: str
    keeps_values: bool
    secrets_below: str
    secret_readers: frozenset[str]

    @property
    def tags(self) -> list[Tag]:
        """The tags of every resource; by `dagy:stack` what outlives the stack is found again."""
        own = [
            Tag(key="dagy:flow", value=self.flow),
            Tag(key="dagy:stack", value=ref("AWS::StackName")),
        ]
        return own + [Tag(key=key, value=value) for key, value in self.settings.tags.items()]

    @property
    def machine_name(self) -> Json:
        """The name of the state machine: at most 80 characters (API reference), unlike a stack's.

        CloudFormation's own would be `StateMachine-` and something random for every flow. This one
        ends in what tells the stack from others of its name, earlier ones too.
        """
        name = re.sub("[^A-Za-z0-9_-]+", "-", self.name)[:60].strip("-") or "flow"
        uuid = {"Fn::Select": [2, {"Fn::Split": ["/", ref("AWS::StackId")]}]}
        first = {"Fn::Select": [0, {"Fn::Split": ["-", uuid]}]}
        return {"Fn::Join": ["-", [name, first]]}

    @property
    def bucket(self) -> Json | str:
        """The name of the bucket of large values."""
        return self.settings.data_bucket or ref(DATA)

    @property
    def bucket_variable(self) -> Json:
        """What a worker is told of it: its name, and in one of the user's the prefix of keys."""
        own = self.settings.data_bucket
        return sub(f"{own}/${{AWS::StackName}}") if own else ref(DATA)

    @property
    def keys(self) -> Json:
        """The ARN of what it holds of this stack."""
        own = self.settings.data_bucket
        if own:
            return sub(f"arn:${{AWS::Partition}}:s3:::{own}/${{AWS::StackName}}/*")
        return sub(f"${{{DATA}.Arn}}/*")

    @property
    def around_machines(self) -> dict[str, Any]:
        """The properties that the settings give to every state machine."""
        key = self.settings.kms_key
        return {
            "encryption_configuration": StateMachineEncryption(kms_key_id=key) if key else None,
            "tracing_configuration": StateMachineTracing() if self.settings.xray else None,
            "tags": self.tags,
        }

    def use_key(self) -> list[Statement]:
        """Return what it takes to read and write what is encrypted by the user's key."""
        key = self.settings.kms_key
        if key is None:
            return []
        return [Statement(action=["kms:Decrypt", "kms:GenerateDataKey"], resource=[key])]

    def trace(self) -> list[Statement]:
        """Return what it takes to be traced."""
        if not self.settings.xray:
            return []
        # Service authorization reference: these actions know no resources.
        return [
            Statement(
                action=[
                    "xray:GetSamplingRules",
                    "xray:GetSamplingTargets",
                    "xray:PutTelemetryRecords",
                    "xray:PutTraceSegments",
                ],
                resource=["*"],
            )
        ]
