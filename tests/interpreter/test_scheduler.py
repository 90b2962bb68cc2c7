"""The interpreter: order, retries, failures, and what each consumer receives."""

import sys
import threading
import time

import pytest

from dagy import RunContext, flow, task
from dagy.code import code_of
from dagy.errors import CodecError, DagyError, ParameterError
from dagy.interpreter import Assignment
from dagy.state import TRANSITIONS, StateType
from tests.interpreter.recording import LeapingClock, Recorder, run


@task
def number(n: int) -> int:
    return n


@task
def add(*numbers: int) -> int:
    return sum(numbers)


@task
def fail(message: str = "no"):
    raise ValueError(message)


def test_a_chain_hands_values_on():
    @flow
    def chain(n: int):
        return add(add(number(n), 1), 1)

    result, recorder = run(chain, n=5)
    assert (result.status, result.output) == ("SUCCEEDED", 7)
    assert [(t.task_run_id, t.state) for t in recorder.transitions] == [
        (None, "RUNNING"),
        ("number", "RUNNING"),
        ("number", "SUCCEEDED"),
        ("add", "RUNNING"),
        ("add", "SUCCEEDED"),
        ("add-2", "RUNNING"),
        ("add-2", "SUCCEEDED"),
        (None, "SUCCEEDED"),
    ]


def test_a_chain_stays_on_one_thread():
    @task
    def thread(previous=None):
        return threading.get_ident()

    @flow
    def chain():
        first = thread()
        second = thread(first)
        return [first, second, thread(second)]

    result, _ = run(chain, max_workers=8)
    assert len(set(result.output)) == 1


def test_a_fan_out_uses_all_its_workers_at_once():
    meeting = threading.Barrier(4)

    @task
    def meet(n):
        meeting.wait(timeout=10)
        return n

    @flow
    def fan_out():
        return [meet(n) for n in range(4)]

    result, _ = run(fan_out, max_workers=4)
    assert result.output == [0, 1, 2, 3]


def test_workers_that_had_nothing_to_do_are_all_called_again():
    meeting = threading.Barrier(4)

    @task
    def meet(n, after=None):
        meeting.wait(timeout=10)
        return n

    @flow
    def layers():
        first = [meet(n) for n in range(4)]
        middle = add(*first)  # three of the workers have nothing to do meanwhile
        return [meet(n, middle) for n in range(4)]

    result, _ = run(layers, max_workers=4)
    assert result.output == [0, 1, 2, 3]


def test_one_worker_runs_one_task_at_a_time():
    running = []

    @task
    def alone(n):
        running.append(n)
        time.sleep(0.001)
        assert running == [n]
        running.remove(n)

    @flow
    def fan_out():
        for n in range(20):
            alone(n)

    result, _ = run(fan_out)
    assert result.status == "SUCCEEDED"


def test_values_cross_as_json_and_each_consumer_has_its_own_copy():
    @task
    def make():
        return {"rows": (1, [2])}

    @task
    def change(value):
        value["rows"][1].append(3)
        return value

    @task
    def look(value, changed):
        return value

    @flow
    def copies(default: list = [0]):  # noqa: B006
        value = make()
        return look(value, change(value)), value["rows"][1][0], default

    result, _ = run(copies)
    assert result.output == [{"rows": [1, [2]]}, 2, [0]]


def test_retries_count_attempts_and_wait_the_delays_without_a_worker():
    @task(retries=3, retry_delay_seconds=[1, 5])
    def flaky() -> int:
        if RunContext.get().attempt < 4:
            raise OSError(f"attempt {RunContext.get().attempt}")
        return RunContext.get().max_retries

    @task
    def quick(n):
        return n

    @flow
    def both():
        return [flaky(), quick(1)]

    clock = LeapingClock()
    result, recorder = run(both, clock=clock, max_workers=1)
    assert result.output == [3, 1]
    assert recorder.of("flaky") == [
        "RUNNING 1", "PENDING 1", "RUNNING 2", "PENDING 2", "RUNNING 3", "PENDING 3", "RUNNING 4",
        "SUCCEEDED 4",
    ]  # fmt: skip
    assert clock.leaps == [1, 5, 5]
    pending = next(t for t in recorder.transitions if t.state == "PENDING")
    assert pending.message == "attempt 1 of 4 failed; retry in 1 s"
    assert pending.error.type == "OSError"
    quick_began = [t.task_run_id for t in recorder.transitions].index("quick")
    assert quick_began < [t.state for t in recorder.transitions].index("SUCCEEDED")


