"""The interpreter: runs a FlowSpec on a thread pool, on a laptop and inside a worker alike.

`execute` runs a flow; `events` is what it tells the world while it does; `clock` is how it sees
time; `body` makes one attempt of one task; `run` holds the state it keeps.
"""

from dagy.interpreter.clock import Clock, SystemClock
from dagy.interpreter.events import Failure, Sink, Transition
from dagy.interpreter.run import Assignment, RunResult, TaskRun
from dagy.interpreter.scheduler import execute

__all__ = [
    "Assignment",
    "Clock",
    "Failure",
    "RunResult",
    "Sink",
    "SystemClock",
    "TaskRun",
    "Transition",
    "execute",
]
