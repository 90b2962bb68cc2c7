"""The commands of `dagy` and their options. What each does is in the module of its name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dagy.cli import complete
from dagy.cli.arguments import (
    ArtifactBucket,
    AsJson,
    Params,
    ParamsFile,
    Remote,
    RunId,
    Yes,
)
from dagy.cli.build_arguments import (
    Exclude,
    FromHistory,
    Fusing,
    Include,
    Joining,
    Mode,
    ModeOfProfile,
    NoDeps,
    RefreshDeps,
    Target,
)
from dagy.cli.config_app import config
from dagy.cli.deployed_app import deployed
from dagy.cli.place import Place, with_place
from dagy.cli.runs_app import OfFlow, runs
from dagy.cli.schedule_app import schedule
from dagy.cli.settings import Settings, with_settings
from dagy.errors import RemoteError
from dagy.version import __version__

app = typer.Typer(
    name="dagy",
    help="Write a data pipeline as Python functions; run it here, ship it to AWS Step Functions.",
    epilog="Example: dagy run flows/daily.py --param date=2026-01-31",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # help in plain text: Rich's would take a third of the time of `--help`
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(runs, name="runs")
app.add_typer(config, name="config")
app.add_typer(schedule, name="schedule")
app.add_typer(deployed)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dagy {__version__}")
        raise typer.Exit


@app.callback()
def dagy(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Write a data pipeline as Python functions; run it here, ship it to AWS Step Functions."""


@app.command(epilog="Example: dagy init my-project --ci")
def init(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", help="The project's folder, whose name becomes its own."),
    ] = None,
    ci: Annotated[
        bool,
        typer.Option(
            "--ci",
            help="A workflow of GitHub Actions, that tests and deploys; without DIR it goes into "
            "the project that you are in.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a project: a flow, its tests, and what deploys it."""
    from dagy.cli.init import init_project

    init_project(folder, ci=ci, as_json=as_json)


@app.command(epilog="Example: dagy run flows/daily.py --param date=2026-01-31 --max-workers 4")
@with_place()
def run(
    target: Target,
    param: Params = None,
    params_file: ParamsFile = None,
    max_workers: Annotated[
        int, typer.Option("--max-workers", "-w", min=1, help="Tasks that may run at once.")
    ] = 1,
    fail_fast: Annotated[
        bool,
        typer.Option(
            "--fail-fast/--no-fail-fast", help="Stop at the first task that fails for good."
        ),
    ] = True,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object at the end, for scripts.")
    ] = False,
    json_lines: Annotated[
        bool, typer.Option("--json-lines", help="Print a JSON object for each transition.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only the end.")] = False,
    live: Annotated[
        bool,
        typer.Option(
            "--live/--no-live",
            help="On a terminal, draw the run as it goes; --no-live prints a line for each "
            "transition.",
        ),
    ] = True,
    remote: Remote = False,
    wait: Annotated[bool, typer.Option("--wait", help="With --remote: wait for the end.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="With --remote: show the run until its end.")
    ] = False,
    *,
    place: Place,
) -> None:
    """Run a flow on this machine and record the run; with --remote, on AWS as it is deployed."""
    from dagy.cli.run import choose_output, run_flow  # each command loads what it needs

    output = choose_output(as_json=as_json, json_lines=json_lines, quiet=quiet, live=live)
    if remote:
        from dagy.cli.remote_run import Watching, run_remote

        run_remote(place, target, param or [], params_file, Watching(wait, watch, output))
        return
    if wait or watch or place.environment:
        raise RemoteError("--wait, --watch and --environment are of runs on AWS; add --remote")
    run_flow(target, param or [], params_file, max_workers, fail_fast, output)


@app.command(epilog="Example: dagy logs latest --task extract --follow")
@with_place()
def logs(
    run_id: RunId,
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            "-t",
            metavar="T",
            help="Only this task, or this task run.",
            autocompletion=complete.tasks,
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on as the run does, until it ends.")
    ] = False,
    tail: Annotated[
        int | None, typer.Option("--tail", "-n", min=0, metavar="N", help="Only the last N lines.")
    ] = None,
    as_json: AsJson = False,
    remote: Remote = False,
    flow: OfFlow = None,
    *,
    place: Place,
) -> None:
    """Show what the tasks of a run said."""
    if remote:
        from dagy.cli.remote_logs import show_remote_logs

        show_remote_logs(place, run_id, flow, task, following=follow, as_json=as_json, tail=tail)
        return
    from dagy.cli.logs import show_logs

    show_logs(run_id, task, following=follow, as_json=as_json, tail=tail)


@app.command(epilog="Example: dagy build flows/daily.py --execution-mode micro -o out")
@with_settings
def build(
    target: Target,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="DIR", help="Where to put the bundle's folder."),
    ] = Path("dagy-build"),
    execution_mode: Mode = "nano",
    fuse: Fusing = None,
    joins: Joining = None,
    param: Params = None,
    params_file: ParamsFile = None,
    include: Include = None,
    exclude: Exclude = None,
    no_deps: NoDeps = False,
    refresh_deps: RefreshDeps = False,
    flow_version: Annotated[
        str, typer.Option("--flow-version", metavar="V", help="Label of this version.")
    ] = "1",
    profile_from_history: FromHistory = False,
    list_files: Annotated[
        bool, typer.Option("--list", help="Show each file that is packed.")
    ] = False,
    as_json: AsJson = False,
    *,
    settings: Settings,
) -> None:
    """Compile a flow to a folder that CloudFormation and the CDK can deploy."""
    from dagy.building import BuildOptions
    from dagy.cli.build import build_flow

    options = BuildOptions(
        mode=execution_mode, fuse=fuse, joins=joins, version=flow_version,
        from_history=profile_from_history, include=include or (), exclude=exclude or (),
        settings=settings,
        dependencies=not no_deps, refresh=refresh_deps,
    )  # fmt: skip
    build_flow(
        target, options, output, param or [], params_file, listing=list_files, as_json=as_json
    )


