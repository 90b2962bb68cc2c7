"""Which tool prepares a deployment: the CDK, or CloudFormation by itself."""

from __future__ import annotations

from dagy.aws import cdk
from dagy.aws.artifact_bucket import artifact_bucket
from dagy.aws.cloudformation import CloudFormation
from dagy.aws.deploy import Preparer
from dagy.aws.target import Target
from dagy.errors import DeployError, MissingExtraError
from dagy.options import nearest

CDK = "cdk"
CLOUDFORMATION = "cloudformation"
TOOLS = (CDK, CLOUDFORMATION)


def preparer_for(target: Target, tool: str | None) -> Preparer:
    """Return what prepares deployments to a target. Both tools make the same stack.

    Args:
        target: where to.
        tool: "cdk" or "cloudformation"; None for the CDK where it is installed and the target is
            bootstrapped.

    Raises:
        DeployError: there is no such tool.
        MissingExtraError: the CDK is asked for and not installed.
        AwsError: AWS refuses to tell whose the credentials are.
    """
    if tool not in {None, *TOOLS}:
        raise DeployError(
            f"--with {tool}: no such tool{nearest(str(tool), TOOLS)}; it is cdk or cloudformation"
        )
    if tool == CDK and not cdk.is_installed():
        raise MissingExtraError(
            '--with cdk needs the CDK and a Node; install them with: pip install "dagy[cdk]"'
        )
    if tool == CDK or (tool is None and cdk.is_installed() and cdk.is_bootstrapped(target)):
        return cdk.Cdk(target)
    return CloudFormation(target, artifact_bucket(target))
