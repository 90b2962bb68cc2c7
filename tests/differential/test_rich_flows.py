"""Flows of rich values, parameters, subflows and maps over maps, on the laptop and as machines."""

import json
from pathlib import Path

import pytest
from sfnx.testing import Failure, run

from dagy.testing import run_in_memory
from dagy_compiler import compile_flow, explain, explanation_text
from dagy_compiler.bundle import FlowSource, write_bundle
from dagy_compiler.render import outline
from tests.differential import rich_flows
from tests.differential.observe import Here, event_of, in_a_folder
from tests.differential.rich_flows import FLOWS, like_marks, like_references, over_lists
from tests.engines.handler import FunctionError
from tests.engines.moto import execute_definition


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


@pytest.mark.parametrize("drawn", [drawn for drawn, _ in FLOWS], ids=lambda drawn: drawn.name)
def test_a_flow_can_be_looked_at(drawn):
    found = compile_flow(drawn.build(), mode="micro")
    assert drawn.name in outline(found.definition(), found.parts())
    assert drawn.name in explanation_text(explain(found.plan))


LIKE = pytest.mark.parametrize("drawn", [like_marks, like_references], ids=lambda it: it.name)


def test_maps_over_lists_on_moto():
    spec = over_lists.build()
    with in_a_folder():
        definition = json.dumps(compile_flow(spec, mode="micro").definition())
        there = execute_definition(definition, {}, Here(spec))
    assert there.output == run_in_memory(over_lists).raise_on_failure().result


@LIKE
def test_what_looks_like_a_mark_or_a_reference_is_returned_as_it_is_on_moto(drawn):
    spec = drawn.build()
    with in_a_folder():
        definition = json.dumps(compile_flow(spec, mode="micro").definition())
        there = execute_definition(definition, {}, Here(spec))
    assert there.output == run_in_memory(drawn).raise_on_failure().result


@LIKE
def test_what_looks_like_a_mark_or_a_reference_is_returned_as_it_is_on_ministack(
    ministack, tmp_path, drawn
):
    root = Path(__file__).parents[2]
    package = (root / "tests" / "__init__.py", Path(__file__).with_name("__init__.py"))
    source = FlowSource(root, (Path(rich_flows.__file__), *package))
    found = compile_flow(drawn.build(), mode="micro")
    there = ministack.run(write_bundle(found, source, tmp_path, python_version="3.12").path, {})
    assert there.output == run_in_memory(drawn).raise_on_failure().result
