"""place: where each task run goes, what it gets there, and what fits nowhere."""

import pytest

from dagy.errors import CompileError, LimitError
from dagy_compiler.fargate_sizes import offered, sufficient
from dagy_compiler.limits import FARGATE_MEMORY_MB
from dagy_compiler.modes import TIERS
from dagy_compiler.passes import Place
from dagy_compiler.placement import Placement
from dagy_compiler.plan import Plan
from tests.compiler.flows import Flow


def place(mode, *, executor=None, **needs):
    """Return the place of one task with these needs."""
    spec = Flow().task("load", executor=executor, source="flows.py:3", **needs).returns()
    return Place()(Plan(spec, mode)).placements["load"]


def refused(error, mode, *, executor=None, **needs):
    with pytest.raises(error) as caught:
        place(mode, executor=executor, **needs)
    return str(caught.value)


@pytest.mark.parametrize(
    ("mode", "name", "shown"),
    [
        ("nano", "WorkerFunction", "lambda, 1024 MB"),
        ("micro", "WorkerFunction", "lambda, 1024 MB"),
        ("small", "TaskDefinitionSmall", "ecs, 0.5 vCPU, 1024 MB"),
        ("medium", "TaskDefinitionMedium", "ecs, 1 vCPU, 2048 MB"),
        ("large", "TaskDefinitionLarge", "ecs, 2 vCPU, 4096 MB"),
        ("xlarge", "TaskDefinitionXlarge", "ecs, 4 vCPU, 12288 MB"),
    ],
)
def test_a_task_that_asks_for_nothing_gets_what_the_mode_gives(mode, name, shown):
    found = place(mode)
    assert (found.name, str(found)) == (name, shown)


def test_every_tier_is_a_size_that_fargate_offers():
    for tier in TIERS.values():
        if tier.vcpu is not None:
            assert tier.memory_mb in FARGATE_MEMORY_MB[tier.vcpu]


@pytest.mark.parametrize(
    ("needs", "name"),
    [
        ({"memory_mb": 2048}, "WorkerFunction2048Mb"),
        ({"memory_mb": 64}, "WorkerFunction128Mb"),
        ({"vcpu": 0.1}, "WorkerFunction"),
        ({"vcpu": 2}, "WorkerFunction3538Mb"),
        ({"vcpu": 6}, "WorkerFunction10240Mb"),
        ({"vcpu": 1, "memory_mb": 4096}, "WorkerFunction4096Mb"),
        ({"ephemeral_storage_mb": 100}, "WorkerFunction"),
        ({"ephemeral_storage_mb": 2048}, "WorkerFunctionDisk2048Mb"),
        ({"architecture": "arm64", "memory_mb": 512}, "WorkerFunction512MbArm64"),
        ({"architecture": "x86_64"}, "WorkerFunction"),
        ({"environment": {"STAGE": "prod"}}, "WorkerFunctionEnv14e72b"),
        ({"secrets": {"TOKEN": "ssm:/t"}}, "WorkerFunctionEnv04e958"),
    ],
)
def test_what_lambda_gives_for_what_a_task_asks(needs, name):
    assert place("micro", **needs).name == name


@pytest.mark.parametrize(
    ("needs", "name"),
    [
        ({}, "TaskDefinitionSmall"),
        ({"vcpu": 1}, "TaskDefinitionMedium"),
        ({"memory_mb": 1500}, "TaskDefinition256Cpu2048Mb"),
        ({"memory_mb": 100_000}, "TaskDefinition16384Cpu106496Mb"),
        ({"vcpu": 0.25, "memory_mb": 512}, "TaskDefinition256Cpu512Mb"),
        ({"ephemeral_storage_mb": 10_240}, "TaskDefinitionSmall"),
        ({"ephemeral_storage_mb": 21_000}, "TaskDefinitionSmallDisk21504Mb"),
        ({"architecture": "arm64"}, "TaskDefinitionSmallArm64"),
    ],
)
def test_what_fargate_gives_for_what_a_task_asks(needs, name):
    assert place("micro", executor="ecs", **needs).name == name


def test_a_call_goes_before_its_task_and_the_task_before_the_mode():
    assert place("micro", executor="ecs").executor == "ecs"
    assert place("large", executor="lambda") == place("micro")
    assert place("nano", default_executor="ecs").executor == "ecs"
    assert place("nano", default_executor="ecs", executor="lambda").executor == "lambda"
    assert place("large", default_executor="ecs").name == "TaskDefinitionLarge"


def test_equal_needs_are_one_place_in_whatever_order_they_are_written():
    flow = Flow()
    flow.task("a", environment={"AA": "1", "BB": "2"})
    flow.task("b", environment={"BB": "2", "AA": "1"})
    placements = Place()(Plan(flow.returns(), "micro")).placements
    assert placements["a"] == placements["b"]
    assert placements["a"].environment == (("AA", "1"), ("BB", "2"))


def test_different_needs_have_different_names():
    storage = [512, 1024]
    places = [
        Placement(executor, memory, vcpu, disk, environment, (), architecture)
        for executor, sizes in (
            ("lambda", [(1024, None), (2048, None)]),
            ("ecs", [(1024, 0.5), (1024, 0.25), (12_288, 4), (12_288, 2)]),
        )
        for memory, vcpu in sizes
        for disk in (storage if executor == "lambda" else [20_480, 21_504])
        for environment in ((), (("AA", "1"),))
        for architecture in ("x86_64", "arm64")
    ]
    names = [place.name for place in places]
    assert len(set(names)) == len(names)
    assert all(name.isalnum() for name in names)


