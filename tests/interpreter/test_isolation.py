"""`isolation="process"`: attempts that can be killed, and that take nothing with them."""

import os
import signal
import subprocess
import sys
import time

import pytest

from dagy import task
from dagy.errors import DefinitionError
from dagy.interpreter import SystemClock
from dagy.testing import run_in_memory
from tests.flows import isolated_flows as flows
from tests.interpreter.recording import Recorder


def test_an_attempt_runs_in_a_process_of_its_own_with_its_context_and_its_exceptions():
    run = run_in_memory(flows.identified, marker="x").raise_on_failure()
    process, name, attempt, parameters = run.result
    assert process != os.getpid()
    assert (name, attempt, parameters) == ("pid", 2, {"marker": "x"})
    assert run_in_memory(flows.awaited, n=1).result == 2


@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        ("segfault", "ProcessDiedError", "killed by SIGSEGV"),
        ("exit", "ProcessDiedError", "ended with exit code 3 before the task returned"),
        ("kill", "ProcessDiedError", "killed by SIGKILL (out of memory, perhaps)"),
        ("unpicklable", "UnpicklableError", "7: odd"),
    ],
)
def test_a_crash_fails_that_attempt_only_and_names_what_ended_it(how, error, message):
    recorder = Recorder()
    run = run_in_memory(flows.dying, how=how, sink=recorder)
    assert run.result == "survived"
    [failed] = [t.error for t in recorder.transitions if t.error]
    assert failed.type == error
    assert message in failed.message


def test_the_process_is_killed_at_the_timeout(tmp_path):
    marker = tmp_path / "pid"
    run = run_in_memory(flows.hanging, clock=SystemClock(), marker=str(marker))
    assert run.error.type == "TimeoutError"
    assert_is_gone(int(marker.read_text()))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_the_process_goes_with_the_one_that_started_it(tmp_path, how):
    marker = tmp_path / "pid"
    script = tmp_path / "run.py"
    script.write_text(
        "import signal, sys\n"
        "from dagy.interpreter import SystemClock\n"
        "from dagy.testing import run_in_memory\n"
        "from tests.flows import isolated_flows as flows\n"
        "if __name__ == '__main__':\n"
        "    signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "    flows.hangs.timeout_seconds = None\n"
        "    run_in_memory(flows.hanging, clock=SystemClock(), marker=sys.argv[1])\n"
    )
    process = subprocess.Popen(
        [sys.executable, script, marker],
        # Killed, it cannot clear its temporary folder away.
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "TMPDIR": str(tmp_path),
        },
        stderr=subprocess.DEVNULL,
    )
    while not (marker.exists() and marker.read_text()):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(how)
    process.wait(30)
    assert_is_gone(int(marker.read_text()))


def assert_is_gone(pid):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            with open(f"/proc/{pid}/stat") as stat:
                if stat.read().split()[2] == "Z":
                    return
        except (FileNotFoundError, ProcessLookupError):
            return
        time.sleep(0.01)
    raise AssertionError(f"process {pid} is still there")


def test_a_result_that_cannot_cross_is_refused_as_ever():
    run = run_in_memory(flows.returning_an_object)
    assert run.error.type == "CodecError"
    assert "task 'odd' returned what cannot cross" in run.error.message


def test_a_function_that_no_other_process_could_find_is_refused_at_decoration():
    with pytest.raises(DefinitionError, match="isolation='process' starts cannot import it"):

        @task(isolation="process")
        def local():
            pass

    with pytest.raises(DefinitionError, match="isolation must be 'process' or None"):
        task(isolation="docker")(len)
