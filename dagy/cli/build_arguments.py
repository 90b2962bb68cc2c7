"""Arguments and options of the commands that trace and build a flow."""

from __future__ import annotations

from typing import Annotated

import typer

from dagy.cli import complete

Target = Annotated[
    str,
    typer.Argument(
        metavar="FILE.py[:FLOW]",
        help="The file, and which flow if it has several.",
        autocompletion=complete.flows,
    ),
]
_MODE = typer.Option(
    "--execution-mode",
    "-m",
    metavar="MODE",
    help="nano: the whole flow in one Lambda invocation; micro: an invocation per task; "
    "small, medium, large, xlarge: the whole flow on Fargate, without a time limit.",
)
Mode = Annotated[str, _MODE]
ModeOfProfile = Annotated[str | None, _MODE]
Fusing = Annotated[
    str | None,
    typer.Option(
        "--fuse",
        metavar="HOW",
        help="In micro, tasks that share an invocation. off: none, unless said otherwise; "
        "chains: plain chains; auto: plain chains of short tasks.",
    ),
]

Joining = Annotated[
    str | None,
    typer.Option(
        "--joins",
        metavar="HOW",
        help="How tasks wait. tree, unless said otherwise: in sequences and parallels, for more "
        "than they have to at times; auto: across branches too, where that costs much and "
        "durations are known.",
    ),
]
FromHistory = Annotated[
    bool,
    typer.Option(
        "--profile-from-history",
        help="Arrange the machine by how long the tasks took here, as recorded.",
    ),
]

Include = Annotated[
    list[str] | None,
    typer.Option(
        "--include", metavar="GLOB", help="Data files to ship, from the flow's folder; repeatable."
    ),
]

Exclude = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude", metavar="GLOB", help="Files not to ship, from the flow's folder; repeatable."
    ),
]

NoDeps = Annotated[
    bool, typer.Option("--no-deps", help="Ship none of the packages that the flow declares.")
]
RefreshDeps = Annotated[
    bool,
    typer.Option("--refresh-deps", help="Resolve packages anew, though they were before."),
]
