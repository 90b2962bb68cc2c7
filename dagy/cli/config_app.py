"""The commands of `dagy config` and their options. What each does is in `dagy.cli.config`."""

from __future__ import annotations

from typing import Annotated

import typer

from dagy.cli import complete
from dagy.cli.arguments import ArtifactBucket, AsJson, AwsProfile, ProfileName, Region, Yes

config = typer.Typer(
    help="Profiles: which account, which region, which API.",
    no_args_is_help=True,
    epilog="Example: dagy config init production --region eu-central-1",
)

Name = Annotated[
    str,
    typer.Argument(metavar="NAME", help="The profile.", autocompletion=complete.profiles),
]


@config.command("init", epilog="Example: dagy config init staging --region eu-west-1")
def init(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it.")] = "default",
    region: Region = None,
    aws_profile: AwsProfile = None,
    bucket: ArtifactBucket = None,
    execution_mode: Annotated[
        str | None,
        typer.Option("--execution-mode", "-m", metavar="MODE", help="Of flows deployed without."),
    ] = None,
    api_url: Annotated[
        str | None, typer.Option("--api-url", metavar="URL", help="Of the Dagy API.")
    ] = None,
    app_url: Annotated[
        str | None, typer.Option("--app-url", metavar="URL", help="Of Dagy's web pages.")
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option("--tag", metavar="K=V", help="Of everything deployed; may be repeated."),
    ] = None,
    yes: Yes = False,
) -> None:
    """Make a profile; ask on a terminal for what no option says."""
    from dagy.cli.config import make_profile  # each command loads what it needs

    given = {
        "region": region, "aws_profile": aws_profile, "bucket": bucket,
        "execution_mode": execution_mode, "api_url": api_url, "app_url": app_url,
    }  # fmt: skip
    make_profile(name, given, tag or [], yes=yes)


@config.command("list", epilog="Example: dagy config list")
def list_profiles(as_json: AsJson = False) -> None:
    """List the profiles."""
    from dagy.cli.config import show_list

    show_list(as_json=as_json)


@config.command("show", epilog="Example: dagy config show production --json")
def show(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="The profile; by default the one that holds.",
            autocompletion=complete.profiles,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what holds, and who says so: a variable, or a profile."""
    from dagy.cli.config import show_effective

    show_effective(name, as_json=as_json)


@config.command("set", epilog="Example: dagy config set region eu-central-1 --profile production")
def set_key(
    key: Annotated[str, typer.Argument(metavar="KEY", help="As region; `api_token` is asked for.")],
    value: Annotated[
        str | None,
        typer.Argument(metavar="VALUE", help="Tags are written team=data,cost=42."),
    ] = None,
    profile: ProfileName = None,
    unset: Annotated[bool, typer.Option("--unset", help="Say nothing of it any more.")] = False,
) -> None:
    """Change a profile, by default the one that holds."""
    from dagy.cli.config import change

    change(key, value, profile, unset=unset)


@config.command("use", epilog="Example: dagy config use production")
def use(name: Name) -> None:
    """Use a profile where none is named."""
    from dagy.cli.config import use_by_default

    use_by_default(name)


@config.command("delete", epilog="Example: dagy config delete staging --yes")
def delete(name: Name, yes: Yes = False) -> None:
    """Delete a profile with its token."""
    from dagy.cli.config import delete_profile

    delete_profile(name, yes=yes)


@config.command("path", epilog="Example: cat $(dagy config path)")
def path() -> None:
    """Print where the profiles are."""
    from dagy.cli.config import show_path

    show_path()
