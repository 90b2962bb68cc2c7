"""What the compiler does not build it refuses, and says what to do instead."""

import pytest

from dagy.errors import CompileError, LimitError, SpecError
from dagy_compiler import compile_flow, run_passes
from tests.compiler.flows import Flow


def refused(error, spec, **options):
    with pytest.raises(error) as caught:
        compile_flow(spec, **options)
    return str(caught.value)


def test_an_unknown_mode():
    message = refused(CompileError, Flow().returns(), mode="mikro")
    assert message == (
        "there is no execution mode 'mikro'; did you mean 'micro'?; "
        "the modes are nano, micro, small, medium, large, xlarge"
    )


@pytest.mark.parametrize("mode", ["nano", "micro"])
def test_step_functions_runs_no_python(mode):
    spec = Flow().task("load", executor="step-functions").returns()
    assert refused(CompileError, spec, mode=mode) == (
        "flow 'daily', task 'load': executor 'step-functions' is for what Step Functions does itself, and it runs "
        "no Python; use aws_task, sleep or approval, or leave the executor out"
    )


@pytest.mark.parametrize("task_run_id", ["a b", "-a", ".a", "", "{% 1 %}", "a\n", "a'"])
def test_an_id_that_could_be_more_than_an_id(task_run_id):
    message = refused(SpecError, Flow().task(task_run_id).returns())
    assert message.startswith(f"task_runs[0].id: {task_run_id!r} must be made of letters")


def test_an_id_that_cloudformation_would_evaluate_as_a_key_of_a_definition():
    message = refused(CompileError, Flow().task("Ref").returns())
    assert message.startswith(
        "flow 'daily', task 'Ref': no call of a task can be called 'Ref', which"
    )


@pytest.mark.parametrize("delay", [-1, "1", [1, None, "x"], True, float("nan"), {"a": 1}])
def test_a_malformed_delay(delay):
    message = refused(SpecError, Flow().task("load", retries=1, delay=delay).returns())
    assert message.startswith("tasks['load'].retry_delay_seconds: must be a number")


def test_a_negative_number_of_retries():
    message = refused(SpecError, Flow().task("load", retries=-1).returns())
    assert message == "tasks['load'].retries: must be at least 0, not -1"


def test_a_delay_and_a_count_beyond_what_step_functions_accepts():
    spec = Flow().task("load", retries=2, delay=100_000_000, source="daily.py:7").returns()
    assert refused(LimitError, spec, mode="micro") == (
        "flow 'daily', task 'load' (daily.py:7): retry_delay_seconds has 100,000,000, and Step Functions waits for at "
        "most 99,999,999 seconds; use a shorter delay"
    )
    spec = Flow().task("load", retries=100_000_000, delay=1).returns()
    assert "makes at most 99,999,999; use fewer" in refused(LimitError, spec, mode="micro")


def test_an_unknown_pass():
    with pytest.raises(CompileError, match="there is no pass 'emmit'; did you mean 'emit'"):
        run_passes(Flow().returns(), after="emmit")
