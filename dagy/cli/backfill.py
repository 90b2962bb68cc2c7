"""`dagy backfill`."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagy.backfill import Ended, Runner, Slot, run_all, slots_of
from dagy.backfill.local import LocalRunner
from dagy.backfill.work import SUCCEEDED
from dagy.cli.params import read_params
from dagy.cli.place import Place
from dagy.cli.screen import duration, err, print_json, say, say_error
from dagy.errors import ParameterError
from dagy.flow import Flow
from dagy.loader import load_flow
from dagy.local import trace
from dagy.masking import MASK
from dagy.parameters import bind


@dataclass(frozen=True)
class BackfillRequest:
    """What was asked for.

    Attributes:
        flow: `FILE.py[:FLOW]`.
        values: of `--for`.
        pairs: of `--param`.
        params_file: of `--params-file`.
        parallel: runs at once.
        max_workers: tasks of each run at once, on this machine.
        again: run also what has succeeded.
        fail_fast: begin no more after one has failed.
        dry_run: say what would be run.
        as_json: for scripts.
    """

    flow: str
    values: Sequence[str]
    pairs: Sequence[str]
    params_file: Path | None
    parallel: int
    max_workers: int
    again: bool
    fail_fast: bool
    dry_run: bool
    as_json: bool


@dataclass(frozen=True)
class Remote:
    """Where runs are made, if not here.

    Attributes:
        place: account, region and environment.
        name: what the flow is called there, if not by its own name.
    """

    place: Place
    name: str | None


def backfill(asked: BackfillRequest, remote: Remote | None) -> None:
    """Make the runs, and say how they end; exit with 1 if one did not succeed."""
    flow = load_flow(asked.flow).flow
    slots = _slots(flow, asked, remote=remote is not None)
    runner = (
        LocalRunner(asked.flow, asked.max_workers)
        if remote is None
        else _remote_runner(flow, remote)
    )
    if asked.dry_run:
        _show_plan(slots, runner, asked)
        return
    progress = _Progress(len(slots), quiet=asked.as_json)
    finished = run_all(
        slots,
        runner,
        parallel=asked.parallel,
        again=asked.again,
        fail_fast=asked.fail_fast,
        on_end=progress.ended,
    )
    _show_end(flow.name, slots, progress.ends, as_json=asked.as_json)
    if not finished:
        say_error("interrupted; the same command goes on from here")
        sys.exit(130)
    if any(ended.status != SUCCEEDED for ended in progress.ends) or len(progress.ends) < len(slots):
        sys.exit(1)


def _remote_runner(flow: Flow[..., Any], remote: Remote) -> Runner:
    from dagy.aws.backfill import RemoteRunner

    there = remote.place.flow(remote.name or flow.name)
    return RemoteRunner(there.target.client("stepfunctions"), there.stack)


def _slots(flow: Flow[..., Any], asked: BackfillRequest, *, remote: bool) -> list[Slot]:
    """Return the runs, whose parameters the flow takes: all are looked at before any is made."""

    def given(pairs: Sequence[str]) -> dict[str, Any]:
        return read_params(flow, [*asked.pairs, *pairs], asked.params_file)

    slots = slots_of(flow.name, asked.values, given)
    if not slots:
        raise ParameterError("there is nothing to run: --for stands for no value")
    spec = trace(flow, slots[0].given).spec
    names = {pair.partition("=")[0] for pair in asked.values}
    secret = next((each for each in spec.parameters if each.get("secret")), None)
    if secret is not None and secret["name"] in names:
        raise ParameterError(f"--for {secret['name']}={MASK}: a secret has one value, not many")
    for slot in slots:
        try:
            bind(spec.name, spec.parameters, slot.given, annotated=flow.annotated)
            if remote:
                from dagy.aws.start import check_parameters

                check_parameters(spec, slot.given)
        except ParameterError as error:
            raise ParameterError(f"{slot.label}: {error}") from error
    return slots


class _Progress:
    """Says how each run ends, on stderr."""

    def __init__(self, total: int, *, quiet: bool) -> None:
        self._total = total
        self._quiet = quiet
        self.ends: list[Ended] = []

    def ended(self, ended: Ended) -> None:
        self.ends.append(ended)
        if self._quiet:
            return
        how = "skipped, it succeeded before" if ended.skipped else ended.status
        took = "" if ended.skipped else f"  {duration(ended.seconds)}"
        run = "" if ended.run_id is None else f"  run {ended.run_id}"
        err.print(f"[{len(self.ends)}/{self._total}] {ended.slot.label}: {how}{took}{run}")


def _show_plan(slots: Sequence[Slot], runner: Runner, asked: BackfillRequest) -> None:
    plan = [(slot, None if asked.again else runner.earlier(slot)) for slot in slots]
    if asked.as_json:
        print_json(
            [
                {"label": slot.label, "skipped": earlier is not None, "run_id": earlier}
                for slot, earlier in plan
            ]
        )
        return
    for slot, earlier in plan:
        say(f"{slot.label}: {'would run' if earlier is None else f'succeeded in run {earlier}'}")
    left = sum(earlier is None for _, earlier in plan)
    say(f"{left} of {len(plan)} would run, {asked.parallel} at once.")


def _show_end(
    flow_name: str, slots: Sequence[Slot], ends: Sequence[Ended], *, as_json: bool
) -> None:
    counts = Counter("skipped" if each.skipped else each.status.lower() for each in ends)
    if len(ends) < len(slots):
        counts["not run"] = len(slots) - len(ends)
    if as_json:
        print_json({"flow": flow_name, "counts": dict(counts), "runs": [*map(_to_dict, ends)]})
        return
    for ended in ends:
        if ended.error is not None:
            say_error(f"{ended.slot.label}: {ended.error}")
    tally = ", ".join(f"{count} {what}" for what, count in counts.items())
    say(f"{flow_name}: {len(slots)} run{'s' * (len(slots) != 1)}: {tally}")


def _to_dict(ended: Ended) -> dict[str, Any]:
    return {
        "label": ended.slot.label,
        "status": ended.status,
        "skipped": ended.skipped,
        "run_id": ended.run_id,
        "error": ended.error,
        "seconds": round(ended.seconds, 3),
    }
