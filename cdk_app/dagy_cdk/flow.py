"""`DagyFlow`: a bundle as a construct."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3_assets as assets
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import cloudformation_include as include
from constructs import Construct

from dagy_compiler.bundle import read_bundle


class DagyFlow(Construct):
    """A flow on AWS: the very template of its bundle, with handles that CDK users expect.

    The template is included as it is, so `cdk deploy`, `aws cloudformation deploy` and this create
    the same resources under the same logical ids. The artifact is uploaded as an asset,
    and so are definitions that are too large for the template.

    Args:
        scope: the stack to put it in.
        id: its id there.
        bundle: the folder that `dagy build` wrote.
        parameters: values for further parameters of the template, by name, as `SubnetIds` where
            tasks run on Fargate; one that is left out is a parameter of the stack.

    Raises:
        BundleError: the folder is not a bundle, or is damaged.

    Examples:
        >>> flow = DagyFlow(stack, "Daily", bundle="dagy-build/daily")  # doctest: +SKIP
        >>> flow.grant_start_execution(role)  # doctest: +SKIP
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 # as the CDK calls it
        *,
        bundle: str | Path,
        parameters: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(scope, id)
        read = read_bundle(Path(bundle))
        path = read.path
        template = json.loads((path / "template.json").read_bytes())
        definitions = {
            f"{machine}Key": assets.Asset(self, f"{machine}Definition", path=str(path / file))
            for machine, file in read.manifest.get("state_machines", {}).items()
            if f"{machine}Key" in template["Parameters"]
        }
        artifact = assets.Asset(self, "Artifact", path=str(path / "artifact.zip"))
        self._included = include.CfnInclude(
            self,
            "Template",
            template_file=str(path / "template.json"),
            parameters={
                **(parameters or {}),
                "ArtifactBucket": artifact.s3_bucket_name,
                "ArtifactKey": artifact.s3_object_key,
                **{name: asset.s3_object_key for name, asset in definitions.items()},
            },
        )
        machine = self._included.get_resource("StateMachine")
        self._state_machine = sfn.StateMachine.from_state_machine_arn(
            self, "StateMachineHandle", machine.ref
        )
        self._workers = {
            name: lambda_.Function.from_function_arn(
                self,
                f"{name}Handle",
                self._included.get_resource(name).get_att("Arn").to_string(),
            )
            for name, resource in template["Resources"].items()
            if resource["Type"] == "AWS::Lambda::Function"
        }

    @property
    def state_machine(self) -> sfn.IStateMachine:
        """The state machine."""
        return self._state_machine

    @property
    def worker(self) -> lambda_.IFunction | None:
        """The Lambda function of the tasks that ask for nothing; None if there is no such task."""
        return self._workers.get("WorkerFunction")

    @property
    def workers(self) -> dict[str, lambda_.IFunction]:
        """Every Lambda function that runs tasks, by its logical id."""
        return dict(self._workers)

    @property
    def template(self) -> include.CfnInclude:
        """The included template, for overriding any property of any resource."""
        return self._included

    def grant_start_execution(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let somebody start executions of the flow.

        Args:
            grantee: a role, user, function or service.
        """
        return self._state_machine.grant_start_execution(grantee)
