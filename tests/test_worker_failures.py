"""How a failure leaves the worker: what Step Functions and Lambda would cut off or take for theirs."""

import json
import os
import traceback
from dataclasses import replace

import boto3
import pytest
from moto import mock_aws

from dagy import flow, task
from dagy.errors import ParameterError
from dagy.masking import MASK
from dagy.worker import answered, handle
from dagy.worker.failures import FRAMES, own_name, short
from dagy.worker.verdict import Retry


def recurse(n):
    return recurse(n + 1) + 1


def raised(function, *args):
    with pytest.raises(Exception) as found:
        function(*args)
    return found.value


def test_an_error_that_is_short_leaves_as_it_is():
    error = raised(int, "x")
    assert short(error) is error


def test_a_long_message_loses_its_end_and_a_long_stack_its_beginning():
    error = short(ValueError("x" * 1_000_000))
    assert (type(error).__name__, str(error)) == ("ValueError", "x" * 8_000 + "…")
    deep = short(raised(recurse, 0))
    assert type(deep) is RecursionError
    assert len(traceback.extract_tb(deep.__traceback__)) == FRAMES


def test_a_message_that_has_no_utf_8_is_shown_as_python_shows_it():
    assert str(short(ValueError("a\ud800"))) == "a\\ud800"


@task(retries=1, retry_delay_seconds=0)
def failing(name: str) -> None:
    raise type(name, (Exception,), {})("on purpose")


@flow
def failing_by_name(name: str):
    failing(name)


@pytest.mark.parametrize("name", ["Dagy.Retry", "States.Timeout", "Lambda.ServiceException"])
def test_a_name_that_is_step_functions_or_dagys_own_is_none_of_a_users_error(name):
    spec = failing_by_name.build()
    last = {"dagy": 2, "parameters": {"name": name}, "tasks": ["failing"], "attempt": 2}
    error = raised(handle, {**last, "decide": True}, spec)
    assert (type(error).__name__, str(error)) == (name.replace(".", "_"), "on purpose")
    assert isinstance(raised(handle, {**last, "attempt": 1, "decide": True}, spec), Retry)


def test_every_other_name_stays():
    error = KeyError("x")
    assert own_name(error) is error


@task(secrets={"WORKER_TEST_PIN": "ssm:/pin"}, retries=1, retry_delay_seconds=0.5)
def leaking() -> None:
    raise ValueError(f"the PIN is {os.environ['WORKER_TEST_PIN']}")


@flow
def leaks():
    leaking()


@pytest.mark.parametrize("pin", ["2", "wait"])
def test_what_follows_an_attempt_can_be_read_whatever_the_secret_is(pin, monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("WORKER_TEST_PIN", "as it was")
    spec = leaks.build()
    pinned = replace(spec.tasks["leaking"], secrets={"WORKER_TEST_PIN": f"ssm:/pin/{pin}"})
    spec = replace(spec, tasks={"leaking": pinned})
    with mock_aws():
        boto3.client("ssm").put_parameter(Name=f"/pin/{pin}", Value=pin, Type="SecureString")
        event = {"dagy": 2, "tasks": ["leaking"], "attempt": 1, "decide": True}
        says = json.loads(str(raised(answered, event, spec)))
    assert says == {"attempt": 2, "wait": 0, "rest": 0.5, "error": f"ValueError: the PIN is {MASK}"}


@pytest.mark.parametrize("given", [[1], "monday", 3])
def test_an_executions_input_that_is_no_object_is_refused_by_that_reason(given):
    event = {"dagy": 2, "parameters": given, "tasks": ["failing"], "attempt": 1}
    with pytest.raises(ParameterError, match="must be a JSON object"):
        handle(json.loads(json.dumps(event)), failing_by_name.build())