def test_a_task_that_always_fails_makes_one_attempt_more_than_its_retries():
    attempts = []

    @task(retries=2)
    def flaky():
        attempts.append(RunContext.get().attempt)
        raise KeyError("gone")

    @flow
    def hopeless():
        flaky()

    result, _ = run(hopeless)
    assert attempts == [1, 2, 3]
    assert result.status == "FAILED"
    assert (result.failed_task, result.error.type, result.error.message) == (
        "flaky",
        "KeyError",
        "'gone'",
    )
    assert isinstance(result.exception, KeyError)
    assert "raise KeyError" in result.error.traceback
    assert "body.py" not in result.error.traceback


@flow
def half_broken():
    bad = fail()
    after = add(bad, 1)
    add(after, 1)
    good = number(3)
    return add(good, 1)


def states(result):
    return {name: str(task_run.state) for name, task_run in result.task_runs.items()}


def test_fail_fast_starts_nothing_more():
    result, _ = run(half_broken)
    assert states(result) == {
        "fail": "FAILED",
        "add": "SKIPPED",
        "add-2": "SKIPPED",
        "number": "CANCELLED",
        "add-3": "CANCELLED",
    }
    assert result.output is None


def test_without_fail_fast_everything_that_does_not_depend_on_the_failure_runs():
    result, _ = run(half_broken, fail_fast=False)
    assert result.status == "FAILED"
    assert states(result) == {
        "fail": "FAILED",
        "add": "SKIPPED",
        "add-2": "SKIPPED",
        "number": "SUCCEEDED",
        "add-3": "SUCCEEDED",
    }


def test_fail_fast_lets_what_is_running_end_and_makes_no_retry_after_it():
    started = threading.Event()
    failed = threading.Event()

    @task
    def fails():
        started.wait(10)
        failed.set()
        raise ValueError("first")

    @task(retries=5, retry_delay_seconds=1)
    def slow(result):
        started.set()
        failed.wait(10)
        time.sleep(0.02)
        if result is None:
            raise ValueError("second")
        return result

    @flow
    def race(result: int | None):
        fails()
        slow(result)

    succeeded, _ = run(race, result=1, max_workers=2)
    assert states(succeeded) == {"fails": "FAILED", "slow": "SUCCEEDED"}
    started.clear(), failed.clear()
    both_failed, recorder = run(race, result=None, max_workers=2)
    assert states(both_failed) == {"fails": "FAILED", "slow": "FAILED"}
    assert recorder.of("slow") == ["RUNNING 1", "FAILED 1"]
    assert both_failed.error.message == "first"


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_a_task_may_raise_anything(error):
    @task
    def leave():
        raise error

    @flow
    def leaves():
        leave()

    result, _ = run(leaves)
    assert (result.status, result.error.type) == ("FAILED", type(error).__name__)


def test_an_exception_without_a_text_fails_its_task_only():
    class Mute(Exception):
        def __str__(self):
            raise RuntimeError("no words")

    @task
    def mute():
        raise Mute

    @flow
    def silent():
        mute()

    result, _ = run(silent)
    assert result.error.message == "<Mute whose text could not be had>"


def test_a_result_that_is_not_json_fails_its_task_naming_the_path():
    @task
    def connect():
        return {"rows": [1, 2, {"conn": threading.Lock()}]}

    @flow
    def bad():
        connect()

    result, _ = run(bad)
    assert isinstance(result.exception, CodecError)
    assert "task 'connect' returned what cannot cross" in result.error.message
    assert "result['rows'][2]['conn'] is of type _thread.lock" in result.error.message


def test_arguments_that_do_not_fit_fail_the_task_before_its_body():
    called = []

    @task
    def typed(n: int):
        called.append(n)

    @task(validate_parameters=False)
    def untyped(n: int):
        called.append(n)

    @flow
    def wrong():
        typed("three")

    @flow
    def loose():
        untyped("three")

    result, _ = run(wrong)
    assert isinstance(result.exception, ParameterError)
    assert result.error.message == "task 'typed': argument 'n' must be int, not 'three' (str)"
    assert called == []
    assert run(loose)[0].status == "SUCCEEDED"


def test_a_path_that_is_not_there_fails_the_consumer_saying_what_is():
    @task
    def make():
        return {"items": [1]}

    @flow
    def lost():
        add(make()["rows"][0])

    result, _ = run(lost)
    assert result.failed_task == "add"
    assert (
        "there is no ['rows'] in output, which is an object with the keys 'items'"
        in result.error.message
    )


