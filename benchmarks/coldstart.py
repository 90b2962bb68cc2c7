"""What the worker adds to a cold start on Lambda: a process, from its start to its first answer.

AWS's own runtime client runs both handlers, against a Runtime API on this machine: one that does
nothing, and the worker of a flow of one task, from an unpacked artifact that cannot be written, as
on Lambda.
"""

import json
import os
import statistics
import subprocess
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from benchmarks.timing import in_turns
from dagy.building import BuildOptions, build
from dagy.loader import load_flow

PYTHON = Path(__file__).parents[1] / ".venv-ministack" / "bin" / "python"
TARGET_MS = 60

EMPTY = "def handler(event, context):\n    return {}\n"
FLOW = """
from dagy import flow, task

@task
def double(n: int) -> int:
    return 2 * n

@flow
def doubled(n: int = 1):
    return double(n)
"""


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Say nothing of connections that end with the process."""


class RuntimeApi:
    """Hands out one invocation, and waits for the answer (Lambda guide, "Runtime API")."""

    def __init__(self, event: object) -> None:
        self.answered = threading.Event()
        self.answer = b""
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if api.answered.is_set():
                    threading.Event().wait()  # there is no second one
                content = json.dumps(event).encode()
                self.send_response(200)
                self.send_header("Lambda-Runtime-Aws-Request-Id", "1")
                self.send_header(
                    "Lambda-Runtime-Deadline-Ms", str(int(time.time() * 1000) + 60_000)
                )
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def do_POST(self) -> None:
                api.answer = self.content()
                api.answered.set()
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def content(self) -> bytes:
                """What was sent: of a known length, or in chunks, as the client likes."""
                if "Content-Length" in self.headers:
                    return self.rfile.read(int(self.headers["Content-Length"]))
                chunks = []
                while length := int(self.rfile.readline(), 16):
                    chunks.append(self.rfile.read(length + 2)[:-2])
                self.rfile.readline()
                return b"".join(chunks)

            def log_message(self, *_: object) -> None:
                pass

        self.server = _Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.server_port}"


def invocation(
    code: Path, handler: str, event: object, variables: dict[str, str], cpu: list[float]
) -> Callable[[], None]:
    """An action that starts a process and waits for its first answer, and notes the CPU's time."""

    def action() -> None:
        api = RuntimeApi(event)
        process = subprocess.Popen(
            [PYTHON, "-m", "awslambdaric", handler],
            cwd=code,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={
                "AWS_LAMBDA_RUNTIME_API": api.address,
                "LAMBDA_TASK_ROOT": str(code),
                "PYTHONPATH": str(code),
                "PYTHONDONTWRITEBYTECODE": "1",  # /var/task cannot be written
                **variables,
            },
        )
        assert api.answered.wait(60), "the handler gave no answer"
        process.kill()
        _, _, used = os.wait4(process.pid, 0)
        cpu.append(used.ru_utime + used.ru_stime)
        api.server.shutdown()
        api.server.server_close()
        assert b"errorType" not in api.answer, api.answer

    return action


def measure() -> Iterator[str]:
    """Yield the lines of the report."""
    with tempfile.TemporaryDirectory() as folder:
        empty, worker = Path(folder, "empty"), Path(folder, "worker")
        empty.mkdir()
        (empty / "nothing.py").write_text(EMPTY)
        (Path(folder) / "doubled_flow.py").write_text(FLOW)
        loaded = load_flow(str(Path(folder) / "doubled_flow.py"))
        bundle = build(loaded, BuildOptions(), Path(folder, "out")).bundle
        with zipfile.ZipFile(bundle.path / "artifact.zip") as archive:
            archive.extractall(worker)
        checked = {"DAGY_CODE_HASH": bundle.manifest["code_hash"]}
        event = {"dagy": 2, "parameters": {"n": 2}}
        cpu: tuple[list[float], list[float]] = ([], [])
        bare, ours = in_turns(
            invocation(empty, "nothing.handler", {}, {}, cpu[0]),
            invocation(worker, "dagy.worker.lambda_handler", event, checked, cpu[1]),
            rounds=15,
        )
        of_bare, of_ours = map(statistics.median, cpu)
    yield f"empty handler: {bare * 1000:.0f} ms from the start of the process to its answer"
    yield f"worker: +{(ours - bare) * 1000:.0f} ms; target {TARGET_MS} ms"
    yield f"of the CPU's time: {of_bare * 1000:.0f} ms and +{(of_ours - of_bare) * 1000:.0f} ms"
