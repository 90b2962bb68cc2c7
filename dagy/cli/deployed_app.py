"""The commands for flows that are deployed. What each does is in `dagy.cli.deployed`."""

from __future__ import annotations

from typing import Annotated

import typer

from dagy.cli.arguments import (
    ArtifactBucket,
    AsJson,
    DeployedFlow,
    Yes,
)
from dagy.cli.place import Place, with_place

deployed = typer.Typer()
flows = typer.Typer(help="Look at the flows that are deployed.", no_args_is_help=True)
deployed.add_typer(flows, name="flows")


@flows.command("list", epilog="Example: dagy flows list --region eu-west-1 --json")
@with_place(environment=False)
def flows_list(
    as_json: AsJson = False,
    *,
    place: Place,
) -> None:
    """List deployed flows: version, mode, and how many executions are running."""
    from dagy.cli.deployed import list_flows

    list_flows(place, as_json=as_json)


@deployed.command(epilog="Example: dagy versions daily --environment staging")
@with_place()
def versions(
    flow: DeployedFlow,
    as_json: AsJson = False,
    *,
    place: Place,
) -> None:
    """List the versions of a deployed flow; * marks the one that executions start from."""
    from dagy.cli.deployed import list_versions

    list_versions(place, flow, as_json=as_json)


@deployed.command(epilog="Example: dagy rollback daily 7")
@with_place()
def rollback(
    flow: DeployedFlow,
    version: Annotated[
        str | None,
        typer.Argument(
            metavar="[VERSION]",
            help="Its label, or the beginning of its code hash; by default the one before.",
        ),
    ] = None,
    *,
    place: Place,
) -> None:
    """Let executions start from another version; what is running goes on as it began."""
    from dagy.cli.deployed import roll_back

    roll_back(place, flow, version)


@deployed.command(epilog="Example: dagy destroy daily --environment staging --yes")
@with_place()
def destroy(
    flow: DeployedFlow,
    bucket: ArtifactBucket = None,
    keep_data: Annotated[
        bool, typer.Option("--keep-data", help="Leave the bucket of large values.")
    ] = False,
    yes: Yes = False,
    *,
    place: Place,
) -> None:
    """Take a flow off AWS, with all that was made for it."""
    from dagy.cli.deployed import destroy_flow

    destroy_flow(place, flow, bucket, keep_data=keep_data, yes=yes)
