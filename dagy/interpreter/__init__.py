"""The interpreter: runs a FlowSpec on a thread pool, on a laptop and inside a worker alike.

`execution` runs a flow, `scheduler` each attempt of it: threads, timers and `slots` over the
`frontier`, which knows what may run next. `body` makes one attempt of one task, by one of the ways
in `calls`; `run` holds the state that is kept. `events` is what the world is told meanwhile, and
`clock` how time is seen.
"""

from dagy.interpreter.clock import Clock, SystemClock
from dagy.interpreter.events import Failure, Sink, Transition
from dagy.interpreter.execution import execute
from dagy.interpreter.run import Assignment, RunResult, TaskRun

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
