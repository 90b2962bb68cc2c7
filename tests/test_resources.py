"""What a task asks of its machine: checked when it is defined, kept in the FlowSpec, given locally."""

import json
import os

import pytest

from dagy import FlowSpec, flow, task
from dagy.environment import (
    SECRET_SECONDS,
    LocalEnvironment,
    read_env_file,
    without_secrets,
    worker_environment,
)
from dagy.errors import DefinitionError, SpecError, TaskEnvironmentError, TraceError
from dagy.masking import MASK
from dagy.resources import secret_source

NEEDS = {
    "memory_mb": 2048,
    "vcpu": 0.5,
    "ephemeral_storage_mb": 4096,
    "environment": {"STAGE": "prod"},
    "secrets": {"TOKEN": "ssm:/prod/token"},
    "architecture": "arm64",
}


@task(**NEEDS)
def train(rows):
    return rows


@flow
def daily(rows: int = 1):
    return train(rows)


def test_needs_are_in_the_spec_and_in_copies_of_the_task():
    spec = daily.build()
    assert FlowSpec.from_json(spec.to_json()) == spec
    for name, value in NEEDS.items():
        assert getattr(spec.tasks["train"], name) == value
    larger = train.with_options(memory_mb=4096)
    assert (larger.memory_mb, larger.environment) == (4096, {"STAGE": "prod"})


@pytest.mark.parametrize(
    ("needs", "message"),
    [
        ({"memory_mb": 0}, "memory_mb must be a whole number of megabytes above 0, not 0"),
        ({"memory_mb": 1.5}, "memory_mb must be a whole number"),
        ({"vcpu": 0}, "vcpu must be a number of processors above 0, such as 0.5, not 0"),
        ({"vcpu": "1"}, "vcpu must be"),
        ({"ephemeral_storage_mb": True}, "ephemeral_storage_mb must be"),
        ({"architecture": "x86"}, "architecture must be 'x86_64' or 'arm64', not 'x86'"),
        (
            {"environment": ["A=1"]},
            "environment must be a dict from names of environment variables",
        ),
        ({"environment": {"A-B": "1"}}, "no variable can be called 'A-B'"),
        ({"environment": {"AWS_REGION": "x"}}, "not one that Lambda sets itself"),
        ({"environment": {"DAGY_CALL": "x"}}, "does not begin with DAGY_"),
        ({"environment": {"LIMIT": 3}}, "environment['LIMIT'] must be text, not a int"),
        (
            {"environment": {"TOKEN": "x"}, "secrets": {"TOKEN": "ssm:/t"}},
            "TOKEN is in both environment and secrets",
        ),
    ],
)
def test_needs_that_nothing_can_meet_are_refused_by_the_decorator(needs, message):
    with pytest.raises(DefinitionError) as caught:
        task(**needs)(len)
    assert message in str(caught.value)


def test_a_secret_written_where_its_address_belongs_is_not_shown():
    with pytest.raises(DefinitionError) as caught:
        task(secrets={"TOKEN": "hunter2 hunter2"})(len)
    assert "secrets['TOKEN'] must be 'secretsmanager:NAME'" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("reference", "source"),
    [
        ("secretsmanager:prod/db", ("secretsmanager", "prod/db")),
        (
            "secretsmanager:arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf",
            ("secretsmanager", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf"),
        ),
        ("ssm:/prod/token", ("ssm", "/prod/token")),
    ],
)
def test_the_address_of_a_secret(reference, source):
    assert secret_source(reference) == source


@pytest.mark.parametrize("reference", ["", "ssm:", "vault:x", "ssm:/a b", "secretsmanager:${x}"])
def test_what_is_no_address_of_a_secret(reference):
    with pytest.raises(SpecError, match="must be 'secretsmanager:NAME'"):
        secret_source(reference)


@pytest.mark.parametrize(
    ("field", "value"),
    [("memory_mb", 0), ("vcpu", -1), ("environment", {"A": 1}), ("secrets", {"TOKEN": "x"})],
)
def test_a_malformed_need_in_a_spec_is_refused_by_field(field, value):
    document = json.loads(daily.build().to_json())
    document["tasks"]["train"][field] = value
    with pytest.raises(SpecError) as caught:
        FlowSpec.from_json(json.dumps(document))
    assert caught.value.path == f"tasks['train'].{field}"


@task
def where():
    return 1


def test_a_copy_that_differs_in_its_executor_only_is_the_same_task_called_elsewhere():
    @flow
    def both():
        return [where(), where.with_options(executor="ecs")()]

    spec = both.build()
    assert list(spec.tasks) == ["where"]
    assert [run.executor for run in spec.task_runs] == [None, "ecs"]


def test_a_copy_that_differs_in_more_needs_a_name_of_its_own():
    @flow
    def both():
        return [where(), where.with_options(executor="ecs", retries=1)()]

    problem = "two different tasks are called 'where'.* are others: executor, retries;"
    with pytest.raises(TraceError, match=problem):
        both.build()


