"""The worker of a bundle, as Lambda would run it: from the unzipped artifact, in its own process.

Nothing but the artifact and the standard library is importable there, so a file that is missing in
the artifact shows.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote

_LOOP = """
import json, os, sys, traceback
channel = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what tasks print is the function's log
sys.path[:0] = [os.environ["LAMBDA_TASK_ROOT"]]
from dagy.worker import lambda_handler
for line in sys.stdin:
    try:
        answer = {"result": lambda_handler(json.loads(line), None)}
    except BaseException as error:
        answer = {"errorType": type(error).__name__, "errorMessage": str(error),
                  "stackTrace": traceback.format_tb(error.__traceback__)}
    print(json.dumps(answer), file=channel, flush=True)
"""


def tokens_sent(data: Path) -> list[str]:
    """The task tokens that workers have sent since they were last asked for; for no AWS, files."""
    found = []
    for file in sorted((data / "_joins" / "sent").glob("*")):
        with suppress(FileNotFoundError):  # another thread has asked meanwhile
            file.unlink()
            found.append(unquote(file.name))
    return found


class FunctionError(Exception):
    """The handler raised; `payload` is what Lambda answers then."""

    def __init__(self, payload: dict[str, Any]) -> None:
        super().__init__(payload["errorType"])
        self.payload = payload


class Worker:
    """The handler of one bundle. Invocations wait for each other, as one Lambda sandbox's do."""

    def __init__(self, bundle: Path) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="dagy-worker-")
        with zipfile.ZipFile(bundle / "artifact.zip") as archive:
            archive.extractall(self._folder.name)
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _LOOP],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={
                "LAMBDA_TASK_ROOT": self._folder.name,
                "PATH": os.environ["PATH"],
                "DAGY_DATA_DIR": str(self.data),
            },
        )
        self._lock = threading.Lock()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._folder.cleanup()

    def invoke(self, event: Any) -> Any:
        """Answer one invocation.

        Raises:
            FunctionError: the handler raised.
        """
        with self._lock:
            self._process.stdin.write(json.dumps(event) + "\n")
            self._process.stdin.flush()
            answer = json.loads(self._process.stdout.readline())
        if "errorType" in answer:
            raise FunctionError(answer)
        return answer["result"]

    def told(self, arguments: dict[str, Any]) -> Any:
        """Return the call that a container would find in its environment, and under the key there."""
        [container] = arguments["Overrides"]["ContainerOverrides"]
        given = {variable["Name"]: variable["Value"] for variable in container["Environment"]}
        kept = {}
        if "DAGY_CALL_S3" in given:
            kept = json.loads((self.data / given["DAGY_CALL_S3"]).read_text(encoding="utf-8"))
        return kept | json.loads(given["DAGY_CALL"])

    @property
    def data(self) -> Path:
        """The folder that stands for the bucket."""
        return Path(self._folder.name) / "_data"