def test_a_return_value_that_cannot_be_made_fails_the_run():
    @flow
    def lost():
        return number(1)["x"]

    result, recorder = run(lost)
    assert result.status == "FAILED"
    assert states(result) == {"number": "SUCCEEDED"}
    assert recorder.transitions[-1].message.startswith("the return value cannot be made")


def test_a_flow_without_tasks_returns_its_value():
    @flow
    def empty(n: int = 2):
        return {"n": n}

    result, recorder = run(empty)
    assert result.output == {"n": 2}
    assert [str(t.state) for t in recorder.transitions] == ["RUNNING", "SUCCEEDED"]


def test_the_context_tells_of_the_attempt_and_is_gone_outside():
    @task(name="Who am I")
    def context(a, b=2, *rest, **named):
        here = RunContext.get()
        return [here.kind, here.name, here.attempt, here.max_retries, here.parameters]

    @flow
    def asks():
        return context(1, named=3)

    result, _ = run(asks)
    assert result.output == ["task", "Who am I", 1, 0, {"a": 1, "named": {"named": 3}}]
    with pytest.raises(DagyError, match="outside a run"):
        RunContext.get()


def test_a_task_may_call_a_task():
    @task
    def outer(n):
        return number(n) + number.fn(1)

    @flow
    def calls():
        return outer(1)

    assert run(calls)[0].output == 2


def test_an_assignment_runs_one_attempt_of_one_task_with_results_given():
    @task(retries=5)
    def attempt(n):
        if n < 0:
            raise ValueError("negative")
        return [n, RunContext.get().attempt, RunContext.get().max_retries]

    @flow
    def part():
        return attempt(number(1))

    result, recorder = run(
        part, assignment=Assignment(frozenset({"attempt"}), {"number": "41"}, attempt=3)
    )
    assert result.task_runs["attempt"].output == "[41,3,5]"
    assert list(result.task_runs) == ["attempt"]
    failed, recorder = run(
        part, assignment=Assignment(frozenset({"attempt"}), {"number": "-1"}, attempt=3)
    )
    assert failed.status == "FAILED"
    assert recorder.of("attempt") == ["RUNNING 3", "FAILED 3"]


def test_an_interrupt_cancels_what_is_unfinished_and_does_not_wait_for_it():
    release = threading.Event()
    started = threading.Event()
    late = []

    @task
    def hang():
        started.set()
        release.wait(30)
        late.append("returned")
        return 1

    @flow
    def interrupted():
        add(hang(), 1)
        number(1)

    class Interrupting(LeapingClock):
        def wait(self, condition, timeout, *, busy):
            condition.release()
            started.wait(10)
            condition.acquire()
            raise KeyboardInterrupt

    traced = interrupted.trace({})
    recorder = Recorder()
    from dagy.interpreter import execute

    with pytest.raises(KeyboardInterrupt):
        execute(
            traced.spec,
            lambda name: code_of(traced.tasks[name]),
            {},
            sink=recorder,
            clock=Interrupting(),
        )
    assert recorder.of("hang") == ["RUNNING 1", "CANCELLED 1"]
    assert recorder.of("add") == recorder.of("number") == ["CANCELLED 0"]
    assert recorder.of(None) == ["RUNNING 1", "CANCELLED 1"]
    count = len(recorder.transitions)
    release.set()
    while not late:
        time.sleep(0.001)
    time.sleep(0.01)
    assert len(recorder.transitions) == count


def test_a_defect_in_a_sink_ends_the_run_instead_of_hanging_it():
    class Broken(Recorder):
        def emit(self, transition):
            if transition.state is StateType.SUCCEEDED:
                raise RuntimeError("broken sink")

    @flow
    def fine():
        number(1)

    traced = fine.trace({})
    from dagy.interpreter import execute

    with pytest.raises(RuntimeError, match="broken sink"):
        execute(traced.spec, lambda name: code_of(traced.tasks[name]), {}, sink=Broken())


def test_many_threads_switching_as_often_as_they_can():
    @flow
    def layers():
        layer = [number(n) for n in range(8)]
        for _ in range(6):
            layer = [add(*layer) for _ in range(8)]
        return layer

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        result, _ = run(layers, max_workers=8)
    finally:
        sys.setswitchinterval(interval)
    assert result.output == [28 * 8**5] * 8


def test_the_table_of_transitions_has_four_ends():
    ends = {state for state, following in TRANSITIONS.items() if not following}
    assert ends == {"SUCCEEDED", "FAILED", "SKIPPED", "CANCELLED"}
    assert set(TRANSITIONS) == set(StateType)
