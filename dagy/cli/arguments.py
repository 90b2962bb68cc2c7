"""Arguments and options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dagy.cli import complete

RunId = Annotated[
    str,
    typer.Argument(
        metavar="RUN_ID",
        help="The run; a prefix is enough, and so is `latest`.",
        autocompletion=complete.run_ids,
    ),
]
Params = Annotated[
    list[str] | None,
    typer.Option("--param", "-p", metavar="K=V", help="A flow parameter; may be repeated."),
]
ParamsFile = Annotated[
    Path | None,
    typer.Option("--params-file", metavar="F", help="Flow parameters as a JSON object."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
ProfileName = Annotated[
    str | None,
    typer.Option(
        "--profile",
        metavar="P",
        help="A profile of `dagy config`.",
        autocompletion=complete.profiles,
    ),
]
Region = Annotated[
    str | None, typer.Option("--region", metavar="R", help="The AWS region, as eu-west-1.")
]
AwsProfile = Annotated[
    str | None,
    typer.Option("--aws-profile", metavar="P", help="A profile of the AWS configuration files."),
]
ArtifactBucket = Annotated[
    str | None,
    typer.Option(
        "--bucket", metavar="B", help="Of S3, for what is uploaded; by default one is made."
    ),
]
DeployedFlow = Annotated[
    str, typer.Argument(metavar="FLOW", help="What the flow is called where it is deployed.")
]
Remote = Annotated[bool, typer.Option("--remote", help="On AWS, where the flow is deployed.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
