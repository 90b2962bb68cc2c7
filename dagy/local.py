"""`run_local`: trace a flow, run it on the interpreter, record the run in the history."""

from __future__ import annotations

import inspect
import time
import uuid
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from dagy.annotations import annotations_of, is_secret
from dagy.code import code_of
from dagy.environment import LocalEnvironment
from dagy.errors import DefinitionError, ResumeError, TraceError
from dagy.history import Home, RecordedRun, Recording, RunHeader, results_of
from dagy.interpreter import Assignment, RunResult, Sink, TaskRun, Transition, execute
from dagy.logs import LogLine, RunLog, capture
from dagy.masking import MASK, mask_of, masked
from dagy.parameters import bind
from dagy.resume import recorded_of, reusable
from dagy.run_cache import RunCache
from dagy.run_context import LocalRunContext, TaskRunRecord, TaskRunRecords
from dagy.source import location_of
from dagy.spec import FlowSpec
from dagy.values import as_json
from dagy.values.artifacts import ArtifactStore, TemporaryStore
from dagy.version import __version__

if TYPE_CHECKING:
    from dagy.flow import Flow, TracedFlow
    from dagy.values.artifacts import Store


class Observer(Sink, Protocol):
    """Watches a run as it goes; a `Sink` that is also told what runs, and what the tasks say."""

    def begin(self, run_id: str, spec: FlowSpec) -> None:
        """The run is about to start."""
        ...

    def line(self, line: LogLine) -> None:
        """A task said something; called in that task's thread."""
        ...


def run_local(
    flow: Flow[..., Any],
    given: Mapping[str, Any],
    *,
    fail_fast: bool = True,
    max_workers: int = 1,
    cleanup_keep_last: int = 20,
    raise_on_failure: bool = False,
    resume: str | Earlier | None = None,
    force_resume: bool = False,
    observer: Observer | None = None,
) -> LocalRunContext:
    """Run a flow on this machine and record the run; see `Flow.run_local`.

    Args:
        flow: the flow.
        given: parameters by name.
        fail_fast: stop at the first task that fails for good.
        max_workers: attempts under way at once, at least 1.
        cleanup_keep_last: ended runs of this flow that the history keeps, at least 1.
        raise_on_failure: raise RunFailedError when the run does not succeed.
        resume: a run to go on from: its id, the beginning of one, `latest`, or the run itself
            where it is not in the history.
        force_resume: go on from it although code or graph have changed.
        observer: told of every transition besides the journal, and of what the tasks say.
    """
    _check_options(
        fail_fast=fail_fast, max_workers=max_workers, cleanup_keep_last=cleanup_keep_last
    )
    start = (
        _Start(trace(flow, given), given)
        if resume is None
        else _resumed(flow, given, _earlier(resume), force=force_resume)
    )
    spec = start.traced.spec
    parameters = bind(spec.name, spec.parameters, start.given, annotated=flow.annotated)
    environment = LocalEnvironment(spec.tasks.values())
    run_id = uuid.uuid4().hex[:12]
    header = RunHeader(
        run_id=run_id,
        flow_name=spec.name,
        flow_version=spec.version,
        parameters=masked(spec.parameters, parameters),
        started_at=time.time(),
        max_workers=max_workers,
        fail_fast=fail_fast,
        dagy_version=__version__,
        resumed_from=start.earlier_id,
        source_file=_file_of(flow),
        keep_last=cleanup_keep_last,
    )
    recording = Recording(header, spec.to_json())
    home, store = recording.home, _store_of(recording, run_id, pickles=spec.has_pickles)
    log = RunLog(
        recording.log,
        mask=mask_of(spec.parameters, parameters, environment.secrets) or None,
        listener=None if observer is None else observer.line,
    )
    try:
        if observer is not None:
            observer.begin(run_id, spec)
        with environment, capture(log):
            result = execute(
                spec,
                lambda name: code_of(start.traced.tasks[name]),
                parameters,
                flow_code=code_of(flow),
                sink=_All(recording, log) if observer is None else _All(recording, log, observer),
                max_workers=max_workers,
                fail_fast=fail_fast,
                assignment=_adopted(start, store),
                cache=None if home is None else RunCache(home, store),
                store=store,
                secrets=environment.secrets,
            )
    finally:
        # Also after Ctrl-C: what has happened is history.
        if log.error is not None:
            warnings.warn(f"the log of this run is incomplete: {log.error}", stacklevel=3)
        recording.finish()
    run = context_of(run_id, spec, result, store)
    return run.raise_on_failure() if raise_on_failure else run


def _store_of(recording: Recording, run_id: str, *, pickles: bool) -> ArtifactStore:
    """Return what takes the artifacts of a run: as long as its history is kept, if that is."""
    if recording.home is None:
        return TemporaryStore(pickles=pickles)
    return ArtifactStore(recording.home.artifacts(run_id), pickles=pickles)


class Earlier(NamedTuple):
    """A run to go on from.

    Attributes:
        run: what became of it.
        artifacts: has those of its results.
    """

    run: RecordedRun
    artifacts: ArtifactStore


