"""Many large values: whatever joins, no state is given or puts out more than AWS takes."""

import json

import pytest
from sfnx.testing import run

from dagy import flow, task
from dagy_compiler import compile_flow
from tests.differential.observe import Here, in_a_folder

STATE_BYTES = 262_144


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


@pytest.mark.parametrize(
    ("drawn", "result"), [(fan_out, 100_000_000), (mapped, 1_500), (mapped_inline, 40)]
)
def test_no_state_passes_what_aws_takes(drawn, result):
    spec = drawn.build()
    worker = Here(spec)
    sizes = []

    def answer(call):
        payload = {"Payload": worker.invoke(call.arguments["Payload"])}
        sizes.extend(len(json.dumps(each)) for each in (call.arguments, payload))
        return payload

    with in_a_folder():
        execution = run(compile_flow(spec, mode="micro").definition(), {}, answer)
    assert execution.error is None
    assert execution.output == result
    assert max(sizes) < STATE_BYTES
