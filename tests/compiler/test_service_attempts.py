"""The attempts of a service task: as many as its policy says, and the last failure by its own name."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sfnx.testing import Failure, run

from dagy.errors import LimitError
from dagy.policy import RetryPolicy
from dagy.services.integration import parse
from dagy.spec import TaskSpec
from dagy_compiler.asl import StateMachine
from dagy_compiler.names import UniqueNames
from dagy_compiler.service_attempts import service_states, transient_errors
from dagy_compiler.service_states import OUTPUT, ServiceCall, ServiceWait
from dagy_compiler.states import Ending, expression

GLUE = parse("glue:startJobRun.sync")
CALL = ServiceCall(GLUE, {"JobName": "clean"}, 60)


def machine(work=CALL, retries=0, delay=None):
    service = {"kind": "aws", "resource": GLUE.resource}
    task = TaskSpec("call", "x:y", None, None, retries, delay, None, None, service=service)
    ending = Ending(None, expression(OUTPUT))
    states = service_states("call", work, task, ending, "call (f.py:1)", UniqueNames("-", 80))
    made = StateMachine(query_language="JSONata", start_at=next(iter(states)), states=states)
    return made.to_json()


def execute(definition, *failures):
    """Run it on an engine, the service failing under these names before it answers."""
    errors, waits = iter(failures), []

    def service(call):
        error = next(errors, None)
        if error is not None:
            raise Failure(error, f"cause of {error}")
        return {"Id": "jr"}

    ended = run(definition, {}, service, on_wait=lambda wait: waits.append(wait.seconds))
    return ended, len(ended.calls), waits


POLICIES = st.tuples(
    st.integers(0, 6),
    st.none() | st.integers(0, 3) | st.lists(st.integers(0, 3), min_size=1, max_size=4),
)


@settings(max_examples=100, deadline=None)
@given(POLICIES, st.integers(0, 8))
def test_any_policy_makes_its_attempts_and_no_more(policy, failing):
    retries, delay = policy
    ended, made, waits = execute(machine(retries=retries, delay=delay), *["Glue.Bad"] * failing)
    assert made == min(failing, retries) + 1
    assert ended.error == ("Glue.Bad" if failing > retries else None)
    asked = [RetryPolicy(retries, delay).delay_after(k) for k in range(1, made)]
    # A native retrier waits inside its state, where the engine shows no wait.
    assert waits == [seconds for seconds in asked if seconds][: len(waits)]


def test_delays_that_are_alike_take_one_state():
    assert list(machine(retries=9, delay=5)["States"]) == ["call"]
    assert list(machine(retries=9, delay=[0, 5])["States"]) == [
        "call",
        "call (attempt 2)",
        "call (not retried)",
    ]


def test_the_last_failure_ends_the_execution_at_the_call_by_its_own_name():
    ended, _, _ = execute(machine(retries=2, delay=[0, 1]), *["Glue.Bad"] * 3)
    assert (ended.error, ended.cause) == ("Glue.Bad", "cause of Glue.Bad")
    assert ended.states[-1] == "call (attempt 2)"


def test_throttling_uses_up_no_attempt():
    throttled = ["Glue.ThrottlingException"] * 3
    ended, made, _ = execute(machine(retries=1, delay=0), *throttled, "Glue.Bad", *throttled)
    assert (ended.error, made) == (None, 8)


def test_throttling_that_does_not_end_is_not_taken_for_a_failed_attempt():
    ended, made, _ = execute(machine(retries=3, delay=0), *["Glue.ThrottlingException"] * 99)
    assert (ended.error, made, ended.states[-1]) == (
        "Glue.ThrottlingException",
        8,
        "call (not retried)",
    )


def test_a_function_of_the_users_own_may_not_be_ready_either():
    errors = transient_errors(parse("lambda:invoke"))
    assert {"Lambda.TooManyRequestsException", "Lambda.ServiceException"} <= set(errors)
    assert "DynamoDb.ProvisionedThroughputExceededException" in transient_errors(
        parse("aws-sdk:dynamodb:getItem")
    )


HTTP = ServiceCall(
    parse("http:invoke"), {"ApiEndpoint": "https://example.org", "Method": "GET"}, None
)


@pytest.mark.parametrize(
    ("resource", "prefix"),
    [
        ("http:invoke", "States.Http.StatusCode"),
        ("apigateway:invoke", "ApiGateway"),
        ("apigateway:invoke.waitForTaskToken", "ApiGateway"),
    ],
)
def test_what_answers_by_http_is_not_ready_by_the_statuses_that_say_so(resource, prefix):
    statuses = [f"{prefix}.{status}" for status in (429, 502, 503, 504)]
    assert list(transient_errors(parse(resource))) == statuses


def test_an_http_task_that_is_told_to_come_later_uses_up_no_attempt():
    late = [f"States.Http.StatusCode.{status}" for status in (429, 503, 504, 502)]
    ended, made, _ = execute(machine(HTTP), *late)
    assert (ended.error, made) == (None, 5)
    ended, made, _ = execute(machine(HTTP, retries=1, delay=1), *["States.Http.StatusCode.500"] * 2)
    assert (ended.error, made) == ("States.Http.StatusCode.500", 2)


def test_a_wait_is_one_state():
    until = machine(ServiceWait(timestamp="2026-01-31T12:00:00Z"))
    assert until["States"]["call"]["Timestamp"] == "2026-01-31T12:00:00Z"
    assert machine(ServiceWait(seconds=30))["States"]["call"]["Seconds"] == 30


def test_too_many_states_are_refused():
    with pytest.raises(LimitError, match="40 retries need more than 32 states"):
        machine(retries=40, delay=0)
