"""The contract: every public name, its signature and its defaults."""

import dataclasses
import inspect
import subprocess
import sys

import pytest

import dagy

NAMES = [
    "task",
    "flow",
    "Task",
    "Flow",
    "FlowSpec",
    "TaskSpec",
    "TaskRunSpec",
    "TaskOutput",
    "RunContext",
    "State",
    "running",
    "completed",
    "failed",
    "Hook",
    "build_artifact",
    "deploy_artifact",
    "DagyClient",
    "LocalArtifact",
    "LocalRunContext",
    "DagyError",
]

POLICY = {
    "name": None,
    "description": None,
    "retries": 0,
    "retry_delay_seconds": None,
    "retry_jitter_factor": None,
    "validate_parameters": True,
    "on_running": None,
    "on_completion": None,
    "on_failure": None,
    "on_retry": None,
    "retry_condition_fn": None,
}


@pytest.mark.parametrize("name", NAMES)
def test_every_name_of_the_contract_is_importable(name):
    assert hasattr(dagy, name)
    assert name in dagy.__all__
    assert name in dir(dagy)


def defaults(function):
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


def test_the_decorators_have_the_defaults_of_the_contract():
    only_tasks = {"executor": None, "timeout_seconds": None, "concurrency_limit": None}
    beyond_the_contract = {
        "isolation": None,
        "serializer": None,
        "cache": False,
        "expected_seconds": None,
        "memory_mb": None,
        "vcpu": None,
        "ephemeral_storage_mb": None,
        "environment": None,
        "secrets": None,
        "architecture": None,
        "tolerated_failures": None,
    }
    assert defaults(dagy.task) == POLICY | only_tasks | beyond_the_contract
    assert defaults(dagy.flow) == POLICY


def test_run_local_and_deploy_have_the_defaults_of_the_contract():
    run_local = defaults(dagy.Flow.run_local)
    for beyond in ("raise_on_failure", "force_resume"):
        assert run_local.pop(beyond) is False
    assert run_local.pop("resume") is None
    assert run_local == {"fail_fast": True, "max_workers": 1, "cleanup_keep_last": 20}
    assert defaults(dagy.Flow.deploy) == {
        "bucket": None,
        "api_url": None,
        "schedule": None,
        "default_executor": None,
        "execution_mode": "nano",
        "tags": None,
        "flow_kwargs": None,
        "force": False,
    }
    assert inspect.signature(dagy.Flow.build).parameters["version"].default == "1"


@pytest.mark.parametrize(
    ("cls", "fields"),
    [
        (
            dagy.FlowSpec,
            "name version created_at tasks task_runs edges outputs parameters",
        ),
        (
            dagy.TaskSpec,
            "name import_path description default_executor retries retry_delay_seconds "
            "timeout_seconds concurrency_limit",
        ),
        (dagy.TaskRunSpec, "id task_name depends_on args kwargs executor"),
    ],
)
def test_the_specs_begin_with_the_fields_of_the_contract_and_the_rest_have_defaults(cls, fields):
    expected = fields.split()
    actual = dataclasses.fields(cls)
    assert [field.name for field in actual[: len(expected)]] == expected
    missing = dataclasses.MISSING
    for field in actual[len(expected) :]:
        assert field.default is not missing or field.default_factory is not missing
    assert cls.__dataclass_params__.frozen


def test_state_factories():
    assert dagy.running() == dagy.State(type="RUNNING")
    assert dagy.completed() == dagy.State(type="SUCCEEDED")
    assert dagy.failed("timeout") == dagy.State(type="FAILED", message="timeout")


def test_a_client_never_shows_its_token():
    client = dagy.DagyClient(base_url="https://api.example.com", token="s3cret")
    assert client.token == "s3cret"
    assert "s3cret" not in repr(client)


HEAVY = [
    "duckdb",
    "boto3",
    "botocore",
    "aws_cdk",
    "pydantic",
    "typer",
    "rich",
    "jinja2",
    "dagy_compiler",
    "dagy_cdk",
]


@pytest.mark.parametrize("module", ["dagy", "dagy.worker", "dagy.cli"])
def test_importing_loads_nothing_heavy(module):
    code = f"import sys, {module}; print(*sorted({{n.partition('.')[0] for n in sys.modules}}))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert set(loaded.stdout.split()).isdisjoint(HEAVY)


def test_what_is_not_built_yet_says_so():
    client = dagy.DagyClient("https://api.example.com", "token")
    artifact = dagy.LocalArtifact(path="artifact.zip", code_hash="0")
    with pytest.raises(dagy.errors.NotBuiltError, match="dagy build"):
        dagy.deploy_artifact(artifact, client)


def test_deploy_without_a_target_runs_the_flow_here(home, monkeypatch):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)

    @dagy.flow
    def plain(n: int):
        return n

    with pytest.warns(UserWarning, match="no AWS target is named"):
        assert plain.deploy(flow_kwargs={"n": 3}).result == 3


def test_run_falls_back_to_a_local_run_and_refuses_an_api_it_cannot_call(home, monkeypatch):
    @dagy.flow
    def empty():
        return 1

    assert empty.run().result == 1
    monkeypatch.setenv("DAGY_API_URL", "https://api.example.com")
    with pytest.raises(dagy.errors.NotBuiltError, match="DAGY_API_URL"):
        empty.run()
