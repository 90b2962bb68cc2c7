"""`dagy init`: what it makes is a project whose own commands work, and passes its own linters."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy.project import ProjectName
from dagy_compiler.bundle import read_bundle

BIN = Path(sys.executable).parent


@pytest.fixture
def project(dagy, tmp_path):
    """A new project."""
    done = dagy("init", "My numbers: ½ & more", "--ci")
    assert done.returncode == 0, done.stderr
    return tmp_path / "My numbers: ½ & more"


def make(folder, *arguments, **environment):
    return subprocess.run(
        ["make", *arguments, f"BIN={BIN}"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,  # a busy machine is no fault
        env={**without_make(), "DAGY_LOCAL_DIR": str(folder / ".history"), **environment},
        stdin=subprocess.DEVNULL,
    )


def without_make():
    """The environment, but for what the `make` that runs these tests tells its own children."""
    own = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES"}
    return {name: value for name, value in os.environ.items() if name not in own}


def passes(folder, *command):
    done = subprocess.run(
        [BIN / command[0], *command[1:]], cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_tests_of_a_new_project_pass_and_so_does_its_linter(project):
    tested = make(project, "test")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "2 passed" in tested.stdout
    linted = make(project, "lint")
    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_a_new_project_runs_here_and_on_aws_with_the_same_result(project, ministack):
    aws = {
        "AWS_ENDPOINT_URL": ministack.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }
    here = make(project, "run", "ARGS=--param limit=5 --quiet --json")
    there = make(project, "deploy", "ARGS=--yes --with cloudformation --output dagy-build", **aws)
    assert there.returncode == 0, there.stderr
    [bundle] = (project / "dagy-build").iterdir()
    manifest = read_bundle(bundle).manifest
    assert manifest["settings"]["tags"] == {"project": "my-numbers-12-more"}  # of dagy.toml

    cloudformation = ministack.client("cloudformation")
    [stack] = cloudformation.describe_stacks(StackName=manifest["stack_name"])["Stacks"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    result = json.loads(here.stdout[here.stdout.index("{") :])["result"]
    assert ministack.execute(outputs["AliasArn"], {"limit": 5}).output == result == 55

    gone = make(project, "destroy", "ARGS=--yes", **aws)
    assert gone.returncode == 0, gone.stderr
    stacks = cloudformation.describe_stacks()["Stacks"]
    assert manifest["stack_name"] not in {each["StackName"] for each in stacks}


def test_every_target_of_the_makefile_can_be_made(project):
    listed = make(project).stdout.splitlines()
    targets = [line.split()[0] for line in listed]
    assert {"test", "lint", "run", "build", "deploy", "destroy"} <= set(targets)
    assert make(project, "--dry-run", *targets).returncode == 0


def test_the_workflow_is_one_that_github_accepts_and_that_asks_for_no_more_than_it_needs(project):
    workflow = ".github/workflows/dagy.yml"
    passes(project, "check-jsonschema", "--builtin-schema", "vendor.github-workflows", workflow)
    passes(project, "zizmor", "--offline", "--no-progress", workflow)


def test_what_a_bundle_has_for_people_passes_its_linters(dagy, project):
    built = make(project, "build", "ARGS=--execution-mode small")
    assert built.returncode == 0, built.stderr
    [bundle] = (project / "dagy-build").iterdir()
    passes(bundle, "hadolint", "Dockerfile")
    passes(bundle, "ruff", "check", "--isolated", "--select=E,F,I,W,UP,RUF", "app.py")
    passes(bundle, "ruff", "format", "--isolated", "--check", "app.py")
    assert json.loads((bundle / "cdk.json").read_text())["app"] == "python3 app.py"


def test_nothing_is_overwritten(dagy, project):
    (project / "Makefile").write_text("mine")
    before = sorted(project.rglob("*"))
    done = dagy("init", project.name)
    assert done.returncode == 2
    assert "Makefile" in done.stderr
    assert "nothing is overwritten" in done.stderr
    assert (project / "Makefile").read_text() == "mine"
    assert sorted(project.rglob("*")) == before


def test_a_workflow_can_be_added_to_a_project_that_is_there(dagy, tmp_path):
    (tmp_path / "flow.py").write_text("")
    done = dagy("init", "--ci", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["files"] == [".github/workflows/dagy.yml"]
    assert (tmp_path / ".github" / "workflows" / "dagy.yml").exists()
    assert dagy("init", "--ci").returncode == 2


def test_a_project_has_to_have_a_folder(dagy):
    done = dagy("init")
    assert done.returncode == 2
    assert "dagy init my-project" in done.stderr


@pytest.mark.parametrize(
    ("given_name", "project_name", "module"),
    [
        ("my-project", "my-project", "my_project"),
        ("Über-Ranking 2!", "uber-ranking-2", "uber_ranking_2"),
        ("2026", "2026", "flow_2026"),
        ("class", "class", "class_flow"),
        ("json", "json", "json_flow"),
        ("tests", "tests", "tests_flow"),
        ("{{ evil }}${x}", "evil-x", "evil_x"),
        ("計画", "flow", "flow_flow"),
    ],
)
def test_a_name_becomes_one_that_python_and_packages_accept(given_name, project_name, module):
    name = ProjectName(given_name)
    assert (name.project, name.module) == (project_name, module)


@given(st.text())
def test_any_name_gives_a_module_that_can_be_imported(text):
    module = ProjectName(text).module
    assert module.isidentifier()
    assert module.isascii()
    assert module not in sys.stdlib_module_names
