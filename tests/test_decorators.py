"""`@task` and `@flow`: what they keep of a function, and what they refuse when they run."""

import copy
import inspect

import pytest

from dagy import Flow, Hook, Task, flow, task
from dagy.errors import DefinitionError


def test_a_task_outside_a_flow_is_the_plain_function():
    @task(retries=3)
    def double(n: int) -> int:
        """Twice n."""
        return 2 * n

    assert double(4) == 8
    assert double(4, wait_for=["anything"]) == 8
    assert double.fn(4) == 8


def test_name_docstring_and_signature_survive():
    @task
    def double(n: int) -> int:
        """Twice n."""
        return 2 * n

    assert isinstance(double, Task)
    assert double.__wrapped__ is double.fn
    assert (double.__name__, double.__doc__) == ("double", "Twice n.")
    assert str(inspect.signature(double)) == "(n: int) -> int"
    assert repr(double) == "<Task double(n: int) -> int>"
    assert copy.copy(double).name == "double"


def test_options_are_kept_as_attributes():
    def notify(context, state):
        pass

    @task(
        name="Extract rows",
        description="Reads.",
        executor="lambda",
        retries=3,
        retry_delay_seconds=[1, 5, 30],
        retry_jitter_factor=0.5,
        timeout_seconds=120,
        concurrency_limit=2,
        on_failure=[notify, Hook()],
    )
    def extract():
        pass

    assert extract.name == "Extract rows"
    assert extract.description == "Reads."
    assert extract.executor == "lambda"
    assert (extract.retries, extract.retry_delay_seconds) == (3, [1, 5, 30])
    assert (extract.retry_jitter_factor, extract.timeout_seconds) == (0.5, 120)
    assert extract.concurrency_limit == 2
    assert extract.on_failure[0] is notify


def test_a_flow_called_as_a_function_is_plain_python():
    @task
    def double(n):
        return 2 * n

    @flow(description="Twice twice.")
    def quadruple(n: int) -> int:
        return double(double(n))

    assert isinstance(quadruple, Flow)
    assert quadruple(3) == 12
    assert (quadruple.name, quadruple.description) == ("quadruple", "Twice twice.")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"retries": -1}, "retries must be an integer of at least 0, not -1"),
        ({"retries": True}, "retries must be an integer"),
        ({"retries": 1.5}, "retries must be an integer"),
        ({"retry_delay_seconds": -1}, "retry_delay_seconds must be a number of at least 0"),
        ({"retry_delay_seconds": []}, "a non-empty list"),
        ({"retry_delay_seconds": [1, "2"]}, "a non-empty list"),
        ({"retry_delay_seconds": float("nan")}, "retry_delay_seconds must be a number"),
        ({"retry_delay_seconds": "5"}, "retry_delay_seconds must be a number"),
        ({"retry_jitter_factor": 1.5}, "retry_jitter_factor must be a number from 0 to 1, not 1.5"),
        ({"retry_jitter_factor": -0.1}, "from 0 to 1"),
        ({"retry_condition_fn": 3}, "retry_condition_fn must be a callable, not 3"),
        ({"executor": "lamda"}, "executor must be one of 'lambda', 'step-functions', 'ecs', not 'lamda'; did you mean 'lambda'?"),
        ({"serializer": "pikle"}, "serializer must be 'pickle' or None, not 'pikle'; did you mean 'pickle'?"),
        ({"timeout_seconds": 0}, "timeout_seconds must be a number above 0"),
        ({"expected_seconds": 0}, "expected_seconds must be a number above 0"),
        ({"expected_seconds": "1 h"}, "expected_seconds must be a number above 0"),
        ({"concurrency_limit": 0}, "concurrency_limit must be an integer of at least 1"),
        ({"tolerated_failures": -1}, "tolerated_failures must be an integer of at least 0, or a share above 0 and below 1, not -1"),
        ({"tolerated_failures": 1.0}, "a share above 0 and below 1, not 1.0"),
        ({"tolerated_failures": 0.0}, "a share above 0 and below 1, not 0.0"),
        ({"tolerated_failures": 1e-12}, "a share above 0 and below 1, not 1e-12"),
        ({"tolerated_failures": float("nan")}, "a share above 0 and below 1, not nan"),
        ({"tolerated_failures": True}, "tolerated_failures must be an integer of at least 0"),
        ({"tolerated_failures": "10%"}, "tolerated_failures must be an integer of at least 0"),
        ({"on_failure": print}, "on_failure must be a list of hooks"),
        ({"on_retry": ["x"]}, "on_retry must be a list of callables"),
        ({"on_running": [Hook]}, "on_running must be a list of callables"),
        ({"name": ""}, "name must be text"),
        ({"name": 3}, "name must be text"),
        ({"description": 3}, "description must be text"),
        ({"validate_parameters": "no"}, "validate_parameters must be True or False"),
    ],
)  # fmt: skip
def test_wrong_options_are_refused_naming_task_argument_and_what_is_allowed(options, message):
    with pytest.raises(DefinitionError) as refusal:

        @task(**options)
        def extract():
            pass

    assert message in str(refusal.value)
    assert str(refusal.value).startswith("@task ")
    assert "test_decorators.py:" in str(refusal.value)
    if "executor" not in options and "name" not in options:
        assert "@task extract" in str(refusal.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"retrys": 3}, "there is no option 'retrys'; did you mean 'retries'?"),
        ({"retries": -1}, "retries must be an integer of at least 0, not -1"),
    ],
)
def test_wrong_options_of_a_copy_are_refused_with_the_line_of_the_call(options, message):
    @task
    def extract():
        pass

    with pytest.raises(DefinitionError) as refusal:
        extract.with_options(**options)
    first, line = str(refusal.value).splitlines()
    assert message in first
    assert "test_decorators.py:" in line
    assert line.endswith("extract.with_options(**options)")


def test_wrong_options_of_a_flow_are_refused_too():
    with pytest.raises(DefinitionError, match=r"@flow etl .*retries must be an integer"):

        @flow(retries=-1)
        def etl():
            pass


def test_functions_that_cannot_be_tasks_are_refused_with_the_way_out():
    with pytest.raises(DefinitionError, match="generator; return a list"):

        @task
        def rows():
            yield 1

    with pytest.raises(DefinitionError, match="wait_for"):

        @task
        def waits(wait_for):
            pass

    with pytest.raises(DefinitionError, match="method of .*Pipeline"):

        class Pipeline:
            @task
            def extract(self):
                pass

    with pytest.raises(DefinitionError, match="must decorate a function"):
        task(3)


def test_flows_whose_parameters_have_no_name_of_their_own_are_refused():
    with pytest.raises(DefinitionError, match=r"takes \*items; .* must each have a name"):

        @flow
        def collect(*items):
            pass

    with pytest.raises(DefinitionError, match="cannot be called 'max_workers'"):

        @flow
        def tuned(max_workers):
            pass


def test_a_hook_must_say_what_it_does():
    with pytest.raises(NotImplementedError, match="must define __call__"):
        Hook()(None, None)
