"""A redrive goes on where an execution failed, whatever it failed by, and comes to the same end."""

from collections import Counter

import pytest
from hypothesis import given
from sfnx.testing import Failure

from dagy_compiler.guard import is_caught
from tests.differential import palette
from tests.differential.observe import (
    Here,
    answering,
    compiled,
    in_a_folder,
    locally,
    spec_of,
)
from tests.differential.programs import (
    Call,
    Drawn,
    Mapped,
    crossed_programs,
    failing_programs,
    programs,
)
from tests.differential.test_chaos import TROUBLES, troubled
from tests.differential.test_differential import SEEDS, drawing
from tests.engines.redrive import Redrivable


class Redriven:
    """A flow on sfnx's runner, whose execution can be redriven.

    Attributes:
        delivered: how often the state machine was told that a task run, or an item, has succeeded
            that was really run.
    """

    def __init__(self, program, around=lambda event, invoke: invoke(), **options):
        self.spec = spec_of(program)
        self.delivered = Counter()
        flow = compiled(self.spec, "micro", **options)

        def counted(event, invoke):
            before = len(palette.CALLED)
            answer = around(event, invoke)
            if "tasks" in event and "lost" not in event and len(palette.CALLED) > before:
                self.delivered[*event["tasks"], event.get("item")] += 1
            return answer

        task = answering(Here(self.spec), counted)
        self._execution = Redrivable(flow.definition(), flow.parts(), {}, task)

    def run(self):
        return self._execution.run()


@pytest.fixture(autouse=True)
def as_it_was():
    yield
    palette.MENDED.clear()


def mended_in_the_end(program, troubles, **options):
    """Redrive a flow until nothing stands in its way any more."""
    here = locally(program)
    around = troubled(troubles)
    flow = Redriven(program, lambda _event, invoke: around(invoke), **options)
    with in_a_folder():
        execution = flow.run()
        for _ in troubles:
            if execution.error is not None:
                execution = flow.run()
    assert execution.error is None
    # Some items may have been lost for good, where some may.
    assert execution.output == here.output or program.tolerates()
    starts_anew = is_caught(flow.spec) or program.tolerates() or "size" in options
    assert starts_anew or max(flow.delivered.values(), default=0) <= 1


@drawing(1)
@given(programs(), TROUBLES)
def test_what_lambda_broke_is_gone_on_with_and_nothing_that_succeeded_runs_again(program, troubles):
    mended_in_the_end(program, troubles)


@drawing(0.5)
@given(crossed_programs(), TROUBLES, SEEDS)
def test_so_it_is_where_tasks_wait_across_branches(program, troubles, seed):
    mended_in_the_end(program, troubles, joins=seed)


@drawing(0.5)
@given(programs(), TROUBLES)
def test_so_it_is_in_nested_machines(program, troubles):
    mended_in_the_end(program, troubles, size=6_000)


@drawing(1)
@given(failing_programs())
def test_a_task_that_failed_makes_its_attempts_anew(program):
    palette.MENDED.clear()
    flow = Redriven(program)
    with in_a_folder():
        first = flow.run()
        assert flow.run().error == first.error
        palette.MENDED.append(True)
        execution = flow.run()
        here = locally(program)
    palette.MENDED.clear()
    assert execution.error is None
    # Where items may fail, a map before the failed task has gone on without them.
    assert execution.output == here.output or program.tolerates()


def mapped(task, width, **order):
    failing = {"fails": 0, "error": "KeyError", "says": "", **order}
    return Drawn((Mapped(palette.TASKS.index(task), failing, width),), (0,))


MANY = 41
TASKS = [palette.plain, palette.natively, palette.watched, palette.by_list]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_items_of_many_that_have_succeeded_do_not_run_again(task):
    flow = Redriven(mapped(task, MANY, broken=[7, 40]))
    with in_a_folder():
        assert flow.run().error == "KeyError"
        palette.MENDED.append(True)
        execution = flow.run()
    assert execution.output == [[item] for item in range(MANY)]
    assert set(flow.delivered.values()) == {1}


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
@pytest.mark.parametrize("error", ["Lambda.Unknown", "Lambda.ResourceNotFoundException"])
def test_the_first_of_many_items_that_fails_surfaces_whatever_it_failed_by(task, error):
    def refused(event, invoke):
        if event.get("item") == 3 and "tasks" in event and "lost" not in event:
            raise Failure(error, "no such function")
        return invoke()

    flow = Redriven(mapped(task, MANY, broken=[7]), refused)
    with in_a_folder():
        execution = flow.run()
    assert (execution.error, "no such function" in execution.cause) == (error, True)


@pytest.mark.parametrize("hooks", [{"on_failure": palette.HOOKS["on_failure"]}, {"retries": 1}])
def test_a_flow_that_is_caught_as_a_whole_makes_another_attempt(hooks):
    program = mapped(palette.plain, MANY, broken=[7])
    program = Drawn(program.statements, (0,), {**hooks, "on_running": palette.HOOKS["on_running"]})
    flow = Redriven(program)
    with in_a_folder():
        palette.CALLED.clear()
        assert flow.run().error == "KeyError"
        attempts = 1 + hooks.get("retries", 0)
        palette.MENDED.append(True)
        assert flow.run().output == [[item] for item in range(MANY)]
    begun = [what[3] for what in palette.CALLED if what[:2] == ("hook", "on_running")]
    assert begun == list(range(1, attempts + 2))
    assert flow.delivered["plain", 0] == attempts + 1


def test_a_part_that_failed_is_started_anew():
    order = {"fails": 99, "error": "KeyError", "says": ""}
    calls = [Call(0, {"fails": 0}, after=(0,)) for _ in range(12)]
    program = Drawn((*calls, Call(0, order, after=(0,))), (0,))
    flow = Redriven(program, size=6_000)
    with in_a_folder():
        assert [flow.run().error, flow.run().error] == ["KeyError", "KeyError"]
        palette.MENDED.append(True)
        assert flow.run().error is None
    assert flow.delivered["plain", None] == 1