def test_copies_that_are_alike_are_the_same_task():
    @flow
    def several():
        return [where.with_options(name="there", retries=2)() for _ in range(3)]

    spec = several.build()
    assert list(spec.tasks) == ["there"]
    assert [run.id for run in spec.task_runs] == ["there", "there-2", "there-3"]


# How a task sees it. The names are of this file, so that no two tests share a variable.


@task(environment={"RESOURCES_TEST_STAGE": "prod"})
def stage():
    return os.environ["RESOURCES_TEST_STAGE"]


@task(secrets={"RESOURCES_TEST_TOKEN": "ssm:/token"})
def leak():
    print("token is", os.environ["RESOURCES_TEST_TOKEN"])
    return "it is " + os.environ["RESOURCES_TEST_TOKEN"]


@flow
def staged():
    return stage()


@flow
def leaking():
    return leak()


def test_variables_are_there_while_a_run_lasts():
    run = staged.run_local()
    assert run.task_runs["stage"].output == "prod"
    assert "RESOURCES_TEST_STAGE" not in os.environ


def test_a_secret_comes_from_the_file_env_and_is_recorded_nowhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGY_HOME", str(tmp_path / "history"))
    (tmp_path / ".env").write_text("RESOURCES_TEST_TOKEN=hunter2hunter2\n")
    run = leaking.run_local()
    assert run.task_runs["leak"].state == "SUCCEEDED"
    recorded = b"".join(
        file.read_bytes() for file in (tmp_path / "history").rglob("*") if file.is_file()
    )
    assert b"hunter2hunter2" not in recorded
    assert "RESOURCES_TEST_TOKEN" not in os.environ


def specs(*tasks):
    @flow
    def made():
        for each in tasks:
            each()

    return made.build().tasks.values()


def test_the_environment_goes_before_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RESOURCES_TEST_TOKEN", "from outside")
    (tmp_path / ".env").write_text("RESOURCES_TEST_TOKEN=from the file\n")
    assert LocalEnvironment(specs(leak)).secrets == ("from outside",)


def test_a_secret_that_is_nowhere_is_told_with_both_ways_to_give_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TaskEnvironmentError) as caught:
        leaking.run_local()
    message = str(caught.value)
    assert "task 'leak' (test_resources.py:" in message
    assert "set the environment variable RESOURCES_TEST_TOKEN, or write the line" in message
    assert "(on AWS it is read from ssm:/token)" in message


def test_two_values_of_one_variable_need_two_processes():
    other = task(name="other", environment={"RESOURCES_TEST_STAGE": "test"})(stage.fn)
    with pytest.raises(TaskEnvironmentError, match="give one of them isolation='process'"):
        LocalEnvironment(specs(stage, other))
    apart = other.with_options(isolation="process")
    with LocalEnvironment(specs(stage, apart)):
        assert os.environ["RESOURCES_TEST_STAGE"] == "prod"


def test_the_file_is_read_as_a_shell_reads_it(tmp_path):
    file = tmp_path / ".env"
    file.write_text("# a comment\n\nA=1\nexport BB = 'two = 2' \nEMPTY=\nQUOTED=\"x\"\n")
    assert read_env_file(file) == {"A": "1", "BB": "two = 2", "EMPTY": "", "QUOTED": "x"}
    file.write_text("hunter2\n")
    with pytest.raises(TaskEnvironmentError, match=r"\.env:1: is no line of the form") as caught:
        read_env_file(file)
    assert "hunter2" not in str(caught.value)


def test_a_worker_reads_secrets_where_they_are_kept(monkeypatch):
    import boto3
    from moto import mock_aws

    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("RESOURCES_TEST_TOKEN", "as it was")
    monkeypatch.setenv("RESOURCES_TEST_DB", "as it was")
    database = task(name="database", secrets={"RESOURCES_TEST_DB": "secretsmanager:prod/db"})(
        where.fn
    )
    lost = task(name="lost", secrets={"RESOURCES_TEST_DB": "secretsmanager:gone"})(where.fn)
    with mock_aws():
        boto3.client("ssm").put_parameter(Name="/token", Value="t0ken", Type="SecureString")
        boto3.client("secretsmanager").create_secret(Name="prod/db", SecretString="passw0rd")
        assert worker_environment(specs(leak, database)) == ("t0ken", "passw0rd")
        assert os.environ["RESOURCES_TEST_TOKEN"] == "t0ken"
        assert os.environ["RESOURCES_TEST_DB"] == "passw0rd"
        error = without_secrets(LookupError("t0ken of passw0rd"))
        assert (type(error).__name__, str(error)) == ("LookupError", f"{MASK} of {MASK}")
        plain = LookupError("nothing secret")
        assert without_secrets(plain) is plain
        with pytest.raises(TaskEnvironmentError) as caught:
            worker_environment(specs(lost))
    assert "its secret RESOURCES_TEST_DB cannot be read from secretsmanager:gone" in str(
        caught.value
    )
    assert SECRET_SECONDS == 300