@app.command(epilog="Example: dagy inspect flows/daily.py --execution-mode micro --after structure")
def inspect(
    target: Annotated[
        str, typer.Argument(metavar="FILE.py[:FLOW]|BUNDLE", help="A file, or a bundle's folder.")
    ],
    output_format: Annotated[
        str, typer.Option("--format", "-f", help="outline, asl, mermaid, dot, or json.")
    ] = "outline",
    part: Annotated[
        str | None,
        typer.Option(
            "--part",
            metavar="NAME",
            help="With --format asl: of a flow that is split, the machine of this name.",
        ),
    ] = None,
    after: Annotated[
        str | None,
        typer.Option("--after", metavar="PASS", help="Stop after this pass and show it."),
    ] = None,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Say what each state does and why, and what a run takes."),
    ] = False,
    as_json: AsJson = False,
    execution_mode: Mode = "nano",
    fuse: Fusing = None,
    joins: Joining = None,
    param: Params = None,
    params_file: ParamsFile = None,
    profile_from_history: FromHistory = False,
) -> None:
    """Show the state machine of a flow or of a bundle."""
    from dagy.cli.inspect import inspect_target

    inspect_target(
        target, output_format, part, after, execution_mode, param or [], params_file,
        explain=explain, as_json=as_json, fuse=fuse, joins=joins,
        from_history=profile_from_history,
    )  # fmt: skip


