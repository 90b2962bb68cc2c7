"""`dagy ...` in a process of its own that need import nothing: its parent has.

A process with one thread imports Dagy and what it depends on, once for many tests, and forks for each
command. Where the environment has what Python or Dagy looks at only as they start, a new process runs
the command; and tests that signal a command, or look at it while it runs, start one themselves.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

PACKAGES = ("dagy", "dagy_compiler")
LAZY = ("boto3", "botocore.paginate", "botocore.signers", "duckdb", "jinja2", "rich.live", "yaml")
"""What commands import only when they need it."""

AT_THE_START = ("PYTHON", "TZ", "LANG", "LC_", "LD_", "COLUMNS", "TERM", "NO_COLOR", "FORCE_COLOR")
"""How variables begin that are looked at only as a process starts, or as Dagy is imported."""


def run(
    arguments: Sequence[str], cwd: Path, env: Mapping[str, str], seconds: float, read: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run `dagy ...` without a terminal, to its end.

    Args:
        arguments: of the command.
        cwd: the folder that it runs in.
        env: its environment.
        seconds: how long it may take.
        read: what it reads.
    """
    command = [sys.executable, "-m", "dagy", *arguments]
    if any(name.startswith(AT_THE_START) and os.environ.get(name) != env[name] for name in env):
        return subprocess.run(
            command, cwd=cwd, env=env, input=read, timeout=seconds, capture_output=True, text=True
        )
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in ("stdin", "stdout", "stderr")]
        for file in files:
            file.write_text(read if file.name == "stdin" else "", encoding="utf-8")
        request = {
            "arguments": list(arguments),
            "cwd": str(cwd),
            "env": dict(env),
            "files": [str(file) for file in files],
        }
        code = _forking().run(request, seconds)
        printed = [file.read_text(encoding="utf-8") for file in files[1:]]
    if code is None:
        raise subprocess.TimeoutExpired(command, seconds, *printed)
    return subprocess.CompletedProcess(command, code, *printed)


@cache
def _forking() -> _Forking:
    return _Forking()


class _Forking:
    """The process that forks. It ends when what it reads does."""

    def __init__(self) -> None:
        self._channel, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        self._one_at_a_time = threading.Lock()
        atexit.register(self._close)

    def _close(self) -> None:
        self._channel.close()
        self._process.wait()

    def run(self, request: dict[str, object], seconds: float) -> int | None:
        """Run a command; return its exit code, or None if it took too long."""
        with self._one_at_a_time:
            self._channel.sendall(json.dumps(request).encode() + b"\n")
            process = self._answer()
            self._channel.settimeout(seconds)
            try:
                return self._answer()
            except TimeoutError:
                os.kill(process, signal.SIGKILL)
            finally:
                self._channel.settimeout(None)
            self._answer()
            return None

    def _answer(self) -> int:
        answer = self._channel.recv(4, socket.MSG_WAITALL)
        if not answer:
            raise RuntimeError("the process that forks has ended")
        return int.from_bytes(answer, "big", signed=True)


def serve(channel: socket.socket) -> None:
    """Fork for each request; return in the process that is to be the command."""
    with channel, channel.makefile("r") as requests:
        for request in requests:
            process = os.fork()
            if not process:
                become(**json.loads(request))
                return
            channel.sendall(process.to_bytes(4, "big", signed=True))
            _, status = os.waitpid(process, 0)
            channel.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, "big", signed=True))
    sys.exit()


def become(arguments: list[str], cwd: str, env: dict[str, str], files: list[str]) -> None:
    """Be in a process as it is at the start of a command."""
    for number, file in enumerate(files):
        opened = os.open(file, os.O_WRONLY if number else os.O_RDONLY)
        os.dup2(opened, number)
        os.close(opened)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["dagy", *arguments]
    sys.path[0] = cwd


def warm() -> None:
    """Import what commands do."""
    for package in map(import_module, PACKAGES):
        for module in walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith(".__main__"):
                import_module(module.name)
    for name in LAZY:
        import_module(name)
    gc.freeze()  # what nobody looks at stays shared
    assert len(os.listdir("/proc/self/task")) == 1  # a fork has no other threads


if __name__ == "__main__":
    warm()
    serve(socket.socket(fileno=int(sys.argv[1])))
    runpy.run_module("dagy", run_name="__main__", alter_sys=True)
