"""Timeouts: an attempt fails on time, whatever its thread still does."""

import asyncio
import subprocess
import sys
import threading
import time

from dagy import RunContext, flow, task
from dagy.interpreter import SystemClock
from dagy.testing import FakeClock, run_in_memory
from tests.interpreter.recording import Recorder


def test_an_attempt_that_takes_too_long_fails_and_its_late_result_is_thrown_away():
    clock, recorder = FakeClock(), Recorder()

    @task(timeout_seconds=60)
    def slow():
        clock.sleep(61)
        return "late"

    @flow
    def waiting():
        return slow()

    run = run_in_memory(waiting, clock=clock, sink=recorder)
    record = run.task_runs["slow"]
    assert (record.state, record.output) == ("FAILED", None)
    assert record.error[:2] == (
        "TimeoutError",
        "task 'slow' took longer than its timeout_seconds of 60",
    )
    assert recorder.of("slow") == ["RUNNING 1", "FAILED 1"]


def test_a_timeout_is_retried_like_any_failure_and_counts_anew_for_each_attempt():
    clock = FakeClock()
    asked = []

    @task(
        timeout_seconds=60,
        retries=3,
        retry_delay_seconds=5,
        retry_condition_fn=lambda error: asked.append(type(error)) or True,
    )
    def slow():
        clock.sleep(70 if RunContext.get().attempt < 3 else 59)
        return RunContext.get().attempt

    @flow
    def waiting():
        return slow()

    run = run_in_memory(waiting, clock=clock)
    assert (run.result, clock.waits, asked) == (3, [5, 5], [TimeoutError] * 2)


def test_a_thread_that_never_returns_holds_up_neither_workers_nor_limits_nor_the_end():
    release, returned = threading.Event(), []

    @task(timeout_seconds=0.05, retries=1, concurrency_limit=1)
    def hang():
        release.wait(30)
        returned.append(True)

    @task(concurrency_limit=1)
    def quick(n):
        return n

    @flow
    def stuck():
        hang()
        return [quick(n) for n in range(5)]

    start = time.monotonic()
    run = run_in_memory(stuck, clock=SystemClock(), fail_fast=False)
    assert time.monotonic() - start < 5
    assert not returned
    release.set()
    assert run.task_runs["hang"].attempts == 2
    assert [record.state for record in run.task_runs] == ["FAILED"] + ["SUCCEEDED"] * 5


def test_a_timeout_is_noticed_by_the_clock_and_not_by_luck():
    release = threading.Event()

    @task(timeout_seconds=0.2)
    def hang():
        release.wait(30)

    @flow
    def stuck():
        hang()

    recorder = Recorder()
    run_in_memory(stuck, clock=SystemClock(), sink=recorder)
    release.set()
    began, failed = (t.at for t in recorder.transitions if t.task_run_id == "hang")
    assert 0.2 <= failed - began < 0.7


def test_an_async_task_is_cancelled_at_its_timeout():
    cancelled = threading.Event()

    @task(timeout_seconds=0.05)
    async def hang():
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    @flow
    def stuck():
        hang()

    run = run_in_memory(stuck, clock=SystemClock())
    assert run.error.type == "TimeoutError"
    assert cancelled.wait(10)


def test_a_hanging_thread_does_not_keep_the_process_from_ending(tmp_path):
    script = tmp_path / "stuck.py"
    script.write_text(
        "import time\n"
        "from dagy import flow, task\n"
        "from dagy.interpreter import SystemClock\n"
        "from dagy.testing import run_in_memory\n"
        "@task(timeout_seconds=0.05)\n"
        "def hang(): time.sleep(600)\n"
        "@flow\n"
        "def stuck(): hang()\n"
        "print(run_in_memory(stuck, clock=SystemClock()).error.type)\n"
    )
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "TimeoutError\n"
