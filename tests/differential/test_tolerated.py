"""An item of a map whose failure is tolerated may end in any way that Lambda and ECS know."""

import json
from dataclasses import replace

import pytest
from sfnx.testing import Failure, run

from tests.differential import palette
from tests.differential.observe import Here, compiled, event_of, in_a_folder, on_sfnx, spec_of
from tests.differential.programs import Drawn, Mapped
from tests.engines.handler import FunctionError


def mapped(task, width, tolerated):
    order = {"fails": 0, "value": {"n": 2**63 + 1}}
    return Drawn((Mapped(palette.TASKS.index(task), order, width, tolerated),), (0,))


def killing(program, item, error, cause):
    """Run a flow of which one item ends with an error whenever it is to make an attempt."""
    spec = spec_of(program)
    worker = Here(spec)
    palette.CALLED.clear()

    def task(call):
        event = event_of(call)
        if event.get("item") == item and "tasks" in event and "lost" not in event:
            raise Failure(error, cause)
        try:
            return {"Payload": worker.invoke(event)}
        except FunctionError as raised:
            raise Failure(raised.payload["errorType"], json.dumps(raised.payload)) from raised

    with in_a_folder():
        return run(compiled(spec, "micro").definition(), {}, task)


ENDS = [
    ("Lambda.Unknown", '{"errorMessage": "RequestId: 1 Error: exited"}'),
    ("States.Timeout", ""),
    ("Lambda.TooManyRequestsException", "Rate exceeded"),
    ("Lambda.ResourceNotFoundException", "no such function"),
]
TASKS = [palette.plain, palette.natively, palette.watched, palette.by_list]


@pytest.mark.parametrize("width", [3, 41])
@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
@pytest.mark.parametrize(("error", "cause"), ENDS)
def test_the_map_goes_on_without_it(task, width, error, cause):
    execution = killing(mapped(task, width, 0.4), 1, error, cause)
    assert execution.error is None
    assert [item is None for item in execution.output] == [index == 1 for index in range(width)]


@pytest.mark.parametrize("error", ["States.HeartbeatTimeout", "AmazonECS.Unknown"])
@pytest.mark.parametrize("width", [3, 41])
def test_so_it_does_without_a_container(width, error):
    execution = killing(mapped(palette.contained, width, 1), 1, error, "gone")
    assert execution.error is None
    assert execution.output.count(None) == 1


@pytest.mark.parametrize("width", [3, 41])
@pytest.mark.parametrize(("error", "cause"), ENDS)
def test_one_too_many_fails_the_map_under_the_name_that_step_functions_gave(width, error, cause):
    program = mapped(palette.plain, width, 1)
    [statement] = program.statements
    broken = {**statement.order, "broken": [0], "error": "KeyError", "says": ""}
    program = replace(program, statements=(replace(statement, order=broken),))
    execution = killing(program, 1, error, cause)
    assert execution.error == error
    assert str(json.loads(execution.cause)["errorMessage"]) in cause


def test_the_others_keep_their_places():
    first = Mapped(0, {"fails": 0, "broken": [0, 40], "error": "KeyError", "says": ""}, 41, 2)
    observed = on_sfnx(Drawn((first,), (0,)), "micro")
    assert observed.output == [None, *([n] for n in range(1, 40)), None]