@app.command(epilog='Example: dagy sql "select status, count(*) from runs group by all"')
def sql(
    question: Annotated[
        str, typer.Argument(metavar="SELECT", help="One statement, in DuckDB's SQL.")
    ],
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """Ask the history: tables runs, task_runs and events, open to be read only."""
    from dagy.cli.sql import answer

    answer(question, as_json=as_json, as_csv=as_csv)


@app.command(epilog="Example: dagy deploy flows/daily.py --execution-mode micro --region eu-west-1")
@with_settings
@with_place()
def deploy(
    target: Target,
    bucket: ArtifactBucket = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--name", metavar="NAME", help="What to call it there; by default the flow's."
        ),
    ] = None,
    execution_mode: ModeOfProfile = None,
    default_executor: Annotated[
        str | None,
        typer.Option("--default-executor", metavar="E", help="Of tasks that name none."),
    ] = None,
    fuse: Fusing = None,
    joins: Joining = None,
    param: Params = None,
    params_file: ParamsFile = None,
    include: Include = None,
    exclude: Exclude = None,
    no_deps: NoDeps = False,
    refresh_deps: RefreshDeps = False,
    flow_version: Annotated[
        str | None,
        typer.Option(
            "--flow-version",
            metavar="V",
            help="Label of this version; by default the next number.",
        ),
    ] = None,
    profile_from_history: FromHistory = False,
    tags: Annotated[
        list[str] | None,
        typer.Option("--tags", metavar="K=V", help="A tag of everything; may be repeated."),
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "--parameter", metavar="K=V", help="A parameter of the stack; may be repeated."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")
    ] = False,
    yes: Yes = False,
    force: Annotated[
        bool, typer.Option("--force", help="Deploy although nothing seems to have changed.")
    ] = False,
    keep: Annotated[
        int,
        typer.Option(
            "--keep", metavar="N", min=1, help="Old versions to keep, besides any in use."
        ),
    ] = 5,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Keep the bundle in this folder."),
    ] = None,
    tool: Annotated[
        str | None,
        typer.Option(
            "--with",
            metavar="TOOL",
            help="cdk or cloudformation; by default the CDK where it is installed and the "
            "account is bootstrapped. Both make the same stack.",
        ),
    ] = None,
    as_json: AsJson = False,
    *,
    settings: Settings,
    place: Place,
) -> None:
    """Build a flow and put it on AWS."""
    from dagy.building import BuildOptions
    from dagy.cli.deploy import DeployRequest, deploy_flow
    from dagy.profiles import effective

    asked = DeployRequest(
        flow=target, pairs=param or [], params_file=params_file,
        tags=tags or [], parameters=parameter or [], dry_run=dry_run, yes=yes, force=force,
        keep=keep, version=flow_version, output=output, tool=tool, as_json=as_json,
    )  # fmt: skip
    options = BuildOptions(
        mode=execution_mode or effective(place.profile).values.execution_mode or "nano",
        fuse=fuse, joins=joins, default_executor=default_executor,
        from_history=profile_from_history, deployment=name, environment=place.environment,
        settings=settings,
        include=include or (), exclude=exclude or (),
        dependencies=not no_deps, refresh=refresh_deps,
    )  # fmt: skip
    deploy_flow(asked, options, place.find(bucket=bucket))


@app.command(epilog="Example: dagy backfill flows/daily.py --for day=2026-01-01..2026-01-31 -j 4")
@with_place()
def backfill(
    target: Target,
    values: Annotated[
        list[str],
        typer.Option(
            "--for",
            metavar="NAME=VALUES",
            help="A parameter and its values: 2026-01-01..2026-01-31, 1..10/2, a,b,c; repeatable.",
        ),
    ],
    parallel: Annotated[
        int, typer.Option("--parallel", "-j", min=1, max=100, help="Runs that may go on at once.")
    ] = 1,
    param: Params = None,
    params_file: ParamsFile = None,
    max_workers: Annotated[
        int, typer.Option("--max-workers", "-w", min=1, help="Tasks of each run at once, here.")
    ] = 1,
    again: Annotated[
        bool, typer.Option("--again", help="Run also what has succeeded before.")
    ] = False,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast/--no-fail-fast", help="Begin no more after a failure.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be run.")] = False,
    remote: Annotated[
        bool, typer.Option("--remote", help="On AWS, where the flow is deployed.")
    ] = False,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="What the flow is called there.")
    ] = None,
    as_json: AsJson = False,
    *,
    place: Place,
) -> None:
    """Run a flow for each of many values; what has succeeded is left, so it can be run again."""
    from dagy.cli.backfill import BackfillRequest, Remote
    from dagy.cli.backfill import backfill as run_for_each

    asked = BackfillRequest(
        flow=target, values=values, pairs=param or [], params_file=params_file,
        parallel=parallel, max_workers=max_workers, again=again, fail_fast=fail_fast,
        dry_run=dry_run, as_json=as_json,
    )  # fmt: skip
    run_for_each(asked, Remote(place, name) if remote else None)


@app.command(epilog="Example: dagy doctor --profile production")
@with_place(environment=False)
def doctor(
    bucket: ArtifactBucket = None,
    as_json: AsJson = False,
    *,
    place: Place,
) -> None:
    """Look at this machine and at the AWS account, and say what to do."""
    from dagy.cli.doctor import show_examination

    show_examination(place, bucket, as_json=as_json)
