"""The worker in a container: one call, answered to Step Functions by its task token.

    python -m dagy.container

The environment says what to do:

| variable | what it holds |
|---|---|
| `DAGY_TASK_TOKEN` | the token of the state that waits |
| `DAGY_CALL` | the call as JSON, as `dagy.worker` takes it |
| `DAGY_CALL_S3` | the key of the rest of it in the bucket `DAGY_BUCKET`, if there is a rest |

The overrides of a container hold 8,192 characters, so what a call is sent stands under a key, and
only what changes from attempt to attempt in the overrides. The answer is sent as
`{"Payload": ...}`, where a function's stands too, and states read both alike.

The call is made in a process of its own, and this one outlives it. So a container that runs out of
memory still says what happened, under the name that Lambda gives it, and heartbeats go on while a
task holds the interpreter. When this process dies as well, heartbeats stop, and the state ends by
its `HeartbeatSeconds`. When nobody waits any more, since the state has timed out or the execution
was stopped, the next heartbeat is refused, and the container ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn, Protocol

from dagy.worker.claims import stored

TOKEN = "DAGY_TASK_TOKEN"
CALL = "DAGY_CALL"
CALL_KEY = "DAGY_CALL_S3"

HEARTBEAT_SECONDS = 30.0
"""Between two heartbeats. A state waits ten times as long, for a container also has to start."""

KILLED = "Runtime.ExitError"
"""What Lambda calls the end of a worker that was killed or left by itself (`os._exit`)."""

MAX_ERROR = 256
MAX_CAUSE = 32_768
"""Characters of a failure's name and cause (Step Functions API reference, "SendTaskFailure")."""

Failure = dict[str, Any]
"""What Lambda answers when a function fails: `errorType`, `errorMessage`, `stackTrace`."""


class StepFunctions(Protocol):
    """The part of boto3's client that is used."""

    def send_task_success(self, *, taskToken: str, output: str) -> Any: ...  # noqa: D102, N803

    def send_task_failure(self, *, taskToken: str, error: str, cause: str) -> Any: ...  # noqa: D102, N803

    def send_task_heartbeat(self, *, taskToken: str) -> Any: ...  # noqa: D102, N803


def main() -> None:
    """Make the call that the environment holds, and answer it."""
    import boto3
    from botocore.config import Config

    client = boto3.client(
        "stepfunctions", config=Config(retries={"mode": "standard", "max_attempts": 10})
    )
    answer(os.environ, client)


def answer(environment: Mapping[str, str], client: StepFunctions) -> None:
    """Make a call in a process of its own, and send what it comes to.

    Args:
        environment: holds the call and the token.
        client: where to send it.
    """
    token = environment[TOKEN]
    with tempfile.TemporaryDirectory(prefix="dagy-call-") as folder:
        work = _Work(Path(folder), environment)
        threading.Thread(
            target=_beat, args=(client, token, work, HEARTBEAT_SECONDS), daemon=True
        ).start()
        signal.signal(signal.SIGTERM, lambda *_: work.stop())
        try:
            found = work.done(call_of(environment))
        except Exception as error:
            found = failure_of(error)
    if "errorType" in found:
        client.send_task_failure(
            taskToken=token, error=found["errorType"][:MAX_ERROR], cause=cause_of(found)
        )
    else:
        client.send_task_success(taskToken=token, output=json.dumps({"Payload": found["answer"]}))


