"""Where on AWS a command looks: the options that say so, and what is found there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from dagy.cli.arguments import AwsProfile, ProfileName, Region
from dagy.cli.grouped import Command, grouped

if TYPE_CHECKING:
    from dagy.aws.deployed import DeployedFlow
    from dagy.aws.executions import Execution
    from dagy.aws.target import Target


@dataclass(frozen=True)
class Place:
    """Where on AWS, as it was given on a command line.

    Attributes:
        environment: that flows were deployed to.
        profile: of Dagy's.
        region: of AWS.
        aws_profile: of the AWS configuration files.
    """

    environment: str | None = None
    profile: str | None = None
    region: str | None = None
    aws_profile: str | None = None

    def find(self, *, bucket: str | None = None) -> Target | None:
        """Return it as a target; None if nothing names one.

        Args:
            bucket: for artifacts, if that is said.
        """
        from dagy.aws.target import find_target  # each command loads what it needs

        return find_target(
            profile=self.profile, region=self.region, aws_profile=self.aws_profile, bucket=bucket
        )

    def target(self, *, bucket: str | None = None) -> Target:
        """Return it as a target.

        Args:
            bucket: for artifacts, if that is said.

        Raises:
            RemoteError: nothing says which region or account is meant.
        """
        from dagy.aws.target import required_target

        return required_target(
            profile=self.profile, region=self.region, aws_profile=self.aws_profile, bucket=bucket
        )

    def flow(self, name: str) -> DeployedFlow:
        """Return the flow that is deployed under a name.

        Raises:
            DagyError: there is none, or AWS refuses.
        """
        from dagy.aws.deployed import find_deployed

        return find_deployed(self.target(), name, self.environment)

    def flows(self, name: str | None = None) -> list[DeployedFlow]:
        """Return the flow of a name, or all flows.

        Raises:
            DagyError: there is none of that name, or AWS refuses.
        """
        from dagy.aws.deployed import deployed_flows

        if name is not None:
            return [self.flow(name)]
        found = deployed_flows(self.target())
        ending = f"-{self.environment}"
        return [f for f in found if self.environment is None or f.stack.name.endswith(ending)]

    def execution(self, run: str, flow: str | None = None) -> Execution:
        """Return the execution that is meant.

        Raises:
            DagyError: there is none, there are several, or AWS refuses.
        """
        from dagy.aws.executions import find_execution

        return find_execution(self.flows(flow), run)


_ENVIRONMENT = {
    "environment": Annotated[
        str | None,
        typer.Option(
            "--environment", "-e", metavar="E", help="As staging: the same flow beside others."
        ),
    ]
}
_ACCOUNT = {"profile": ProfileName, "region": Region, "aws_profile": AwsProfile}


def with_place(*, environment: bool = True) -> Callable[[Command], Command]:
    """Give a command the options that say where on AWS; it gets a `Place` as `place`.

    Args:
        environment: whether one of several environments can be meant.
    """
    options = {**(_ENVIRONMENT if environment else {}), **_ACCOUNT}
    return lambda command: grouped(command, "place", options, lambda given: Place(**given))
