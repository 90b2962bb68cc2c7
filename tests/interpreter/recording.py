"""What the interpreter's tests run flows with: a sink, a cache, and a clock that leaps."""

import threading

from dagy.code import code_of
from dagy.interpreter import Assignment, Transition, execute
from dagy.parameters import bind


class Recorder:
    """A sink that keeps every transition."""

    def __init__(self):
        self.transitions: list[Transition] = []

    def emit(self, transition):
        self.transitions.append(transition)

    def of(self, task_run_id):
        """`STATE attempt` for each transition of one task run."""
        return [f"{t.state} {t.attempt}" for t in self.transitions if t.task_run_id == task_run_id]


class Shelf:
    """A cache in memory."""

    def __init__(self):
        self.entries = {}

    def get(self, key, now):
        text, expires_at = self.entries.get(key, (None, None))
        return None if expires_at is not None and expires_at <= now else text

    def put(self, key, text, expires_at):
        self.entries[key] = text, expires_at


class LeapingClock:
    """A clock that leaps to the next timer when nothing else happens, and notes how far."""

    def __init__(self):
        self.time = 1_000_000.0
        self.leaps = []

    def now(self):
        return self.time

    def wait(self, condition: threading.Condition, timeout, *, busy):
        if busy or timeout is None:
            condition.wait(timeout=30)
        else:
            self.leaps.append(timeout)
            self.time += timeout


def run(flow, *, clock=None, assignment=None, max_workers=1, fail_fast=True, **parameters):
    """Run a flow on the interpreter alone; return its result and the recorder."""
    traced = flow.trace({})
    recorder = Recorder()
    result = execute(
        traced.spec,
        lambda name: code_of(traced.tasks[name]),
        bind(flow.name, traced.spec.parameters, parameters),
        sink=recorder,
        flow_code=code_of(flow),
        clock=clock or LeapingClock(),
        max_workers=max_workers,
        fail_fast=fail_fast,
        assignment=assignment or Assignment(),
    )
    return result, recorder
