"""A flow as it is deployed: its stack, found by name, and the FlowSpec of each of its versions."""

from __future__ import annotations

import base64
import hashlib
import io
import urllib.request
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dagy.aws.refusals import code_of, explained
from dagy.aws.stacks import Stack, find_stack, flow_stacks, resources_of
from dagy.aws.target import Target
from dagy.errors import RemoteError
from dagy.options import nearest
from dagy.spec import FlowSpec
from dagy.worker.code import SPEC_FILE
from dagy_compiler.label import stack_name_of

_SHOWN = 8


@dataclass(frozen=True)
class DeployedFlow:
    """A flow of an account and region.

    Attributes:
        target: where it is.
        stack: its stack.
    """

    target: Target
    stack: Stack

    @property
    def name(self) -> str:
        """The flow's name."""
        return self.stack.outputs.get("FlowName", self.stack.name)

    @property
    def machine(self) -> str:
        """The ARN of its state machine."""
        return self.stack.outputs["StateMachineArn"]

    @property
    def start_arn(self) -> str:
        """What executions start from: the alias of the current version."""
        return self.stack.outputs.get("AliasArn", self.machine)

    @property
    def version(self) -> str:
        """The label of the version that is current."""
        return self.stack.outputs.get("FlowVersion", "")

    @property
    def bucket(self) -> str | None:
        """The bucket of values that are too large for a state, if it has one."""
        return self.stack.outputs.get("DataBucketName")

    @property
    def data_prefix(self) -> str:
        """What the keys of its values begin with: not nothing in a bucket of the user's."""
        return self.stack.outputs.get("DataPrefix", "")

    @property
    def log_group(self) -> str:
        """Where its workers log."""
        return self.stack.outputs["LogGroupName"]

    @cached_property
    def parts(self) -> list[str]:
        """The ARNs of the state machines that are nested in it."""
        return [
            resource.physical_id
            for resource in resources_of(self.target.client("cloudformation"), self.stack)
            if resource.type == "AWS::StepFunctions::StateMachine"
            and resource.physical_id != self.machine
        ]

    @cached_property
    def spec(self) -> FlowSpec:
        """The FlowSpec of the version that is current.

        Raises:
            AwsError: AWS refuses.
            RemoteError: what was deployed is gone.
        """
        return _spec_of(self._artifact())

    def spec_of(self, definition: Mapping[str, Any], description: str) -> FlowSpec:
        """Return the FlowSpec that an execution ran.

        Args:
            definition: of its state machine, as it was then.
            description: of the version of its state machine.

        Raises:
            AwsError: AWS refuses.
            RemoteError: neither a function nor the artifact of that version is there.
        """
        function = next(_functions(definition), None)
        if function is None or self.stack.outputs.get("CodeHash", "?") in description:
            return self.spec
        client = self.target.client("lambda")
        with explained(f"looking at {function}"):
            found = client.get_function(FunctionName=function)
        digest = base64.b64decode(found["Configuration"]["CodeSha256"]).hex()
        with urllib.request.urlopen(found["Code"]["Location"]) as answer:
            archive: bytes = answer.read()
        if hashlib.sha256(archive).hexdigest() != digest:
            raise RemoteError(f"the code of {function} is not to be had any more")
        return _spec_of(archive)

    def _artifact(self) -> bytes:
        bucket, _, key = self.stack.outputs["Artifact"].partition("/")
        with explained(f"reading s3://{bucket}/{key}"):
            try:
                s3 = self.target.client("s3")
                content: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            except Exception as error:
                if code_of(error) not in {"NoSuchKey", "NoSuchBucket"}:
                    raise
                raise RemoteError(
                    f"flow {self.name!r}: what was deployed is gone from the bucket, "
                    f"{bucket}/{key}; deploy it again with --force"
                ) from error
        return content


def find_deployed(target: Target, name: str, environment: str | None = None) -> DeployedFlow:
    """Return the flow that is deployed under a name.

    Args:
        target: where.
        name: of the flow, or what it is called there.
        environment: that it was deployed to.

    Raises:
        AwsError: AWS refuses to tell.
        RemoteError: there is none; the message lists those that are there.
    """
    cloudformation = target.client("cloudformation")
    stack = find_stack(cloudformation, stack_name_of(name, environment))
    if stack is not None and stack.is_flow:
        return DeployedFlow(target, stack)
    known = [DeployedFlow(target, each) for each in flow_stacks(cloudformation)]
    shown = ", ".join(f"{each.name} ({each.stack.name})" for each in known[:_SHOWN])
    where = f" in environment {environment!r}" if environment else ""
    near = nearest(name, [each.stack.deployment for each in known])
    raise RemoteError(
        f"flow {name!r} is not deployed{where}: there is no stack "
        f"{stack_name_of(name, environment)}{near}; there are: {shown or 'none'}. "
        "`dagy deploy` makes it"
    )


def deployed_flows(target: Target) -> list[DeployedFlow]:
    """Return every flow of an account and region.

    Raises:
        AwsError: AWS refuses to tell.
    """
    return [DeployedFlow(target, each) for each in flow_stacks(target.client("cloudformation"))]


def _spec_of(archive: bytes) -> FlowSpec:
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        return FlowSpec.from_json(file.read(SPEC_FILE))


def _functions(definition: Any) -> Any:
    """Yield the versions of functions that a definition names."""
    if isinstance(definition, dict):
        named = definition.get("FunctionName")
        if isinstance(named, str) and named.startswith("arn:"):
            yield named
        for value in definition.values():
            yield from _functions(value)
    elif isinstance(definition, list):
        for value in definition:
            yield from _functions(value)
