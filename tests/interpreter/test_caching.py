"""`cache`: same code, same arguments, still fresh, then the recorded output is used."""

from datetime import timedelta

import pytest

from dagy import flow, task
from dagy.code import code_of
from dagy.errors import DefinitionError
from dagy.interpreter import execute
from dagy.testing import FakeClock
from tests.interpreter.recording import Recorder, Shelf


def run(a_flow, shelf, clock):
    traced = a_flow.trace({})
    recorder = Recorder()
    result = execute(
        traced.spec,
        lambda name: code_of(traced.tasks[name]),
        {},
        sink=recorder,
        clock=clock,
        cache=shelf,
    )
    return result, [t.message for t in recorder.transitions if t.state == "SUCCEEDED"][:-1]


def counting(**options):
    calls = []

    @task(**options)
    def count(n, scale=1):
        calls.append(n)
        return {"n": n * scale, "calls": len(calls)}

    @flow
    def counted():
        return [count(1), count(2), count(1)]

    return counted, calls


def test_a_recorded_output_is_used_and_the_task_run_says_so():
    counted, calls = counting(cache=True)
    shelf, clock = Shelf(), FakeClock()
    first, messages = run(counted, shelf, clock)
    assert (calls, messages) == ([1, 2], [None, None, "CACHED"])
    second, messages = run(counted, shelf, clock)
    assert (calls, messages) == ([1, 2], ["CACHED"] * 3)
    assert first.output == second.output


def test_it_is_off_by_default():
    counted, calls = counting()
    shelf = Shelf()
    run(counted, shelf, FakeClock())
    assert (calls, shelf.entries) == ([1, 2, 1], {})


def test_an_output_that_is_not_fresh_any_more_is_made_again():
    counted, calls = counting(cache=timedelta(hours=1))
    shelf, clock = Shelf(), FakeClock()
    run(counted, shelf, clock)
    clock.sleep(3599)
    run(counted, shelf, clock)
    assert calls == [1, 2]
    clock.sleep(2)
    run(counted, shelf, clock)
    assert calls == [1, 2, 1, 2]


def test_a_function_may_say_what_the_key_is():
    counted, calls = counting(cache=lambda n, scale=1: "always the same")
    run(counted, Shelf(), FakeClock())
    assert calls == [1]


def test_an_output_that_comes_after_the_timeout_is_not_kept():
    clock, calls = FakeClock(), []

    @task(cache=True, timeout_seconds=60, retries=1)
    def slow_at_first():
        calls.append(len(calls))
        clock.sleep(70 if calls == [0] else 1)
        return calls[-1]

    @flow
    def single():
        return slow_at_first()

    shelf = Shelf()
    assert run(single, shelf, clock)[0].output == 1
    assert run(single, shelf, clock)[0].output == 1


@pytest.mark.parametrize(
    ("key", "error"), [(lambda n: 1 / 0, "ZeroDivisionError"), (lambda n: object(), "CodecError")]
)
def test_a_key_that_cannot_be_had_fails_the_task(key, error):
    counted, calls = counting(cache=key)
    result, _ = run(counted, Shelf(), FakeClock())
    assert (result.error.type, calls) == (error, [])


def test_other_code_of_the_same_name_has_other_outputs():
    def made(source):
        namespace = {}
        exec(compile(source, "flows.py", "exec"), namespace)
        counted = task(cache=True)(namespace["count"])

        @flow
        def single():
            return counted(1)

        return single

    shelf, clock = Shelf(), FakeClock()
    assert run(made("def count(n): return n"), shelf, clock)[0].output == 1
    assert run(made("def count(n): return n + 1"), shelf, clock)[0].output == 2
    assert run(made("def count(n): return n"), shelf, clock)[1] == ["CACHED"]


def test_what_is_no_way_to_cache_is_refused():
    for cache in (0, "1h", timedelta(0), None):
        with pytest.raises(DefinitionError, match="cache must be True, False, a timedelta above 0"):
            task(cache=cache)(len)
