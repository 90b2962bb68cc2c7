"""The states of service tasks, evaluated: what users write is what a service is given."""

import json
from dataclasses import replace
from types import MappingProxyType

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sfnx.testing import Failure, run

from dagy.errors import CompileError, LimitError
from dagy.spec import TaskRunSpec, TaskSpec, follow
from dagy.spec.references import escape
from dagy_compiler.jsonata import expression
from dagy_compiler.service_states import (
    OUTPUT,
    ServiceWait,
    Variable,
    check_service,
    opened_task_runs,
    service_state,
)
from tests.compiler.flows import output, parameter

ANY = {"kind": "aws", "resource": "states:startExecution"}
PARAMETERS = [
    {"name": "day"},
    {"name": "tags", "default": ["a", None]},
    {"name": "key", "secret": True},
]


def task(service=ANY, **fields):
    plain = TaskSpec("call", "x:y", None, "step-functions", 0, None, None, None, service=service)
    return replace(plain, **fields)


def task_run(**arguments):
    return TaskRunSpec("call", "call", [], [], arguments, None, source="flows.py:7")


def state(service=ANY, outputs=MappingProxyType({}), **arguments):
    holds = {name: "texts" if isinstance(outputs[name], list) else "text" for name in outputs}
    variables = {name: Variable(f"r_{name}", holds[name]) for name in outputs}
    return service_state(task(service), task_run(**arguments), variables, PARAMETERS)


def received(service=ANY, outputs=None, execution_input=None, **arguments):
    """What the service is given, where `outputs` are the values of variables."""
    outputs = outputs or {}
    made = state(service, outputs, **arguments)
    assert "${" not in json.dumps(made.arguments)
    definition = {
        "QueryLanguage": "JSONata",
        "StartAt": "Before",
        "States": {
            "Before": {
                "Type": "Pass",
                "Assign": {"r": 0} | {f"r_{name}": text for name, text in outputs.items()},
                "Next": "Call",
            },
            "Call": {
                "Type": "Task",
                "Resource": made.resource,
                "Arguments": made.arguments,
                "End": True,
            },
        },
    }
    calls = []
    run(definition, execution_input or {}, calls.append).output  # noqa: B018 - raises what failed
    return calls[0].arguments


# Integers past 2^53 and floats in outputs are doubles once JSONata has opened them.
EXACT = st.integers(-(2**53), 2**53)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    [
        *("{% 1 + 1 %}", "{%", "%}", "x%}", "${WorkerFunctionArn}", "$states.input", "$.x"),
        *('"quoted"\\n', "\\u0041", "`tick`", "{{resolve:ssm:x}}", "$${{%%}}", "%}{%", "\u2028"),
        *("'", "\x00", "\x7f", "/*", "*/", "\U0001f600"),
    ]
)
KEYS = TEXT | st.sampled_from(["", "a.b", "a.$", "$v", "$param", "$task", "$literal", "%}", "${x}"])
JSON = st.recursive(
    st.none() | st.booleans() | EXACT | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def is_plain(text):
    """Whether a text has nothing in it that the worker writes for values that JSON has not."""
    return not any(f'{{"${mark}":' in text for mark in ("artifact", "codec", "plain"))


def encoded(value):
    """A literal as the tracer writes it."""
    if isinstance(value, dict):
        return escape({key: encoded(item) for key, item in value.items()})
    return [encoded(item) for item in value] if isinstance(value, list) else value


@settings(max_examples=300, deadline=None)
@given(JSON)
def test_any_literal_arrives_unchanged(value):
    assert received(Input=encoded(value)) == {"Input": value}


@pytest.mark.parametrize("payload", [5, -0.5, True, False])
def test_a_number_or_a_boolean_for_a_function_is_an_expression(payload):
    service = {"kind": "aws", "resource": "lambda:invoke"}
    made = state(service, FunctionName="f", Payload=payload).arguments["Payload"]
    assert made == expression(json.dumps(payload))
    assert received(service, FunctionName="f", Payload=payload)["Payload"] == payload


@settings(max_examples=150, deadline=None)
@given(JSON)
def test_any_output_arrives_unchanged(value):
    assume(is_plain(text := json.dumps(value)))
    assert received(outputs={"load": text}, Input={"x": [output("load")]}) == {
        "Input": {"x": [value]}
    }


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(KEYS, st.lists(JSON, min_size=1, max_size=3), min_size=1, max_size=3))
def test_any_part_of_an_output_arrives_unchanged(value):
    assume(is_plain(json.dumps(value)))
    for key in value:
        for index in (0, -1):
            given = output("load", key, index)
            arrived = received(outputs={"load": json.dumps(value)}, Input=given)
            assert arrived == {"Input": follow(value, (key, index))}


