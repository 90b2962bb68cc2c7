"""Many large values: whatever joins, no state is given or puts out more than AWS takes."""

import json

import pytest
from sfnx.testing import Failure, run

from dagy import flow, task
from dagy_compiler import compile_flow
from dagy_compiler.limits import STATE_BYTES, VARIABLES_BYTES
from tests.differential.observe import Here, event_of, in_a_folder
from tests.engines.handler import FunctionError
from tests.engines.sfnx import nesting


@task
def large(n: int) -> str:
    return chr(65 + n % 26) * 100_000


@task
def lengths(*texts: str) -> int:
    return sum(map(len, texts))


@task
def below(n: int) -> list:
    return list(range(n))


@task
def long_texts(texts: list) -> int:
    return sum(len(text) == 100_000 for text in texts)


@flow
def fan_out():
    return lengths(*[large(n) for n in range(1_000)])


@flow
def mapped():
    return long_texts(large.map(below(1_500)))


@flow
def mapped_inline():
    return long_texts(large.map(below(40)))


def sizes_of(drawn, mode, given=None):
    """Run a flow; return the bytes of what its calls are sent and answer, and its output."""
    spec = drawn.build()
    worker = Here(spec)
    sizes = []

    def answer(call):
        payload = {"Payload": worker.invoke(event_of(call))}
        sizes.extend(len(json.dumps(each)) for each in (call.arguments, payload))
        return payload

    with in_a_folder():
        found = compile_flow(spec, mode=mode)
        execution = run(found.definition(), given or {}, nesting(answer, found.parts()))
    assert execution.error is None
    return sizes, execution.output


@task
def number(n: int) -> int:
    return n


@task
def total(*numbers: int) -> int:
    return sum(numbers)


@flow
def wide():
    """Even the claims of so many would not fit into a state."""
    return total(*[number(n) for n in range(2_500)])


@flow
def wide_return():
    return [number(n) for n in range(2_500)]


@pytest.mark.parametrize(
    ("drawn", "result"),
    [
        (fan_out, 100_000_000),
        (mapped, 1_500),
        (mapped_inline, 40),
        (wide, sum(range(2_500))),
        (wide_return, list(range(2_500))),
    ],
)
def test_no_state_passes_what_aws_takes(drawn, result):
    sizes, output = sizes_of(drawn, "micro")
    assert output == result
    assert max(sizes) < STATE_BYTES


@task
def long_text(letter: str) -> str:
    return letter * 200_000


@task(executor="lambda")
def length(text: str) -> int:
    return len(text)


@flow
def read_apart():
    return total(length(long_text("a")), length(long_text("b")))


def test_what_one_worker_answers_to_several_readers_fits_into_one_state():
    sizes, output = sizes_of(read_apart, "small")
    assert output == 400_000
    assert max(sizes) < STATE_BYTES


@flow
def many_in_branches():
    return total(*[length(large(n)) for n in range(300)])


@flow
def many_in_a_row():
    made = [long_text("a")]
    for _ in range(59):
        made.append(long_text("b", wait_for=[made[-1]]))
    read = [length(made[0], wait_for=[made[-1]])]
    for text in made[1:]:
        read.append(length(text, wait_for=[read[-1]]))
    return total(*read)


@pytest.mark.parametrize(
    ("drawn", "result"), [(many_in_branches, 30_000_000), (many_in_a_row, 12_000_000)]
)
def test_what_the_variables_hold_is_no_more_than_aws_takes(drawn, result):
    sizes, output = sizes_of(drawn, "micro")
    assert output == result
    answers = sizes[1::2]  # each ends up in one variable
    assert sum(answers) < VARIABLES_BYTES


@task(name="a_task_with_a_name_that_says_all_that_it_does")
def named_at_length(n: int) -> str:
    return "x" * 330


@flow
def many_named():
    return lengths(*[named_at_length(n) for n in range(700)])


def test_the_names_of_many_values_fit_into_the_state_too():
    sizes, output = sizes_of(many_named, "micro")
    assert output == 330 * 700
    assert max(sizes) < STATE_BYTES


@flow
def beside_parameters(text: str, number: int = 0):
    made = [large(length(text)), large(1)]
    return lengths(*made, long_text("é"), text, wait_for=[long_texts.map([[text], made])])


def test_parameters_and_results_fit_into_a_state_together():
    sizes, output = sizes_of(beside_parameters, "micro", {"text": "x" * 119_000})
    assert output == 100_000 * 2 + 200_000 + 119_000
    assert max(sizes) < STATE_BYTES


def test_more_parameters_are_refused_by_the_first_task_that_reads_one():
    spec = beside_parameters.build()
    worker = Here(spec)
    called = []

    def answer(call):
        called.append(call.state)
        try:
            return {"Payload": worker.invoke(event_of(call))}
        except FunctionError as error:
            raise Failure(error.payload["errorType"], json.dumps(error.payload)) from error

    with in_a_folder():
        definition = compile_flow(spec, mode="micro").definition()
        execution = run(definition, {"text": "é" * 60_000}, answer)
    assert execution.error == "LimitError"
    assert "takes 120,011 bytes, and for this flow it may take 120,000" in execution.cause
    assert len(called) <= 2  # beside the one that reads none
