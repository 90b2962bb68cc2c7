"""`run_local`: trace a flow, run it on the interpreter, record the run in the history."""

from __future__ import annotations

import time
import uuid
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dagy.annotations import annotations_of, is_secret
from dagy.code import code_of
from dagy.errors import DefinitionError, HistoryError, TraceError
from dagy.history import Home, Journal, RunHeader, cleanup, fold_pending
from dagy.interpreter import RunResult, Sink, TaskRun, Transition, execute
from dagy.masking import MASK, masked
from dagy.parameters import bind
from dagy.run_context import LocalRunContext, TaskRunRecord, TaskRunRecords
from dagy.spec import FlowSpec
from dagy.values.artifacts import ArtifactStore
from dagy.version import __version__

if TYPE_CHECKING:
    from dagy.flow import Flow, TracedFlow
    from dagy.values.artifacts import Store


def run_local(
    flow: Flow[..., Any],
    given: Mapping[str, Any],
    *,
    fail_fast: bool = True,
    max_workers: int = 1,
    cleanup_keep_last: int = 20,
    raise_on_failure: bool = False,
    observer: Sink | None = None,
) -> LocalRunContext:
    """Run a flow on this machine and record the run; see `Flow.run_local`.

    Args:
        flow: the flow.
        given: parameters by name.
        fail_fast: stop at the first task that fails for good.
        max_workers: attempts under way at once, at least 1.
        cleanup_keep_last: ended runs of this flow that the history keeps, at least 1.
        raise_on_failure: raise RunFailedError when the run does not succeed.
        observer: told of every transition besides the journal.
    """
    _check_options(
        fail_fast=fail_fast, max_workers=max_workers, cleanup_keep_last=cleanup_keep_last
    )
    traced = trace(flow, given)
    spec = traced.spec
    parameters = bind(spec.name, spec.parameters, given, annotated=flow.annotated)
    home = Home.find()
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
    )
    store = ArtifactStore(home.artifacts(run_id))
    journal = Journal.create(home, header)
    try:
        home.save_flow(run_id, spec.to_json())
        result = execute(
            spec,
            lambda name: code_of(traced.tasks[name]),
            parameters,
            flow_code=code_of(flow),
            sink=journal if observer is None else _Both(journal, observer),
            max_workers=max_workers,
            fail_fast=fail_fast,
            store=store,
        )
    finally:
        # Also after Ctrl-C: what has happened is history.
        journal.close()
        _record(home, header, journal, cleanup_keep_last)
    run = context_of(run_id, spec, result, store)
    return run.raise_on_failure() if raise_on_failure else run


class _Both:
    """Two sinks as one, the journal first: what a person sees has been recorded."""

    def __init__(self, journal: Sink, observer: Sink) -> None:
        self._sinks = (journal, observer)

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
            if name is None or name in bound or name not in given:
                raise
            bound[name] = given[name]
            secret = is_secret(annotations_of(flow.fn).get(name))
            shown = MASK if secret else repr(given[name])
            where = str(error).splitlines()[1].strip()
            warnings.warn(
                f"flow {flow.name!r}: parameter {name!r} shapes the graph ({where}), so it was "
                f"bound to {shown} for this run; to build the flow, bind it too: "
                f"--param {name}=...",
                stacklevel=4,
            )


def _record(home: Home, run: RunHeader, journal: Journal, keep_last: int) -> None:
    """Fold the run into DuckDB; a history that cannot be written never costs the run its result."""
    if journal.error is not None:
        warnings.warn(f"the journal of this run is incomplete: {journal.error}", stacklevel=4)
    try:
        fold_pending(home)
        cleanup(home, run.flow_name, keep_last=keep_last, exclude=run.run_id)
    except HistoryError as error:
        warnings.warn(str(error), stacklevel=4)


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
