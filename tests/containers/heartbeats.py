"""ministack with the heartbeats of Step Functions: a state whose container falls silent ends.

ministack 1.5 takes heartbeats and misses none: it ignores `HeartbeatSeconds`. On AWS the state ends
with `States.HeartbeatTimeout` (Step Functions API reference, "SendTaskHeartbeat"). ministack's own
Python runs this file in place of its command.
"""

import contextvars
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "engines" / "inside_ministack"))

import versions
from ministack import app
from ministack.services import stepfunctions

wait_for_token = stepfunctions._invoke_with_callback


def wait_while_it_beats(resource, given, token, state):
    """Wait for the answer to a token as ministack does, and no longer than it beats."""
    if "HeartbeatSeconds" in state:
        watched = contextvars.copy_context()  # tokens belong to an account and a region
        threading.Thread(
            target=watched.run, args=(watch, token, state["HeartbeatSeconds"]), daemon=True
        ).start()
    return wait_for_token(resource, given, token, state)


def watch(token, seconds):
    """End the wait once no heartbeat has come for so many seconds."""
    time.sleep(0.1)
    waiting = stepfunctions._task_tokens.get(token)
    last, since = None, time.monotonic()
    # A retry has the same token here, and waits anew.
    while waiting is not None and stepfunctions._task_tokens.get(token) is waiting:
        if waiting["heartbeat"] != last:
            last, since = waiting["heartbeat"], time.monotonic()
        if time.monotonic() - since > seconds:
            waiting["error"] = {"Error": "States.HeartbeatTimeout", "Cause": ""}
            waiting["event"].set()
            return
        time.sleep(0.1)


if __name__ == "__main__":
    versions.teach()
    stepfunctions._invoke_with_callback = wait_while_it_beats
    app.main()
