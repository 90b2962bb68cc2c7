"""`dagy run --remote`, and `dagy runs resume` to and from AWS."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dagy.aws.earlier import EarlierRun, earlier_here, earlier_there, fetch_files, files_of
from dagy.aws.evidence import gather
from dagy.aws.executions import Execution
from dagy.aws.following import complete, ended, follow
from dagy.aws.remote_run import RemoteRun, remote_run
from dagy.aws.resuming import Resumed, resume_on_aws
from dagy.aws.start import start
from dagy.cli.params import read_given, read_params
from dagy.cli.place import Place
from dagy.cli.remote import print_circumstances
from dagy.cli.report import print_end
from dagy.cli.run import Output, watched, watching
from dagy.cli.screen import print_json, say, say_error
from dagy.errors import ResumeError
from dagy.history import Home, RecordedRun, RecordedTaskRun, RunHeader, results_of
from dagy.interpreter.frontier import NOT_TAKEN
from dagy.loader import load_flow
from dagy.local import Earlier, run_local
from dagy.run_context import LocalRunContext, TaskRunRecord, TaskRunRecords
from dagy.spec import FlowSpec
from dagy.state import StateType
from dagy.values.artifacts import ArtifactStore


@dataclass(frozen=True)
class Watching:
    """What is done once a run has been started.

    Attributes:
        wait: wait for its end.
        watch: show it while it goes on.
        output: how.
    """

    wait: bool = False
    watch: bool = False
    output: Output = Output.AUTO

    @property
    def is_json(self) -> bool:
        """Whether one object is printed at the end."""
        return self.output is Output.JSON


def run_remote(
    place: Place, target: str, pairs: Sequence[str], params_file: Path | None, watching: Watching
) -> None:
    """Start a run of a deployed flow; exit with 1 if it is waited for and does not succeed.

    Args:
        place: where.
        target: `FILE.py[:FLOW]`, or the name of the flow.
        pairs: of `--param`.
        params_file: of `--params-file`.
        watching: what is done then.
    """
    flow = place.flow(_name_of(target))
    execution = start(flow, read_given(flow.spec.parameters, pairs, params_file))
    if not watching.is_json and watching.output is not Output.JSON_LINES:
        version = f"version {flow.version}, " if flow.version else ""
        say(f"Started run {execution.run_id} of {flow.name} ({version}stack {flow.stack.name})")
    _go_on(execution, flow.spec, watching, {})


def _name_of(target: str) -> str:
    path = target.partition(":")[0]
    return load_flow(target).flow.name if path.endswith(".py") else target


def _go_on(
    execution: Execution, spec: FlowSpec, watch: Watching, more: Mapping[str, object]
) -> None:
    """Wait for a run, watch it, or say how to."""
    if not (watch.wait or watch.watch):
        if watch.is_json:
            print_json({**execution.to_dict(), **more})
        else:
            _say_how_to_follow(execution.run_id)
        return
    try:
        run = _watched(execution, spec, watch)
    except KeyboardInterrupt:
        run_id = execution.run_id
        say_error(f"run {run_id} goes on; to stop it: dagy runs cancel {run_id} --remote")
        sys.exit(130)
    if watch.is_json:
        print_json({**run.to_dict(), **more})
    elif watch.output is not Output.JSON_LINES:
        print_end(_context_of(run, spec))
        print_circumstances(run)
    if run.status != "SUCCEEDED":
        sys.exit(1)


def _watched(execution: Execution, spec: FlowSpec, watch: Watching) -> RemoteRun:
    if not watch.watch or watch.is_json:
        return remote_run(complete(ended(execution), spec))
    with watching(watch.output, sys.stdout) as watcher:
        watcher.begin(execution.run_id, spec)
        return follow(execution, spec, watcher)


def _say_how_to_follow(run_id: str) -> None:
    say(f"  dagy runs show {run_id} --remote")
    say(f"  dagy logs {run_id} --remote --follow")
    say(f"  dagy runs cancel {run_id} --remote")


def _context_of(run: RemoteRun, spec: FlowSpec) -> LocalRunContext:
    tasks = {each.id: each.task_name for each in spec.task_runs}
    records = [
        TaskRunRecord(
            id=each.task_run_id,
            task_name=tasks.get(each.task_run_id.partition("[")[0], ""),
            state=each.state,
            attempts=each.attempts,
            start=each.started_at,
            end=each.ended_at,
            error=each.error,
            message=each.message,
        )
        for each in run.task_runs
    ]
    return LocalRunContext(
        run_id=run.run_id,
        flow_name=run.flow_name,
        status=run.status,
        result=None if run.output is None else json.loads(run.output),
        task_runs=TaskRunRecords(records),
        error=run.error,
        failed_task=run.failed_task,
    )


@dataclass(frozen=True)
class ResumeRequest:
    """What `dagy runs resume` was asked for.

    Attributes:
        run: the run to go on from.
        from_aws: whether that is on AWS.
        flow: the name under which its flow is deployed, where it is told.
        file: where the flow is here.
        pairs: of `--param`.
        params_file: of `--params-file`.
        max_workers: of a run here.
        force: go on although something has changed.
    """

    run: str
    from_aws: bool
    flow: str | None
    file: str | None
    pairs: Sequence[str]
    params_file: Path | None
    max_workers: int | None
    force: bool


def resume_there(place: Place, asked: ResumeRequest, watch: Watching) -> None:
    """Go on from a run with one on AWS."""
    if asked.from_aws:
        execution = place.execution(asked.run, asked.flow)
        flow = execution.flow
        earlier = earlier_there(gather(execution, execution.spec()))
    else:
        home = Home.find()
        recorded = results_of(home, asked.run)
        flow = place.flow(asked.flow or recorded.header.flow_name)
        earlier = earlier_here(home, recorded)
    given = read_given(flow.spec.parameters, asked.pairs, asked.params_file)
    resumed = resume_on_aws(flow, earlier, given, force=asked.force)
    told = {
        "resumed_from": resumed.earlier,
        "reused": list(resumed.reused),
        "run_again": list(resumed.again),
    }
    if not watch.is_json:
        say(f"Started run {resumed.execution.run_id} of {flow.name} from run {resumed.earlier}")
        _say_what_is_reused(resumed)
    _go_on(resumed.execution, flow.spec, watch, told)


def _say_what_is_reused(resumed: Resumed) -> None:
    say(f"  reuses: {_listed(resumed.reused)}")
    say(f"  runs again: {_listed(resumed.again)}")


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return (", ".join(names[:_MOST]) or "nothing") + more


_MOST = 12


def resume_here(place: Place, asked: ResumeRequest, output: Output) -> None:
    """Go on here from a run on AWS; exit with 1 if the new run does not succeed."""
    execution = place.execution(asked.run, asked.flow)
    if asked.file is None:
        raise ResumeError(
            f"run {execution.run_id} is on AWS, which does not say in which file of yours its flow "
            f"{execution.flow.name!r} is; give it with --file FILE.py"
        )
    spec = execution.spec()
    earlier = earlier_there(gather(execution, spec))
    flow = load_flow(asked.file if ":" in asked.file else f"{asked.file}:{spec.name}").flow
    given = read_params(flow, asked.pairs, asked.params_file)
    with tempfile.TemporaryDirectory(prefix="dagy-resume-") as folder:
        recorded = _recorded(execution, earlier)
        fetch_files(earlier, files_of(recorded.results.values()), Path(folder))
        watched(
            output,
            lambda watcher: run_local(
                flow,
                given,
                max_workers=asked.max_workers or 1,
                resume=Earlier(recorded, ArtifactStore(Path(folder))),
                force_resume=asked.force,
                observer=watcher,
            ),
        )


def _recorded(execution: Execution, earlier: EarlierRun) -> RecordedRun:
    """Return a run on AWS as the local history would have recorded it."""
    header = RunHeader(
        run_id=earlier.run_id,
        flow_name=earlier.spec.name,
        flow_version=earlier.spec.version,
        parameters=earlier.parameters,
        started_at=execution.started_at.timestamp(),
        max_workers=1,
        fail_fast=True,
        dagy_version="",
    )
    texts = {name: earlier.text(name) for name in earlier.succeeded}
    succeeded = {
        name: RecordedTaskRun(StateType.SUCCEEDED, 1, text)
        for name, text in texts.items()
        if text is not None
    }
    skipped = {
        name: RecordedTaskRun(StateType.SKIPPED, 0, None, NOT_TAKEN) for name in earlier.not_taken
    }
    return RecordedRun(
        header, execution.status, earlier.spec.to_json(), succeeded | skipped, execution.output
    )