@pytest.mark.parametrize(
    ("needs", "message"),
    [
        (
            {"timeout_seconds": 601.0},
            "task 'load' (flows.py:3): timeout_seconds is 601, and a Lambda invocation ends after "
            "600; use executor='ecs' or --execution-mode small, where there is no limit, or use a "
            "shorter timeout",
        ),
        (
            {"timeout_seconds": 700.0, "memory_mb": 9000},
            "use executor='ecs' or --execution-mode xlarge, where there is no limit",
        ),
        (
            {"memory_mb": 10_241},
            "memory_mb is 10,241, and Lambda has at most 10,240; use executor='ecs' or "
            "--execution-mode xlarge",
        ),
        (
            {"memory_mb": 20_000},
            "Lambda has at most 10,240; use executor='ecs', with 4 vCPU and 20,480 MB",
        ),
        (
            {"vcpu": 8},
            "vcpu is 8, and Lambda has at most 6; use executor='ecs', with 8 vCPU and 16,384 MB",
        ),
        (
            {"vcpu": 7},
            "vcpu is 7, and Lambda has at most 6; use executor='ecs' with another size: vcpu is 7, "
            "and Fargate offers 0.25, 0.5, 1, 2, 4, 8, 16; the least that is enough is vcpu=8 with "
            "memory_mb=16384",
        ),
        (
            {"vcpu": 1, "memory_mb": 20_000},
            "Lambda has at most 10,240; use executor='ecs' with another size: Fargate does not "
            "offer 20,000 MB with 1 vCPU, but 2,048 to 8,192 MB in steps of 1,024; the least that "
            "is enough is vcpu=4 with memory_mb=20480",
        ),
        (
            {"vcpu": 2, "memory_mb": 2048},
            "2 vCPU take 3,538 MB; memory_mb is 2,048: make it that much, or leave it or vcpu out",
        ),
        (
            {"ephemeral_storage_mb": 10_241},
            "ephemeral_storage_mb is 10,241, and Lambda has at most",
        ),
        (
            {"environment": {"LIST": "x" * 4000}},
            "its environment takes 4,005 bytes, and a Lambda function has 3,840 for it; use "
            "executor='ecs' or --execution-mode small, or keep it in Parameter Store",
        ),
    ],
)
def test_what_does_not_fit_lambda_is_refused_with_the_tier_that_would(needs, message):
    assert message in refused(LimitError, "micro", **needs)
    assert message in refused(LimitError, "nano", **needs)


@pytest.mark.parametrize(
    ("needs", "message"),
    [
        (
            {"vcpu": 0.5, "memory_mb": 1500},
            "task 'load' (flows.py:3): Fargate does not offer 1,500 MB with 0.5 vCPU, but 1,024 to "
            "4,096 MB in steps of 1,024; the least that is enough is vcpu=0.5 with memory_mb=2048, "
            "or leave out one of them to get the least that goes with the other",
        ),
        (
            {"vcpu": 3},
            "vcpu is 3, and Fargate offers 0.25, 0.5, 1, 2, 4, 8, 16; the least that is enough is "
            "vcpu=4 with memory_mb=8192",
        ),
    ],
)
def test_what_fargate_does_not_offer_is_refused_with_what_would_do(needs, message):
    assert message in refused(LimitError, "small", **needs)


@pytest.mark.parametrize("mode", TIERS)
@pytest.mark.parametrize(
    ("needs", "message"),
    [
        (
            {"memory_mb": 130_000},
            "task 'load' (flows.py:3): memory_mb is 130,000, and the largest place, on Fargate, "
            "has 122,880; split its work over several tasks",
        ),
        ({"vcpu": 64}, "vcpu is 64, and the largest place, on Fargate, has 16; split its work"),
        (
            {"ephemeral_storage_mb": 204_801},
            "ephemeral_storage_mb is 204,801, and the largest place, on Fargate, has 204,800; keep "
            "less on disk at once, as by S3, or split its work over several tasks",
        ),
    ],
)
def test_what_no_place_has_is_refused_with_the_most_there_is(mode, needs, message):
    found = refused(LimitError, mode, **needs)
    assert message in found
    assert "executor" not in found


def test_every_size_that_is_named_as_enough_is_offered():
    for vcpu in (0.1, 0.25, 1, 3, 7, 16):
        for memory in (1, 513, 5000, 61_441, 122_880):
            assert offered(*sufficient(vcpu, memory)) == sufficient(vcpu, memory)


def test_fargate_has_no_limit_of_time_and_a_large_environment():
    assert place("small", timeout_seconds=86_400.0).executor == "ecs"
    assert place("small", environment={"LIST": "x" * 4000}).executor == "ecs"


def test_an_unknown_executor_is_refused_with_the_nearest():
    message = refused(CompileError, "micro", executor="lamda")
    assert "there is no executor 'lamda'; did you mean 'lambda'?" in message


def test_step_functions_runs_no_python():
    assert "use aws_task, sleep or approval" in refused(
        CompileError, "micro", executor="step-functions"
    )


def test_a_variable_that_cloudformation_would_replace_is_refused():
    message = refused(CompileError, "micro", environment={"KEY": "{{resolve:ssm:/key}}"})
    assert "environment['KEY'] has '{{resolve:'" in message
    assert "name the secret in secrets instead" in message
