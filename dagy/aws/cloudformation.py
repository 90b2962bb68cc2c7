"""Preparing a deployment with nothing but boto3: uploads, and a change set of the template.

The CDK makes the same stack from the same template; see `dagy_cdk`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from dagy.aws.artifact_bucket import ArtifactBucket
from dagy.aws.changes import (
    INLINE_TEMPLATE_BYTES,
    ChangeSet,
    StackRequest,
    create_change_set,
)
from dagy.aws.deploy import Deployment
from dagy.aws.stacks import Stack
from dagy.aws.target import Target
from dagy.errors import DeployError
from dagy_compiler.schedule_resources import STATE


@dataclass(frozen=True)
class CloudFormation:
    """Prepares deployments by itself.

    Attributes:
        target: where to.
        bucket: what is uploaded goes there; it is made if need be.
    """

    target: Target
    bucket: ArtifactBucket

    def prepare(self, deployment: Deployment, stack: Stack | None, *, again: bool) -> ChangeSet:
        """See `dagy.aws.deploy.Preparer`."""
        bundle = deployment.bundle
        template = (bundle.path / "template.json").read_bytes()
        self.bucket.make()
        parameters = {"ArtifactBucket": self.bucket.name, **deployment.parameters}
        for parameter, file in bundle.uploads.items():
            parameters[parameter] = self._upload(
                deployment.stack_name, file, (bundle.path / file).read_bytes(), again=again
            )
        known = json.loads(template)["Parameters"]
        if STATE in known and stack is not None and STATE in stack.parameters:
            parameters.setdefault(STATE, stack.parameters[STATE])  # what is paused stays so
        _check_parameters(deployment.stack_name, known, parameters)
        url = None
        if len(template) > INLINE_TEMPLATE_BYTES:
            key = self._upload(deployment.stack_name, "template.json", template, again=again)
            url = self.bucket.url(key)
        request = StackRequest(
            name=deployment.stack_name,
            template=template.decode(),
            template_url=url,
            parameters=parameters,
            tags=deployment.tags,
        )
        return create_change_set(self.target.client("cloudformation"), stack, request)

    def _upload(self, stack_name: str, file: str, content: bytes, *, again: bool) -> str:
        key = f"{stack_name}/{hashlib.sha256(content).hexdigest()}/{file}"
        self.bucket.upload(key, content, again=again)
        return key


def _check_parameters(
    stack_name: str, known: dict[str, dict[str, object]], given: dict[str, str]
) -> None:
    """Say which parameter has no value, before CloudFormation does in words of its own."""
    missing = [name for name, each in known.items() if "Default" not in each and name not in given]
    if missing:
        told = "\n".join(
            f"  {_OPTIONS.get(name, f'--parameter {name}=...')}: {known[name]['Description']}"
            for name in missing
        )
        raise DeployError(
            f"stack {stack_name} needs what nobody has given:\n{told}\n"
            "The settings in dagy.toml can name them for good."
        )


_OPTIONS = {"SubnetIds": "--subnet", "SecurityGroupIds": "--security-group"}
"""The options of settings that give a parameter its value."""
