"""The commands for flows that are deployed. What each does is in `dagy.cli.deployed`."""

from __future__ import annotations

from typing import Annotated

import typer

from dagy.cli.arguments import (
    ArtifactBucket,
    AsJson,
    AwsProfile,
    DeployedFlow,
    Environment,
    ProfileName,
    Region,
    Yes,
)

deployed = typer.Typer()
flows = typer.Typer(help="Look at the flows that are deployed.", no_args_is_help=True)
deployed.add_typer(flows, name="flows")


@flows.command("list", epilog="Example: dagy flows list --region eu-west-1 --json")
def flows_list(
    profile: ProfileName = None,
    region: Region = None,
    aws_profile: AwsProfile = None,
    as_json: AsJson = False,
) -> None:
    """List deployed flows: version, mode, and how many executions are running."""
    from dagy.aws.target import required_target
    from dagy.cli.deployed import list_flows

    list_flows(
        required_target(profile=profile, region=region, aws_profile=aws_profile), as_json=as_json
    )


@deployed.command(epilog="Example: dagy versions daily --environment staging")
def versions(
    flow: DeployedFlow,
    environment: Environment = None,
    profile: ProfileName = None,
    region: Region = None,
    aws_profile: AwsProfile = None,
    as_json: AsJson = False,
) -> None:
    """List the versions of a deployed flow; * marks the one that executions start from."""
    from dagy.aws.target import required_target
    from dagy.cli.deployed import list_versions

    target = required_target(profile=profile, region=region, aws_profile=aws_profile)
    list_versions(target, flow, environment, as_json=as_json)


@deployed.command(epilog="Example: dagy rollback daily 7")
def rollback(
    flow: DeployedFlow,
    version: Annotated[
        str | None,
        typer.Argument(
            metavar="[VERSION]",
            help="Its label, or the beginning of its code hash; by default the one before.",
        ),
    ] = None,
    environment: Environment = None,
    profile: ProfileName = None,
    region: Region = None,
    aws_profile: AwsProfile = None,
) -> None:
    """Let executions start from another version; what is running goes on as it began."""
    from dagy.aws.target import required_target
    from dagy.cli.deployed import roll_back

    roll_back(
        required_target(profile=profile, region=region, aws_profile=aws_profile),
        flow,
        version,
        environment,
    )


@deployed.command(epilog="Example: dagy destroy daily --environment staging --yes")
def destroy(
    flow: DeployedFlow,
    environment: Environment = None,
    profile: ProfileName = None,
    region: Region = None,
    aws_profile: AwsProfile = None,
    bucket: ArtifactBucket = None,
    keep_data: Annotated[
        bool, typer.Option("--keep-data", help="Leave the bucket of large values.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Take a flow off AWS, with all that was made for it."""
    from dagy.aws.target import required_target
    from dagy.cli.deployed import destroy_flow

    target = required_target(profile=profile, region=region, aws_profile=aws_profile, bucket=bucket)
    destroy_flow(target, flow, environment, keep_data=keep_data, yes=yes)