def _earlier(resume: str | Earlier) -> Earlier:
    if isinstance(resume, Earlier):
        return resume
    home = Home.find()
    run = results_of(home, resume)
    return Earlier(run, ArtifactStore(home.artifacts(run.run_id)))


class _Start(NamedTuple):
    """What a run begins with."""

    traced: TracedFlow
    given: Mapping[str, Any]
    assignment: Assignment = Assignment()
    resumed_from: Earlier | None = None

    @property
    def earlier_id(self) -> str | None:
        """The id of the run that it goes on from."""
        return None if self.resumed_from is None else self.resumed_from.run.run_id


def _resumed(
    flow: Flow[..., Any], given: Mapping[str, Any], earlier: Earlier, *, force: bool
) -> _Start:
    """Begin with the results of a recorded run, and with its parameters where none are given."""
    run = earlier.run
    if run.header.flow_name != flow.name:
        raise ResumeError(
            f"run {run.run_id} is of flow {run.header.flow_name!r}, not {flow.name!r}"
        )
    recorded = recorded_of(run, _whole(earlier))
    parameters = {**recorded.parameters, **given}
    traced = trace(flow, parameters)
    secret = {entry["name"] for entry in recorded.spec.parameters if entry.get("secret")}
    compared = {n: as_json(value) for n, value in parameters.items() if n not in secret}
    results = reusable(recorded, traced.spec, compared, force=force)
    assignment = Assignment(results=results, reason=f"from run {run.run_id}")
    return _Start(traced, parameters, assignment, earlier)


def _whole(earlier: Earlier) -> dict[str, str]:
    """Return the results of a run whose artifacts are there, and say which are not."""
    run, store = earlier
    lost = [name for name, text in run.results.items() if not store.has_all(text)]
    if lost:
        warnings.warn(
            f"artifacts of run {run.run_id} are gone, so this runs again, with all that depends on "
            f"it: {', '.join(lost)}",
            stacklevel=5,
        )
    return {name: text for name, text in run.results.items() if name not in lost}


def _adopted(start: _Start, store: ArtifactStore) -> Assignment:
    """Return what a run begins with, once it has the artifacts of the run it goes on from."""
    if start.resumed_from is not None:
        for text in start.assignment.results.values():
            store.adopt(text, start.resumed_from.artifacts)
    return start.assignment


def _file_of(flow: Flow[..., Any]) -> str | None:
    """Where a resume finds the flow again."""
    location = location_of(flow.fn)
    return None if location is None or location.file.startswith("<") else location.file


class _All:
    """Several sinks as one, the journal first: what a person sees has been recorded."""

    def __init__(self, *sinks: Sink) -> None:
        self._sinks = sinks

    def emit(self, transition: Transition) -> None:
        for sink in self._sinks:
            sink.emit(transition)


def _check_options(*, fail_fast: Any, max_workers: Any, cleanup_keep_last: Any) -> None:
    for name, value in (("max_workers", max_workers), ("cleanup_keep_last", cleanup_keep_last)):
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise DefinitionError(
                f"run_local: {name} must be an integer of at least 1, not {value!r}"
            )
    if not isinstance(fail_fast, bool):
        raise DefinitionError(f"run_local: fail_fast must be True or False, not {fail_fast!r}")


def trace(flow: Flow[..., Any], given: Mapping[str, Any]) -> TracedFlow:
    """Trace with symbolic parameters, as the cloud will have them; bind those that shape the graph.

    A flow such as `for day in range(days)` has no graph until `days` is known. Here it is known, so
    the run goes on with it bound, and says that a build will need it too.
    """
    bound: dict[str, Any] = {}
    while True:
        try:
            return flow.trace(bound)
        except TraceError as error:
            name = error.parameter
            if name is None or name in bound:
                raise
            default = flow.signature.parameters[name].default
            if name not in given and default is inspect.Parameter.empty:
                raise
            bound[name] = given.get(name, default)
            secret = is_secret(annotations_of(flow.fn).get(name))
            shown = MASK if secret else repr(bound[name])
            where = str(error).splitlines()[1].strip()
            warnings.warn(
                f"flow {flow.name!r}: parameter {name!r} shapes the graph ({where}), so it was "
                f"bound to {shown} for this run; to build the flow, bind it too: "
                f"--param {name}=...",
                stacklevel=4,
            )


def context_of(run_id: str, spec: FlowSpec, result: RunResult, store: Store) -> LocalRunContext:
    """Return what the caller of a run gets."""
    return LocalRunContext(
        run_id=run_id,
        flow_name=spec.name,
        status=result.status.value,
        result=result.output,
        task_runs=TaskRunRecords([_record_of(run, store) for run in result.task_runs.values()]),
        error=result.error,
        failed_task=result.failed_task,
    )


def _record_of(run: TaskRun, store: Store) -> TaskRunRecord:
    return TaskRunRecord(
        id=run.id,
        task_name=run.spec.task_name,
        state=run.state.value,
        attempts=run.attempt,
        start=_time(run.started_at),
        end=_time(run.ended_at),
        text=run.output,
        store=store,
        error=run.error,
        message=run.message,
    )


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
