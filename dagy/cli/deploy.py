"""`dagy deploy`."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import typer

from dagy.aws.changes import Change, ChangeSet
from dagy.aws.ship import Shipped, Shipping, ship
from dagy.aws.stack_events import StackEvent
from dagy.aws.target import Target
from dagy.building import BuildOptions, Built
from dagy.cli.build import warn_of_left_out
from dagy.cli.params import read_params, split_pairs
from dagy.cli.screen import err, out, print_json, say, say_error, say_progress, say_warning, table
from dagy.errors import DeployError
from dagy.loader import load_flow
from dagy.tags import tags_of


@dataclass(frozen=True)
class DeployRequest:
    """What was asked for on the command line, as it was given.

    Attributes:
        flow: `FILE.py[:FLOW]`.
        pairs: of `--param`.
        params_file: of `--params-file`.
        tags: of `--tags`, as `key=value`.
        parameters: of `--parameter`, as `NAME=VALUE`.
        dry_run: show the changes and make none.
        yes: make changes of permissions without asking.
        force: deploy although nothing seems to have changed.
        keep: old versions to keep.
        version: label of the version.
        output: where to keep the bundle.
        tool: what makes the changes.
        as_json: print JSON.
    """

    flow: str
    pairs: Sequence[str] = ()
    params_file: Path | None = None
    tags: Sequence[str] = ()
    parameters: Sequence[str] = ()
    dry_run: bool = False
    yes: bool = False
    force: bool = False
    keep: int = 5
    version: str | None = None
    output: Path | None = None
    tool: str | None = None
    as_json: bool = False


def deploy_flow(asked: DeployRequest, options: BuildOptions, target: Target | None) -> None:
    """Build a flow and deploy it; without a target, run it here."""
    started = time.monotonic()
    loaded = load_flow(asked.flow)
    bound = read_params(loaded.flow, asked.pairs, asked.params_file)
    if target is None:
        _run_here(asked)
        return
    shipping = Shipping(
        options=replace(options, bound=bound, told=say_progress),
        version=asked.version,
        parameters=dict(split_pairs("--parameter", asked.parameters, "NAME=VALUE")),
        tags=tags_of(asked.tags),
        force=asked.force,
        keep=asked.keep,
        output=asked.output,
        tool=asked.tool,
    )
    told = _Told(asked)
    try:
        shipped = ship(
            loaded, shipping, target, confirm=told.confirm, on_built=told.built, on_event=told.event
        )
    except KeyboardInterrupt:
        say_error(
            "interrupted; what CloudFormation has begun it finishes; the same command then "
            "goes on from there"
        )
        raise typer.Exit(130) from None
    told.ended(shipped, time.monotonic() - started)


def _run_here(asked: DeployRequest) -> None:
    """What the contract has where there is nowhere to deploy to."""
    from dagy.cli.run import choose_output, run_flow

    say_warning(
        "no AWS target is named, so the flow runs here; name one with --region or --profile, with "
        "AWS_REGION or AWS_PROFILE, or with `dagy config`"
    )
    output = choose_output(as_json=asked.as_json, json_lines=False, quiet=False, live=True)
    run_flow(asked.flow, asked.pairs, asked.params_file, 1, True, output)


class _Told:
    """Tells what happens, and asks; what is not the result goes to stderr where that is JSON."""

    def __init__(self, asked: DeployRequest) -> None:
        self._asked = asked
        self._console = err if asked.as_json else out
        self._stack = ""

    def built(self, built: Built) -> None:
        manifest = built.bundle.manifest
        self._stack = manifest["stack_name"]
        self._say(
            f"Built {manifest['flow']} version {manifest['flow_version']} "
            f"({manifest['execution_mode']}, code {manifest['code_hash'][:8]})"
        )
        if built.schedule is not None:
            from dagy.cli.schedule import meaning_lines

            for line in meaning_lines(built.schedule):
                self._say(line)
        warn_of_left_out(built)

    def confirm(self, changes: ChangeSet) -> bool:
        self._show(changes)
        if self._asked.dry_run:
            return False
        if self._asked.yes or not changes.permissions:
            return True
        if not sys.stdin.isatty():
            raise DeployError(
                f"stack {self._stack}: {_count(len(changes.permissions), 'change')} of permissions "
                "would be made; look at them, and say --yes"
            )
        return typer.confirm(
            f"{_count(len(changes.permissions), 'change')} of permissions. Deploy?",
            err=self._asked.as_json,
        )

    def event(self, event: StackEvent) -> None:
        reason = f"  {event.reason}" if event.reason else ""
        clock = event.at.astimezone().strftime("%H:%M:%S")
        self._say(f"  {clock}  {event.status:<28} {event.resource}{reason}")

    def ended(self, shipped: Shipped, seconds: float) -> None:
        result, outcome = shipped.result, shipped.outcome
        if self._asked.as_json:
            print_json(_as_json(shipped))
        elif outcome.refused:
            say("Nothing was changed.")
        elif outcome.skipped:
            say(
                f"Skipped: version {result.flow_version} of {result.flow_name} is deployed as it is"
            )
        else:
            say(
                f"Deployed {result.flow_name} version {result.flow_version} in {seconds:.1f} s: "
                f"{result.state_machine_arn}"
            )
            for each in shipped.pruned:
                say(f"  removed old {each}")
        if outcome.refused and not self._asked.dry_run:
            raise typer.Exit(1)

    def _show(self, changes: ChangeSet) -> None:
        made = "make" if changes.is_create else "change"
        self._say(f"To {made} stack {self._stack}:")
        shown = table("", "resource", "type", "what changes")
        for change in changes.changes:
            shown.add_row(
                _SIGNS.get(change.action, "?"), change.resource, change.type, _what(change)
            )
        self._console.print(shown)

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False)


_SIGNS = {"add": "+", "modify": "~", "remove": "-"}


def _what(change: Change) -> str:
    told = ", ".join(change.properties)
    if change.replaced != "no":
        certainly = "replaced" if change.replaced == "yes" else "perhaps replaced"
        return f"{told} ({certainly})" if told else certainly
    return told


def _as_json(shipped: Shipped) -> dict[str, Any]:
    result, changes = shipped.result, shipped.outcome.changes
    return {
        "flow_name": result.flow_name,
        "flow_version": result.flow_version,
        "deployment_name": result.deployment_name,
        "stack_name": result.stack_name,
        "state_machine_arn": result.state_machine_arn,
        "code_hash": shipped.built.bundle.manifest["code_hash"],
        "skipped": result.skipped,
        "deployed": not shipped.outcome.refused,
        "pruned": list(shipped.pruned),
        "changes": [
            {
                "action": change.action,
                "resource": change.resource,
                "type": change.type,
                "replaced": change.replaced,
                "properties": list(change.properties),
            }
            for change in (changes.changes if changes is not None else ())
        ],
    }


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