class _Work:
    """The process that makes the call.

    Args:
        folder: for what it is told, and what it answers.
        environment: what it is given, but for the token.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        ours = (TOKEN, CALL, CALL_KEY)
        self._environment = {k: v for k, v in environment.items() if k not in ours}
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False
        # Held while the process begins, so that none begins after a stop. A signal may stop it in
        # the very thread that starts it.
        self._starting = threading.RLock()

    def done(self, call: str) -> dict[str, Any]:
        """Make the call; return `{"answer": ...}`, or a failure."""
        told, answered = self._folder / "call.json", self._folder / "answer.json"
        told.write_text(call, encoding="utf-8")
        command = [sys.executable, "-m", "dagy.container", str(told), str(answered)]
        with self._starting:
            if self._stopped:
                return _killed(-signal.SIGKILL)
            self._process = process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, env=self._environment
            )
            if self._stopped:  # by a signal, meanwhile
                process.kill()
        code = process.wait()
        if answered.exists():
            found: dict[str, Any] = json.loads(answered.read_text(encoding="utf-8"))
            return found
        return _killed(code)

    def stop(self) -> None:
        """End the process now; what it has not answered by then counts as killed."""
        with self._starting:
            self._stopped = True
            if self._process is not None:
                self._process.kill()


def _killed(code: int) -> Failure:
    return {"errorType": KILLED, "errorMessage": _epitaph(code), "stackTrace": []}


def _epitaph(code: int) -> str:
    if code >= 0:
        return f"Error: Runtime exited with exit status {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint = " (out of memory, perhaps)" if name == "SIGKILL" else ""
    return f"Error: Runtime exited with error: {name}{hint}"


def call_of(environment: Mapping[str, str]) -> str:
    """Return the whole call, as JSON."""
    call = json.loads(environment[CALL])
    if CALL_KEY in environment:
        call = json.loads(stored(environment[CALL_KEY])) | call
    return json.dumps(call)


def _beat(client: StepFunctions, token: str, work: _Work, seconds: float) -> None:
    from botocore.exceptions import ClientError

    gone = {"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"}
    forever = threading.Event()
    while True:
        try:
            client.send_task_heartbeat(taskToken=token)
        except ClientError as error:
            if error.response["Error"]["Code"] in gone:
                _leave(work)
        except Exception:  # the network; the next one may get through
            traceback.print_exc()
        forever.wait(seconds)


def _leave(work: _Work) -> NoReturn:
    sys.stderr.write("Nobody waits for this task any more: it timed out, or the execution ended\n")
    work.stop()
    os._exit(1)


def cause_of(failure: Failure) -> str:
    """Return a failure as JSON, short enough for Step Functions.

    What is too long loses the outer part of its stack first, and then the end of its message.
    """
    shown = {name: failure[name] for name in ("errorMessage", "errorType", "stackTrace")}
    while len(cause := json.dumps(shown)) > MAX_CAUSE and shown["stackTrace"]:
        shown["stackTrace"] = shown["stackTrace"][1:]
    if len(cause) > MAX_CAUSE:
        # A character takes at most 12 as JSON: two escapes.
        shown["errorMessage"] = shown["errorMessage"][: MAX_CAUSE // 16] + "…"
        cause = json.dumps(shown)
    return cause


def failure_of(error: BaseException) -> Failure:
    """Return a failure as Lambda would tell it."""
    return {
        "errorType": type(error).__name__,
        "errorMessage": str(error),
        "stackTrace": traceback.format_tb(error.__traceback__),
    }


# What follows runs in the process that makes the call.


def _make_call(told: Path, answered: Path) -> None:
    from dagy.worker import lambda_handler

    _be_killed_first()
    try:
        found: dict[str, Any] = {
            "answer": lambda_handler(json.loads(told.read_text(encoding="utf-8")), None)
        }
    # A task may raise anything, SystemExit included, and all of it is a failure of the task.
    except BaseException as error:
        traceback.print_exc()
        found = failure_of(error)
    beside = answered.with_suffix(".new")
    beside.write_text(json.dumps(found), encoding="utf-8")
    beside.replace(answered)  # whole, or not there
    sys.stdout.flush()
    # A task that timed out may still hold a thread; nothing waits for it.
    os._exit(0)


def _be_killed_first() -> None:
    """When memory runs out, let the kernel take this process and not the one that reports it."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _make_call(Path(sys.argv[1]), Path(sys.argv[2]))
    else:
        main()
