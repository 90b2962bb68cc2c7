"""A branch goes the same way everywhere, whatever decides it; no worker is asked that need not be."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sfnx.testing import Failure, run

from dagy.testing import run_in_memory
from dagy_compiler import compile_flow
from dagy_compiler.bundle import FlowSource, write_bundle
from tests.differential import branch_flows
from tests.differential.branch_flows import (
    VALUES,
    WITHOUT_TRUTH,
    again_and_again,
    at_once,
    in_a_container,
    no_such_item,
    no_such_key,
    on_a_flag,
    on_a_list,
    on_a_map,
    on_a_number,
    on_baskets,
    on_nested_lists,
    on_parameters,
    one_in_another,
    part,
    waited_for,
    whole,
)
from tests.differential.observe import Here, compiled, event_of, in_a_folder
from tests.engines.handler import FunctionError
from tests.engines.moto import execute_definition
from tests.engines.sfnx import nesting


@dataclass
class Ended:
    """How an execution ended: its output or its error, and how often a worker was asked a truth."""

    output: object
    error: str | None
    message: str | None
    asked: int
    states: tuple[str, ...] = ()


class Counting(Here):
    """The real worker, which counts the questions for a truth."""

    asked = 0

    def invoke(self, event):
        self.asked += "truth" in event
        return super().invoke(event)


def locally(drawn, given):
    found = run_in_memory(drawn, **given)
    error = found.error
    return json.loads(json.dumps(found.result)), error and error.type, error and error.message


def ended(worker, error, cause, output):
    message = json.loads(cause).get("errorMessage") if error else None
    return Ended(output, error, message, worker.asked)


def on_sfnx(drawn, given, mode="micro", fuse="off", size=None):
    spec = drawn.build()
    worker = Counting(spec)

    def answer(call):
        try:
            return {"Payload": worker.invoke(event_of(call))}
        except FunctionError as error:
            raise Failure(error.payload["errorType"], json.dumps(error.payload)) from error

    found = compiled(spec, mode, fuse, size)
    with in_a_folder():
        execution = run(found.definition(), given, nesting(answer, found.parts()))
    output = None if execution.error else execution.output
    found = ended(worker, execution.error, execution.cause, output)
    return replace(found, states=execution.states)


def on_moto(drawn, given):
    spec = drawn.build()
    worker = Counting(spec)
    definition = json.dumps(compile_flow(spec, mode="micro").definition())
    with in_a_folder():
        outcome = execute_definition(definition, given, worker)
    return ended(worker, outcome.error, outcome.cause, outcome.output)


def agrees(there, drawn, given):
    return (there.output, there.error, there.message) == locally(drawn, given)


ON_ONE = [
    whole,
    part,
    in_a_container,
    at_once,
    one_in_another,
    again_and_again,
    waited_for,
]


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("drawn", ON_ONE, ids=lambda drawn: drawn.name)
def test_the_call_that_makes_a_value_tells_its_truth(drawn, name):
    there = on_sfnx(drawn, {"name": name})
    assert agrees(there, drawn, {"name": name})
    assert there.asked == 0


@pytest.mark.parametrize("name", WITHOUT_TRUTH)
@pytest.mark.parametrize("drawn", ON_ONE, ids=lambda drawn: drawn.name)
def test_a_value_without_a_truth_fails_where_the_branch_is(drawn, name):
    there = on_sfnx(drawn, {"name": name})
    assert agrees(there, drawn, {"name": name})
    assert (there.error is not None, there.asked) == (True, 1)


@pytest.mark.parametrize("drawn", [no_such_key, no_such_item], ids=lambda drawn: drawn.name)
def test_a_part_that_is_not_there_fails_where_the_branch_is(drawn):
    there = on_sfnx(drawn, {})
    assert agrees(there, drawn, {})
    assert (there.error, there.asked) == ("LookupError", 1)


@pytest.mark.parametrize("n", [0, 1, 3, 41])
def test_of_a_map_a_worker_is_asked(n):
    there = on_sfnx(on_a_map, {"n": n})
    assert agrees(there, on_a_map, {"n": n})
    assert there.asked == 1


PARAMETERS = [
    {},
    {"flag": True},
    {"flag": False, "number": 3, "text": "false", "maybe": 0},
    {"flag": True, "number": -1, "text": "x", "options": {"deep": ["0"]}, "maybe": 1},
]


@pytest.mark.parametrize("given", PARAMETERS, ids=str)
def test_a_call_that_is_sent_the_parameters_tells_their_truths(given):
    there = on_sfnx(on_parameters, given)
    assert agrees(there, on_parameters, given)
    assert there.asked == 0


def test_a_part_of_a_parameter_that_is_not_there_fails_where_the_branch_is():
    given = {"options": {"deep": []}}
    there = on_sfnx(on_parameters, given)
    assert agrees(there, on_parameters, given)
    assert there.asked == 2  # in each attempt of the flow


BY_THE_INPUT = [
    *((on_a_flag, {"flag": flag}) for flag in (True, False)),
    *((on_a_number, given) for given in ({}, {"number": 0}, {"number": -0.0}, {"number": 1e-300})),
    (on_a_number, {"number": 0, "day": "2027-01-01"}),
]
ASKED_ONCE = [
    *((on_a_list, {"items": items}) for items in ([0], [[]], [[0]], ["false"])),
    *((on_nested_lists, given) for given in ({}, {"flag": False}, {"rows": [], "flag": False})),
]


@pytest.mark.parametrize(("drawn", "given"), [*BY_THE_INPUT, *ASKED_ONCE], ids=str)
def test_no_worker_is_asked_for_a_parameter_of_which_the_kind_is_all_there_is_to_check(
    drawn, given
):
    there = on_sfnx(drawn, given)
    assert agrees(there, drawn, given)
    assert there.asked == ((drawn, given) in ASKED_ONCE)


UNFIT = [
    *((on_parameters, given) for given in ({"flag": "yes"}, {"nothing": 1}, {"number": [1]})),
    *((on_parameters, given) for given in ({"number": True}, {"number": 1.5}, {"maybe": "1"})),
    *((on_a_flag, given) for given in ({}, {"flag": None}, {"flag": 1}, {"flag": True, "x": 1})),
    *((on_a_flag, given) for given in ({"flag": [True]}, {"flag": {}})),
    *((on_a_number, given) for given in ({"number": "1"}, {"day": 20260101})),
    *((on_a_flag, given) for given in (True, False, [{"flag": True}], "true", None)),
    (on_nested_lists, {"rows": [0]}),
]


@pytest.mark.parametrize(("drawn", "given"), UNFIT, ids=str)
def test_an_input_that_does_not_fit_is_refused_before_a_branch_is_taken(drawn, given):
    there = on_sfnx(drawn, given)
    assert (there.error, there.asked) == ("ParameterError", 1)
    assert "said" not in there.states


NAMES = st.sampled_from([*VALUES, *WITHOUT_TRUTH])
WAYS = st.sampled_from(
    [("micro", "off"), ("micro", "chains"), ("micro", "auto"), ("small", "off"), ("nano", "off")]
)


@settings(max_examples=30, deadline=None)
@given(
    drawn=st.sampled_from(ON_ONE),
    name=NAMES,
    way=WAYS,
    size=st.none() | st.integers(1_000, 12_000),
)
def test_in_every_mode_and_in_parts(drawn, name, way, size):
    mode, fuse = way
    there = on_sfnx(drawn, {"name": name}, mode, fuse, size if mode == "micro" else None)
    assert agrees(there, drawn, {"name": name})


@settings(max_examples=5, deadline=None)
@given(drawn=st.sampled_from([each for each in ON_ONE if each is not in_a_container]), name=NAMES)
def test_on_moto(drawn, name):
    there = on_moto(drawn, {"name": name})
    assert agrees(there, drawn, {"name": name})
    assert there.asked == (name in WITHOUT_TRUTH)


@pytest.mark.parametrize(
    ("drawn", "given"),
    [*((on_parameters, given) for given in PARAMETERS), *BY_THE_INPUT, *ASKED_ONCE],
    ids=str,
)
def test_parameters_on_moto(drawn, given):
    there = on_moto(drawn, given)
    assert agrees(there, drawn, given)
    assert there.asked == ((drawn, given) in ASKED_ONCE)


@pytest.mark.parametrize(("drawn", "given"), UNFIT, ids=str)
def test_an_input_that_does_not_fit_is_refused_on_moto(drawn, given):
    there = on_moto(drawn, given)
    assert (there.error, there.asked) == ("ParameterError", 1)


@pytest.mark.parametrize(
    ("drawn", "given"),
    [
        *((whole, {"name": name}) for name in ("minus zero", "no bytes", "an unknown basket")),
        *((at_once, {"name": name}) for name in ("larger than a state", "an empty basket")),
        (one_in_another, {"name": "true", "second": False}),
        *((waited_for, {"name": name}) for name in ("true", "false")),
        *((again_and_again, {"name": "zero", "second": second}) for second in (True, False)),
        *((in_a_container, {"name": name}) for name in ("false", "a list of false")),
        (on_baskets, {}),
        *BY_THE_INPUT,
        *ASKED_ONCE[:1],
        (on_parameters, {}),
        (on_parameters, {"flag": True, "number": -1, "text": "x", "options": {"deep": ["0"]}}),
    ],
    ids=str,
)
def test_on_ministack_with_the_worker_of_the_artifact(ministack, tmp_path, drawn, given):
    root = Path(__file__).parents[2]
    package = (root / "tests" / "__init__.py", Path(__file__).with_name("__init__.py"))
    source = FlowSource(root, (Path(branch_flows.__file__), *package))
    found = compile_flow(drawn.build(), mode="micro")
    there = ministack.run(write_bundle(found, source, tmp_path, python_version="3.12").path, given)
    output, error, message = locally(drawn, given)
    assert (there.output, there.error) == (output, error)
    assert there.error is None or there.error_message == message