@settings(max_examples=100, deadline=None)
@given(JSON)
def test_any_parameter_and_any_default_arrive_unchanged(value):
    asked = {"Input": {"given": parameter("day")}}
    assert received(execution_input={"day": value}, **asked) == {"Input": {"given": value}}
    call = service_state(
        task(), task_run(Input=parameter("p")), {}, [{"name": "p", "default": value}]
    )
    assert evaluated(call.arguments["Input"], {}) == value


def evaluated(value, result):
    """A value of a definition, evaluated after a task has answered."""
    definition = {
        "QueryLanguage": "JSONata",
        "StartAt": "Call",
        "States": {"Call": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage",
                            "Arguments": {}, "Output": {"value": value}, "End": True}},
    }  # fmt: skip
    return run(definition, {}, lambda call: result).output["value"]


@settings(max_examples=150, deadline=None)
@given(JSON)
def test_any_answer_becomes_its_json_text(value):
    # jsonata-python leaves control characters as they are, where JSON escapes them.
    assert json.loads(evaluated(expression(OUTPUT), value), strict=False) == value


def test_literals_that_nothing_reads_stay_readable():
    call = state(Name="plain", Input={"n": [1, -0.5, True, None], "text": "50 % {a} $b"})
    assert call.arguments == {
        "Name": "plain",
        "Input": {"n": [1, -0.5, True, None], "text": "50 % {a} $b"},
    }


def test_big_integers_that_are_literals_are_not_touched():
    assert state(Input=2**62 + 1).arguments == {"Input": 2**62 + 1}


@pytest.mark.parametrize(
    ("value", "path"),
    [({"a": 1}, ("b",)), ([{"a": 1}], ("a",)), ({"a": 1}, (0,)), (5, (0,)), ([1], (1,))],
)
def test_a_path_that_leads_nowhere_fails_as_it_does_locally(value, path):
    with pytest.raises(LookupError):
        follow(json.loads(json.dumps(value)), path)
    with pytest.raises(Failure, match=r"States\.QueryEvaluationError"):
        received(outputs={"load": json.dumps(value)}, Input=output("load", *path))


def test_a_required_parameter_that_is_not_given_fails():
    with pytest.raises(Failure, match="parameter day has no value"):
        received(Input=parameter("day"))
    assert received(Input=parameter("tags")) == {"Input": ["a", None]}
    assert received(Input={"$param": "tags", "path": [1]}) == {"Input": None}


@pytest.mark.parametrize("value", [{"claim": "s3-key"}, None])
def test_an_output_that_is_not_inline_fails_and_says_so(value):
    with pytest.raises(Failure, match=r"QueryEvaluationError: the output of load went to S3"):
        received(outputs={"load": value}, Input=output("load"))


@pytest.mark.parametrize("items", [[], [1], [[], [1]], [{"a": "x,y"}, None, "z"]])
def test_the_output_of_a_map_is_a_list_of_texts(items):
    outputs = {"load": [json.dumps(item) for item in items]}
    assert received(outputs=outputs, Input=output("load")) == {"Input": items}


@pytest.mark.parametrize("text", ['{"$artifact":{"key":"x"}}', '[{"$codec":"x"}]'])
def test_an_output_that_is_more_than_json_fails_and_says_so(text):
    with pytest.raises(Failure, match="holds a value that JSON has not"):
        received(outputs={"load": text}, Input=output("load"))


@pytest.mark.parametrize(
    "value", [None, False, 0, "", [], {}, True, 1, "0", [0], [False], {"a": 0}]
)
def test_a_branch_is_decided_as_python_does(value):
    chosen = {"$branch": output("load"), "then": output("yes", "n"), "otherwise": "${no}"}
    outputs = {"load": json.dumps(value), "yes": '{"n": 1}' if value else None}
    assert received(outputs=outputs, Input=chosen) == {"Input": 1 if value else "${no}"}


def test_the_side_not_taken_may_have_been_skipped():
    chosen = {
        "$branch": output("load"),
        "then": output("yes"),
        "otherwise": output("no"),
        "path": ["n"],
    }
    assert received(outputs={"load": "1", "yes": '{"n": [1]}', "no": None}, Input=chosen) == {
        "Input": [1]
    }


