"""`dagy runs resume`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dagy.cli.params import read_params
from dagy.cli.run import Output, watched
from dagy.errors import ResumeError
from dagy.history import Home, results_of
from dagy.loader import load_flow
from dagy.local import run_local


def resume_run(
    run_id: str,
    file: str | None,
    pairs: Sequence[str],
    params_file: Path | None,
    max_workers: int | None,
    output: Output,
    *,
    force: bool,
) -> None:
    """Run again what did not succeed in a run; exit with 1 if the new run does not succeed."""
    recorded = results_of(Home.find(), run_id)
    header = recorded.header
    target = file or header.source_file
    if target is None:
        raise ResumeError(
            f"run {header.run_id} does not say in which file its flow {header.flow_name!r} is; "
            "give it with --file FILE.py"
        )
    if ":" not in target:
        target = f"{target}:{header.flow_name}"

    flow = load_flow(target).flow
    given = read_params(flow, pairs, params_file)
    watched(
        output,
        lambda watcher: run_local(
            flow,
            given,
            max_workers=max_workers or header.max_workers,
            fail_fast=header.fail_fast,
            resume=header.run_id,
            force_resume=force,
            observer=watcher,
        ),
    )
