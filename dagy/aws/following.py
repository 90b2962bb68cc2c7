"""Following a run on AWS while it goes on: what is new, as the transitions a local run emits."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from dagy.aws.evidence import Evidence, gather
from dagy.aws.executions import Execution
from dagy.aws.pause import Pause
from dagy.aws.remote_run import RemoteRun, remote_run
from dagy.aws.worker_log import Record
from dagy.history import Attempt, TaskRunDetail
from dagy.interpreter import Sink, Transition
from dagy.spec import FlowSpec
from dagy.state import TERMINAL, StateType

_SHORTEST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 2.0
"""Seconds between two looks; CloudWatch Logs takes five requests a second of an account."""

_INGESTION: Final = 10.0
"""Seconds that the records of a run that is over are waited for, if some are missing."""


def follow(execution: Execution, spec: FlowSpec, sink: Sink) -> RemoteRun:
    """Tell of a run until it has ended.

    Args:
        execution: of it.
        spec: the flow that it runs.
        sink: told of each transition once, in the order of their times as far as they are known.

    Returns:
        The run, when it has ended.

    Raises:
        AwsError: AWS refuses.
    """
    told = _Told(sink)
    told.begin(execution)
    pause = Pause(_SHORTEST_PAUSE, _LONGEST_PAUSE)
    known: list[Record] = []
    while True:
        execution = execution.again()
        if execution.has_ended:
            break
        found = gather(execution, spec, history=False, known=known)
        known = found.records
        if told.tell(remote_run(found)):
            pause.restart()
        pause.wait()
    run = remote_run(complete(execution, spec))
    told.tell(run)
    told.end(run)
    return run


def ended(execution: Execution) -> Execution:
    """Wait for the end of an execution, and return it as it is then.

    Raises:
        AwsError: AWS refuses.
    """
    pause = Pause(_SHORTEST_PAUSE, _LONGEST_PAUSE)
    while not execution.has_ended:
        pause.wait()
        execution = execution.again()
    return execution


def complete(execution: Execution, spec: FlowSpec) -> Evidence:
    """Return what is known of a run that has just ended, once its last records have arrived.

    Raises:
        AwsError: AWS refuses.
    """
    deadline = time.monotonic() + _INGESTION
    while True:
        found = gather(execution, spec)
        if not _lacks_records(found) or time.monotonic() > deadline:
            return found
        time.sleep(_SHORTEST_PAUSE)


def _lacks_records(found: Evidence) -> bool:
    """Tell whether an attempt has been begun whose end should have been told."""
    if found.execution.status == "CANCELLED":
        return False
    last = {each.task_run_id: each.state for each in found.transitions}
    # What nobody reads is not in an answer; and a worker that was lost may have told of nothing.
    entered = found.entered if found.execution.status == "SUCCEEDED" else set()
    missing = {*found.outputs, *entered} - last.keys()
    return bool(missing) or StateType.RUNNING in last.values()


class _Told:
    """What a sink has been told of a run."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._tries: dict[str, list[Attempt]] = {}
        self._states: dict[str, str] = {}

    def begin(self, execution: Execution) -> None:
        """Tell that the run has begun."""
        self._sink.emit(Transition(execution.started_at.timestamp(), None, StateType.RUNNING, 1))

    def tell(self, run: RemoteRun) -> bool:
        """Tell what is new; return whether anything is."""
        fresh = [each for task_run in run.task_runs for each in self._news(task_run)]
        for transition in sorted(fresh, key=lambda each: each.at):
            self._sink.emit(transition)
        return bool(fresh)

    def end(self, run: RemoteRun) -> None:
        """Tell how the run has ended."""
        at = (run.ended_at or run.started_at).timestamp()
        state = StateType(run.status)
        self._sink.emit(Transition(at, None, state, 1, run.message, run.output, run.error))

    def _news(self, task_run: TaskRunDetail) -> Iterator[Transition]:
        name = task_run.task_run_id
        known = self._tries.get(name, [])
        for index, made in enumerate(task_run.tries):
            if index >= len(known):
                began = made.started_at.timestamp()
                yield Transition(began, name, StateType.RUNNING, made.number)
            was_open = index >= len(known) or known[index].ended_at is None
            if made is not task_run.tries[-1] and made.ended_at is not None and was_open:
                over = made.ended_at.timestamp()
                yield Transition(over, name, StateType.PENDING, made.number, "it failed")
        self._tries[name] = list(task_run.tries)
        if self._states.get(name) == task_run.state and len(known) == len(task_run.tries):
            return
        self._states[name] = task_run.state
        state = StateType(task_run.state)
        heard = task_run.ended_at or _last_heard(task_run)
        if state is StateType.RUNNING or (heard is None and state not in TERMINAL):
            return
        at = time.time() if heard is None else heard.timestamp()
        yield Transition(
            at, name, state, task_run.attempts, task_run.message, task_run.output, task_run.error
        )


def _last_heard(task_run: TaskRunDetail) -> datetime | None:
    return task_run.tries[-1].ended_at if task_run.tries else None
