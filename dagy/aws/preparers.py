"""Which tool prepares a deployment: the CDK, or CloudFormation by itself."""

from __future__ import annotations

from dataclasses import dataclass

from dagy.aws import cdk
from dagy.aws.artifact_bucket import artifact_bucket
from dagy.aws.changes import ChangeSet
from dagy.aws.cloudformation import CloudFormation
from dagy.aws.deploy import Deployment, Preparer
from dagy.aws.stacks import Stack
from dagy.aws.target import Target
from dagy.errors import DeployError, MissingExtraError
from dagy.options import nearest

CDK = "cdk"
CLOUDFORMATION = "cloudformation"
TOOLS = (CDK, CLOUDFORMATION)


@dataclass(frozen=True)
class Chosen:
    """Prepares deployments with one of the tools, which make the same stack.

    The choice is made when there is something to prepare: most deployments change nothing.

    Attributes:
        target: where to.
        tool: "cdk" or "cloudformation"; None for the CDK where it is installed and the target is
            bootstrapped.
    """

    target: Target
    tool: str | None = None

    def __post_init__(self) -> None:
        if self.tool not in {None, *TOOLS}:
            raise DeployError(
                f"--with {self.tool}: no such tool{nearest(str(self.tool), TOOLS)}; it is cdk or "
                "cloudformation"
            )
        if self.tool == CDK and not cdk.is_installed():
            raise MissingExtraError(
                '--with cdk needs the CDK and a Node; install them with: pip install "dagy[cdk]"'
            )

    def prepare(self, deployment: Deployment, stack: Stack | None, *, again: bool) -> ChangeSet:
        """See `dagy.aws.deploy.Preparer`."""
        return self._preparer().prepare(deployment, stack, again=again)

    def _preparer(self) -> Preparer:
        usable = self.tool is None and cdk.is_installed() and cdk.is_bootstrapped(self.target)
        if self.tool == CDK or usable:
            return cdk.Cdk(self.target)
        return CloudFormation(self.target, artifact_bucket(self.target))
