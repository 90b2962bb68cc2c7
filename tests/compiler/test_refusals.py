"""What the compiler does not build it refuses, and says what to do instead."""

import pytest

from dagy.errors import CompileError, LimitError, NotBuiltError, SpecError
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


def test_every_policy_that_micro_does_not_do_yet_is_named_at_once():
    spec = (
        Flow()
        .task("slow", timeout_seconds=5.0, source="flows.py:3")
        .task("busy", concurrency_limit=2, retry_jitter_factor=0.5)
        .task("lazy", retries=1, delay={"$callable": "wait"}, hooks={"on_retry": ["f"]})
        .returns()
    )
    assert refused(NotBuiltError, spec, mode="micro").splitlines()[:-1] == [
        "task 'slow' (flows.py:3): timeout_seconds",
        "task 'busy': concurrency_limit, retry_jitter_factor",
        "task 'lazy': hooks, retry_delay_seconds (as a function)",
    ]
    assert "use --execution-mode nano" in refused(NotBuiltError, spec, mode="micro")
    assert compile_flow(spec, mode="nano").machine.start_at


@pytest.mark.parametrize("task_run_id", ["a b", "-a", ".a", "", "{% 1 %}", "a\n", "a'"])
def test_an_id_that_could_be_more_than_an_id(task_run_id):
    message = refused(SpecError, Flow().task(task_run_id).returns())
    assert message.startswith(f"task_runs[0].id: {task_run_id!r} must be made of letters")


@pytest.mark.parametrize("delay", [-1, "1", [1, None, "x"], True, float("nan"), {"a": 1}])
def test_a_malformed_delay(delay):
    message = refused(SpecError, Flow().task("load", retries=1, delay=delay).returns())
    assert message.startswith("tasks['load'].retry_delay_seconds: must be a number")


def test_a_negative_number_of_retries():
    message = refused(SpecError, Flow().task("load", retries=-1).returns())
    assert message == "tasks['load'].retries: must be at least 0, not -1"


@pytest.mark.parametrize("delay", [0.5, [1, 1.5]])
def test_a_delay_of_part_of_a_second_in_micro(delay):
    spec = Flow().task("load", retries=2, delay=delay).returns()
    assert "use a whole number, or --execution-mode nano" in refused(
        NotBuiltError, spec, mode="micro"
    )
    assert compile_flow(spec, mode="nano")


@pytest.mark.parametrize("delay", [None, 0, [1, 0], [0] * 40])
def test_more_unrolled_attempts_than_a_definition_should_hold(delay):
    spec = Flow().task("load", retries=32, delay=delay).returns()
    assert "task 'load': its 32 retries need more than 32 states" in refused(
        LimitError, spec, mode="micro"
    )


def test_a_delay_and_a_count_beyond_what_step_functions_accepts():
    spec = Flow().task("load", retries=2, delay=100_000_000).returns()
    assert "waits for at most 99,999,999 seconds" in refused(LimitError, spec, mode="micro")
    spec = Flow().task("load", retries=100_000_000, delay=1).returns()
    assert "makes at most 99,999,999; use fewer" in refused(LimitError, spec, mode="micro")


def test_an_unknown_pass():
    with pytest.raises(CompileError, match="there is no pass 'emmit'; did you mean 'emit'"):
        run_passes(Flow().returns(), after="emmit")
