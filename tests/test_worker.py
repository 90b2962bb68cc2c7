"""The worker's protocol: one invocation in, one JSON text or the task's own exception out."""

import json

import pytest

from dagy import RunContext, flow, task
from dagy.code import code_of, load
from dagy.errors import CodecError, OutputTooLargeError, ParameterError, SpecError
from dagy.worker import MAX_OUTPUT_BYTES, handle


@task
def number(n: int) -> int:
    return n


@task(retries=4)
def attempt(n: int) -> list:
    if n < 0:
        raise KeyError("negative")
    return [n, RunContext.get().attempt, RunContext.get().max_retries]


@task
def big(size: int) -> str:
    return "x" * size


@task
def odd() -> object:
    return object()


@task
def nothing() -> None:
    pass


@flow
def pipeline(n: int = 7):
    first = number(n)
    second = attempt(first)
    return {"second": second, "n": n, "first": first}


@flow
def sizes():
    big(1)
    odd()
    nothing()


SPEC = pipeline.build()


def invoke(spec=SPEC, **payload):
    return json.loads(handle({"dagy": 1, **payload}, spec))


def test_a_task_run_gets_its_results_and_its_attempt():
    assert invoke(tasks=["attempt"], attempt=3, results={"number": "41"}) == [41, 3, 4]


def test_a_task_run_gets_the_parameters_and_their_defaults():
    assert invoke(tasks=["number"], attempt=1, parameters={"n": 5}) == 5
    assert invoke(tasks=["number"], attempt=1, parameters={}) == 7


def test_without_tasks_the_whole_flow_runs():
    assert invoke(parameters={"n": 2}) == {"second": [2, 1, 4], "n": 2, "first": 2}


def test_return_makes_the_return_value_and_runs_nothing():
    results = {"attempt": '{"big": 9007199254740993}', "number": "[1]"}
    assert invoke(**{"return": True}, results=results, parameters={}) == {
        "second": {"big": 9007199254740993},
        "n": 7,
        "first": [1],
    }


def test_a_failure_is_raised_as_the_tasks_own_exception_after_one_attempt():
    with pytest.raises(KeyError, match="negative"):
        invoke(tasks=["attempt"], attempt=1, results={"number": "-1"})


def test_a_task_that_returns_nothing_puts_out_null():
    assert invoke(sizes.build(), tasks=["nothing"], attempt=1) is None


def test_what_cannot_cross_is_refused():
    with pytest.raises(CodecError, match="task 'odd'"):
        invoke(sizes.build(), tasks=["odd"], attempt=1)


def test_an_output_too_large_to_pass_between_states_is_refused_with_the_numbers():
    @flow
    def large(size: int):
        big(size)

    spec = large.build()
    fits = MAX_OUTPUT_BYTES - len('"\\"\\""')
    assert len(invoke(spec, tasks=["big"], attempt=1, parameters={"size": fits})) == fits
    with pytest.raises(OutputTooLargeError, match="256,001 bytes, and 256,000 can pass"):
        invoke(spec, tasks=["big"], attempt=1, parameters={"size": fits + 1})


def test_parameters_that_do_not_fit_are_refused():
    with pytest.raises(ParameterError, match="no parameter 'm'"):
        invoke(parameters={"m": 1})
    with pytest.raises(ParameterError, match="'n' must be int"):
        invoke(parameters={"n": "1"})


def test_only_task_runs_of_the_spec_are_run():
    with pytest.raises(SpecError, match="no task run 'os.system'"):
        invoke(tasks=["os.system"], attempt=1)
    with pytest.raises(SpecError, match="must be 1 in an invocation"):
        handle({}, SPEC)


def test_each_transition_is_a_line_of_json_in_the_log(capsys):
    with pytest.raises(KeyError):
        invoke(tasks=["attempt"], attempt=5, results={"number": "-1"})
    lines = [json.loads(line)["dagy"] for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        {"task_run": None, "state": "RUNNING", "attempt": 1},
        {"task_run": "attempt", "state": "RUNNING", "attempt": 5},
        {
            "task_run": "attempt",
            "state": "FAILED",
            "attempt": 5,
            "error": "KeyError: 'negative'",
        },
        {
            "task_run": None,
            "state": "FAILED",
            "attempt": 1,
            "message": "task 'attempt' failed",
            "error": "KeyError: 'negative'",
        },
    ]


def test_an_import_path_leads_to_the_function_with_or_without_a_task_around_it():
    assert code_of(load("json:dumps")).fn is json.dumps
    assert code_of(load(f"{__name__}:number")).fn is number.fn