SQS = {"kind": "aws", "resource": "sqs:sendMessage.waitForTaskToken"}


def test_the_token_stands_where_it_was_put():
    service = SQS | {"token_at": [["MessageBody", "answer", 1]]}
    given = received(service, QueueUrl="q", MessageBody={"answer": ["x", None]})
    assert given["MessageBody"]["answer"][0] == "x"
    assert isinstance(given["MessageBody"]["answer"][1], str)


@pytest.mark.parametrize(
    ("channel", "resource", "at"),
    [
        ({"topic": "arn"}, "sns:publish", ("Message",)),
        ({"queue": "url"}, "sqs:sendMessage", ("MessageBody",)),
        ({"event_bus": "bus"}, "events:putEvents", ("Entries", 0, "Detail")),
        ({}, "events:putEvents", ("Entries", 0, "Detail")),
    ],
)
def test_an_approval_is_sent_with_its_token(channel, resource, at):
    approval = {"kind": "approval"}
    made = state(approval, message="Ship?", **channel)
    assert made.resource == f"arn:aws:states:::{resource}.waitForTaskToken"
    content = follow(received(approval, message="Ship ${x}?", **channel), at)
    assert (content["message"], content["task_run"]) == ("Ship ${x}?", "call")
    assert isinstance(content["task_token"], str)


def test_a_wait_takes_a_number_or_a_time():
    assert state({"kind": "sleep"}, seconds=30) == ServiceWait(seconds=30)
    wait = state({"kind": "sleep"}, {"load": ""}, seconds=output("load", "n"))
    assert wait.seconds.startswith("{% $ceil(")
    until = {"kind": "sleep_until"}
    assert state(until, time="2026-01-31T12:00:00Z").timestamp == "2026-01-31T12:00:00Z"
    assert state(until, {"load": ""}, time=output("load")).timestamp.startswith("{% ")


def test_a_timeout_is_that_of_the_state():
    made = service_state(task(timeout_seconds=60), task_run(), {}, [])
    assert made.timeout_seconds == 60


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"Input": parameter("key")}, "parameter 'key' is a secret"),
        ({"Input": "\ud800"}, "half of a character"),
        ({"Input": {"a.$": output("load")}}, "make the dict in a task"),
        (
            {"Input": {"$branch": output("load"), "then": [output("load")], "otherwise": 1}},
            "pass what the branch returns through a task",
        ),
    ],
)
def test_what_cannot_be_written_is_refused_with_its_place(arguments, message):
    with pytest.raises(CompileError) as caught:
        state(outputs={"load": ""}, **arguments)
    assert message in str(caught.value)
    assert "task run 'call' (flows.py:7)" in str(caught.value)


def test_arguments_are_checked_again_when_a_flow_is_compiled():
    glue = task({"kind": "aws", "resource": "glue:startJobRun"})
    assert check_service(glue, task_run(JobName=parameter("day"))) is None
    with pytest.raises(CompileError, match=r"flows\.py:7.*did you mean 'JobName'"):
        check_service(glue, task_run(JobNme="x"))


def test_arguments_that_are_more_than_a_state_may_be_given_are_refused_with_the_number():
    publish = task({"kind": "aws", "resource": "sns:publish"})
    most = 262_144 - len('{"TopicArn":"t","Message":""}')
    assert check_service(publish, task_run(TopicArn="t", Message="x" * most)) is None
    with pytest.raises(LimitError) as caught:
        check_service(publish, task_run(TopicArn="t", Message="x" * (most - 1) + "ä"))
    assert str(caught.value) == (
        "task run 'call' (flows.py:7): its arguments take 262,145 bytes as they are written, and "
        "Step Functions gives a service at most 262,144; put what is large into S3, and give the "
        "service its address, or make the call in a task of Python"
    )
    with pytest.raises(LimitError, match="300,0"):
        check_service(task({"kind": "approval"}), task_run(message="x" * 300_000))


def test_the_answer_of_a_service_is_opened_as_it_is():
    variables = {"tell": Variable("r_tell", "answer")}
    call = service_state(task(), task_run(Input=output("tell")), variables, [])
    assert call.arguments == {"Input": "{% $parse($r_tell) %}"}


def test_what_a_state_opens_must_stay_inline():
    run_spec = task_run(Input=[output("a"), {"x": output("b", 0), "y": output("a", "n")}])
    assert opened_task_runs(task(), run_spec) == ("a", "b")
    assert opened_task_runs(task(service=None), run_spec) == ()
