"""The commands of `dagy schedule` and their options. What each does is in `dagy.cli.schedule`."""

from __future__ import annotations

from typing import Annotated

import typer

from dagy.cli.arguments import (
    AsJson,
    DeployedFlow,
)
from dagy.cli.place import Place, with_place

schedule = typer.Typer(
    help="When deployed flows start by themselves.",
    no_args_is_help=True,
    epilog='Example: dagy schedule explain "0 9 * * 1-5" --timezone Europe/Berlin',
)

Timezone = Annotated[
    str,
    typer.Option("--timezone", metavar="ZONE", help="Whose clocks it means, as Europe/Berlin."),
]


@schedule.command("explain", epilog='Example: dagy schedule explain "0 9 1 * mon"')
def explain(
    text: Annotated[
        str,
        typer.Argument(metavar="SCHEDULE", help="As '0 9 * * 1-5', @daily or rate(15 minutes)."),
    ],
    timezone: Timezone = "UTC",
    count: Annotated[
        int, typer.Option("--count", "-n", min=1, max=1000, help="How many of the next times.")
    ] = 3,
    as_json: AsJson = False,
) -> None:
    """Say what a schedule means, when it fires next, and what AWS is given."""
    from dagy.cli.schedule import explain_schedule  # each command loads what it needs

    explain_schedule(text, timezone, count, as_json=as_json)


@schedule.command("list", epilog="Example: dagy schedule list --profile production")
@with_place(environment=False)
def list_schedules(
    as_json: AsJson = False,
    *,
    place: Place,
) -> None:
    """List the deployed flows that start by themselves, and when they do next."""
    from dagy.cli.schedule import show_schedules

    show_schedules(place, as_json=as_json)


@schedule.command("pause", epilog="Example: dagy schedule pause daily")
@with_place()
def pause(
    flow: DeployedFlow,
    *,
    place: Place,
) -> None:
    """Stop a flow from starting by itself; it stays so when it is deployed again."""
    from dagy.cli.schedule import pause_or_resume

    pause_or_resume(place, flow, paused=True)


@schedule.command("resume", epilog="Example: dagy schedule resume daily")
@with_place()
def resume(
    flow: DeployedFlow,
    *,
    place: Place,
) -> None:
    """Let a flow start by itself again; what was missed is not made up for."""
    from dagy.cli.schedule import pause_or_resume

    pause_or_resume(place, flow, paused=False)
