"""What a Choice reads off the input of an execution is what a worker would make of it."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sfnx.testing import run

from dagy.errors import ParameterError
from dagy.parameters import bind
from dagy.spec import ParameterReference, TaskReference
from dagy_compiler.jsonata import expression
from dagy_compiler.parameter_truths import parameter_truth

KINDS = ["null", "boolean", "integer", "number", "string", "array", "object"]
NAMES = ["flag", "other", "keys", "näme"]
# A float that is whole is an integer by the time that Step Functions has read it.
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.sampled_from([0, 1, -3, 2**53 + 1, 0.5, 1e-300, "", "false", "0", "{% $i %}", "${x}"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["", "a"]), inner),
    max_leaves=3,
)
SHAPES = st.none() | st.lists(st.sampled_from(KINDS), min_size=1, max_size=3, unique=True)


@st.composite
def entries(draw, name):
    entry = {"name": name, "required": draw(st.booleans()), "type": "its type"}
    shape = ["boolean"] if draw(st.booleans()) else draw(SHAPES)
    if shape is not None:
        entry["accepts"] = shape
    if not entry["required"]:
        entry["default"] = draw(VALUES)
    return entry


PARAMETERS = st.lists(st.sampled_from(NAMES), min_size=1, unique=True).flatmap(
    lambda names: st.tuples(*map(entries, names))
)
INPUTS = st.dictionaries(st.sampled_from([*NAMES, "unknown"]), VALUES, max_size=4) | VALUES


def read_off(truth, sent):
    """What the Choice would see of an execution's input; "asked" where a worker is asked."""
    seen = {"Type": "Pass", "Output": expression(truth), "End": True}
    definition = {"QueryLanguage": "JSONata", "StartAt": "seen", "States": {"seen": seen}}
    return run(definition, sent, lambda call: None).output


@settings(max_examples=300, deadline=None)
@given(parameters=PARAMETERS, sent=INPUTS)
def test_it_is_true_if_the_bound_value_is_and_not_there_if_the_input_is_refused(parameters, sent):
    name = parameters[0]["name"]
    reference = ParameterReference(name)
    truth = parameter_truth(parameters, reference, "$states.context.Execution.Input", '"asked"')
    if truth is None:
        assert "accepts" not in parameters[0]
        return
    try:
        expected = bool(bind("flow", parameters, sent)[name]) if isinstance(sent, dict) else None
    except ParameterError:
        expected = "asked"
    assert read_off(truth, json.loads(json.dumps(sent))) == expected


@pytest.mark.parametrize(
    ("parameters", "reference"),
    [
        ([{"name": "a", "required": True, "accepts": ["object"]}], ParameterReference("a", ("b",))),
        ([{"name": "a", "required": True, "accepts": [{"const": 1}]}], ParameterReference("a")),
        ([{"name": "a", "required": True}], ParameterReference("a")),
        (
            [
                {"name": "a", "required": True, "accepts": ["boolean"]},
                {"name": "b", "required": False, "accepts": [{"array": None}]},
            ],
            ParameterReference("a"),
        ),
        (
            [
                {"name": "a", "required": True, "accepts": ["boolean"]},
                {"name": "b", "required": False, "accepts": ["string"], "secret": True},
            ],
            ParameterReference("a"),
        ),
        (
            [{"name": "a", "required": False, "accepts": ["boolean"], "bound": True}],
            ParameterReference("a"),
        ),
        ([{"name": "a", "required": True, "accepts": ["boolean"]}], TaskReference("a")),
    ],
    ids=["part", "constant", "anything", "nested", "secret", "bound", "output"],
)
def test_otherwise_a_worker_is_asked(parameters, reference):
    assert parameter_truth(parameters, reference, "$states.input", "$states.input") is None
