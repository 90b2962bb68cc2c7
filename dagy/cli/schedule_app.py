"""The commands of `dagy schedule` and their options. What each does is in `dagy.cli.schedule`."""

from __future__ import annotations

from typing import Annotated

import typer

from dagy.cli.arguments import AsJson

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
