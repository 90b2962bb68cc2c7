"""Flows of rich values, parameters, subflows and maps over maps, on the laptop and as machines."""

import json

import pytest
from sfnx.testing import Failure, run

from dagy.testing import run_in_memory
from dagy_compiler import compile_flow
from tests.differential.observe import Here, event_of, in_a_folder
from tests.differential.rich_flows import FLOWS
from tests.engines.handler import FunctionError


@pytest.mark.parametrize(
    ("mode", "fuse"), [("micro", "off"), ("micro", "chains"), ("small", "off")]
)
@pytest.mark.parametrize(("drawn", "given"), FLOWS, ids=lambda value: getattr(value, "name", None))
def test_a_flow_returns_the_same_in_every_mode(drawn, given, mode, fuse):
    here = run_in_memory(drawn, **given).raise_on_failure()
    spec = drawn.build()
    worker = Here(spec)

    def answer(call):
        try:
            return {"Payload": worker.invoke(event_of(call))}
        except FunctionError as error:
            raise Failure(error.payload["errorType"], json.dumps(error.payload)) from error

    with in_a_folder():
        execution = run(compile_flow(spec, mode=mode, fuse=fuse).definition(), given, answer)
    assert (execution.error, execution.cause) == (None, None)
    assert execution.output == json.loads(json.dumps(here.result))
