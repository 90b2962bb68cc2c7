"""The commands of `dagy runs` and their options. What each does is in the module of its name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dagy.cli import complete
from dagy.cli.arguments import AsJson, Params, ParamsFile, RunId

runs = typer.Typer(
    help="The local history of runs.",
    no_args_is_help=True,
    epilog="Example: dagy runs list --limit 5",
)

OfFlow = Annotated[str | None, typer.Option("--flow", metavar="NAME", help="Runs of this flow.")]


@runs.command("list", epilog="Example: dagy runs list --flow daily --status failed --since 2d")
def list_runs(
    flow: OfFlow = None,
    status: Annotated[
        list[str] | None,
        typer.Option(
            "--status",
            metavar="S",
            help="E.g. failed or crashed; repeatable.",
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="WHEN", help="30m, 2h, 3d, 2026-01-31, 2026-01-31T06:00."),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, help="How many, newest first.")
    ] = 20,
    as_json: AsJson = False,
) -> None:
    """List recent runs."""
    from dagy.cli.runs import show_list  # each command loads what it needs

    show_list(flow, status or [], since, limit, as_json=as_json)


@runs.command("show", epilog="Example: dagy runs show latest")
def show(run: RunId, as_json: AsJson = False) -> None:
    """Show a run: a timeline drawn to scale, and each of its task runs."""
    from dagy.cli.runs import show_run

    show_run(run, as_json=as_json)


@runs.command("compare", epilog="Example: dagy runs compare 3f2a latest")
def compare(before: RunId, after: RunId, as_json: AsJson = False) -> None:
    """Compare two runs: what got slower or faster, what changed its state."""
    from dagy.cli.compare import show_comparison

    show_comparison(before, after, as_json=as_json)


@runs.command("delete", epilog="Example: dagy runs delete 3f2a 77c0 --yes")
def delete(
    run: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN_ID...",
            help="The runs; prefixes are enough, and so is `latest`.",
            autocompletion=complete.run_ids,
        ),
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete runs with all they left: rows, journals, logs, artifacts."""
    from dagy.cli.runs import delete as delete_them

    delete_them(run, yes=yes)


@runs.command("export", epilog="Example: dagy runs export history/ --flow daily")
def export(
    target: Annotated[
        Path,
        typer.Argument(
            metavar="FILE.parquet|DIR",
            help="One file with a row a task run, or a folder for a file a table.",
        ),
    ],
    flow: OfFlow = None,
) -> None:
    """Write the history as Parquet."""
    from dagy.cli.sql import export_to

    export_to(target, flow)


@runs.command("resume", epilog="Example: dagy runs resume latest --max-workers 4")
def resume(
    run_id: RunId,
    file: Annotated[
        str | None,
        typer.Option(
            "--file", metavar="FILE.py[:FLOW]", help="Where the flow is, if it has moved."
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Go on although code or graph have changed."),
    ] = False,
    param: Params = None,
    params_file: ParamsFile = None,
    max_workers: Annotated[
        int | None, typer.Option("--max-workers", "-w", min=1, help="As in that run by default.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object at the end, for scripts.")
    ] = False,
    json_lines: Annotated[
        bool, typer.Option("--json-lines", help="Print a JSON object for each transition.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only the end.")] = False,
    live: Annotated[
        bool, typer.Option("--live/--no-live", help="On a terminal, draw the run as it goes.")
    ] = True,
) -> None:
    """Run again what did not succeed in a run, with its results for the rest."""
    from dagy.cli.resume import resume_run
    from dagy.cli.run import choose_output

    output = choose_output(as_json=as_json, json_lines=json_lines, quiet=quiet, live=live)
    resume_run(run_id, file, param or [], params_file, max_workers, output, force=force)
