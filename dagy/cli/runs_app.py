"""The commands of `dagy runs` and their options. What each does is in the module of its name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dagy.cli import complete
from dagy.cli.arguments import (
    AsJson,
    Params,
    ParamsFile,
    Remote,
    RunId,
    Yes,
)
from dagy.cli.place import Place, with_place
from dagy.errors import RemoteError

runs = typer.Typer(
    help="The local history of runs; with --remote, runs on AWS.",
    no_args_is_help=True,
    epilog="Example: dagy runs list --limit 5",
)

OfFlow = Annotated[str | None, typer.Option("--flow", metavar="NAME", help="Runs of this flow.")]


@runs.command("list", epilog="Example: dagy runs list --flow daily --status failed --since 2d")
@with_place()
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
    remote: Remote = False,
    *,
    place: Place,
) -> None:
    """List recent runs."""
    if remote:
        from dagy.cli.remote import show_remote_list

        show_remote_list(place, flow, status or [], since, limit, as_json=as_json)
        return
    from dagy.cli.runs import show_list  # each command loads what it needs

    show_list(flow, status or [], since, limit, as_json=as_json)


@runs.command("show", epilog="Example: dagy runs show latest")
@with_place()
def show(
    run: RunId,
    as_json: AsJson = False,
    remote: Remote = False,
    flow: OfFlow = None,
    *,
    place: Place,
) -> None:
    """Show a run: a timeline drawn to scale, and each of its task runs."""
    if remote:
        from dagy.cli.remote import show_remote_run

        show_remote_run(place, run, flow, as_json=as_json)
        return
    from dagy.cli.runs import show_run

    show_run(run, as_json=as_json)


@runs.command("cancel", epilog="Example: dagy runs cancel 3f2a --remote")
@with_place()
def cancel(
    run: RunId,
    remote: Remote = False,
    flow: OfFlow = None,
    as_json: AsJson = False,
    *,
    place: Place,
) -> None:
    """Stop a run on AWS, with all that it has started."""
    from dagy.cli.remote import cancel_run

    if not remote:
        raise RemoteError(
            "a run here is stopped by Ctrl-C where it runs; to stop one on AWS, add --remote"
        )
    cancel_run(place, run, flow, as_json=as_json)


@runs.command("redrive", epilog="Example: dagy runs redrive 3f2a --remote --yes")
@with_place()
def redrive(
    run: RunId,
    remote: Remote = False,
    flow: OfFlow = None,
    yes: Yes = False,
    *,
    place: Place,
) -> None:
    """Let Step Functions go on with a failed run, with the code that it began with."""
    from dagy.cli.remote import redrive_run

    if not remote:
        raise RemoteError(
            "only runs on AWS are redriven (--remote); `dagy runs resume` goes on here"
        )
    redrive_run(place, run, flow, yes=yes)


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
@with_place()
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
    remote: Annotated[
        bool, typer.Option("--remote", help="The run is on AWS, and so is the new one.")
    ] = False,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="PLACE", help="Where the new run is to be: here or aws."),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="On AWS: wait for the end.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="On AWS: show the run until its end.")
    ] = False,
    flow: OfFlow = None,
    *,
    place: Place,
) -> None:
    """Run again what did not succeed in a run, with its results for the rest."""
    from dagy.cli.resume import resume_run
    from dagy.cli.run import choose_output

    output = choose_output(as_json=as_json, json_lines=json_lines, quiet=quiet, live=live)
    if to not in {None, "here", "aws"}:
        raise RemoteError(f"--to {to}: must be `here` or `aws`")
    if remote or to == "aws":
        from dagy.cli.remote_run import ResumeRequest, Watching, resume_here, resume_there

        asked = ResumeRequest(
            run_id, remote, flow, file, param or [], params_file, max_workers, force
        )
        if to == "here":
            resume_here(place, asked, output)
        else:
            resume_there(place, asked, Watching(wait, watch, output))
        return
    resume_run(run_id, file, param or [], params_file, max_workers, output, force=force)
