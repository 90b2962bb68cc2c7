"""`--remote`: where on AWS a command looks, and the runs that it finds there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import typer

from dagy.aws.executions import list_remote
from dagy.aws.remote_run import Circumstances, RemoteRun
from dagy.cli.place import Place
from dagy.cli.runs import moment, print_list, print_run, status_of
from dagy.cli.screen import err, print_json, say


def show_remote_list(
    place: Place,
    flow_name: str | None,
    statuses: Sequence[str],
    since: str | None,
    limit: int,
    *,
    as_json: bool,
) -> None:
    """List the latest runs on AWS, newest first."""
    runs = list_remote(
        place.flows(flow_name),
        limit=limit,
        statuses=[status_of(each) for each in statuses],
        since=None if since is None else moment(since, datetime.now(UTC)),
    )
    print_list(
        runs,
        "stack",
        lambda run: run.flow.stack.name,
        nothing="No run fits; `dagy run FLOW --remote` makes one.",
        as_json=as_json,
    )


def show_remote_run(place: Place, run_id: str, flow_name: str | None, *, as_json: bool) -> None:
    """Show one run on AWS, as a local one is shown."""
    from dagy.aws.evidence import gather
    from dagy.aws.remote_run import remote_run

    execution = place.execution(run_id, flow_name)
    spec = execution.spec()
    run = remote_run(gather(execution, spec))
    if as_json:
        print_json(run.to_dict())
        return
    print_run(run, spec.to_json())
    print_circumstances(run)


def print_circumstances(run: RemoteRun) -> None:
    """Print what the task run that failed was given, and which code it ran."""
    if run.status != "FAILED" or run.failed_task is None:
        return
    known = run.circumstances.get(run.failed_task)
    version = f", state machine version {run.machine_version}" if run.machine_version else ""
    if known is None:
        err.print(f"it ran flow version {run.flow_version}{version}")
        return
    err.print(
        f"its arguments: {_sizes(known)}; it ran code {(known.code or '?')[:12]} of flow version "
        f"{run.flow_version}{version}"
    )


def _sizes(known: Circumstances) -> str:
    return ", ".join(f"{name} {size:,} bytes" for name, size in known.arguments.items()) or "none"


def cancel_run(place: Place, run_id: str, flow_name: str | None, *, as_json: bool) -> None:
    """Stop a run on AWS."""
    from dagy.aws.stopping import cancel

    stopped = cancel(place.execution(run_id, flow_name))
    if as_json:
        print_json(stopped.to_dict())
    else:
        say(f"Run {stopped.run_id} of {stopped.flow.name} is {stopped.status.lower()}.")


def redrive_run(place: Place, run_id: str, flow_name: str | None, *, yes: bool) -> None:
    """Let Step Functions go on with a run that failed."""
    from dagy.aws.resuming import redrive

    execution = place.execution(run_id, flow_name)
    if not yes and not typer.confirm(f"Redrive run {execution.run_id}?"):
        say("Nothing was done.")
        return
    told = redrive(execution)
    say(f"Run {execution.run_id} goes on; {told}.")
