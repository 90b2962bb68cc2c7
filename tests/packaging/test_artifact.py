"""`build_artifact`, and the worker that runs only the code that was deployed."""

import json
import os
import subprocess
import sys
import zipfile

import pytest

FLOW = """
from dagy import flow, task
import rates

@task
def double(n: int) -> int:
    return 2 * n * rates.FACTOR

@flow
def doubled(n: int = 1):
    return double(n)
"""

SCRIPT = """
from dagy import build_artifact
from daily import doubled
artifact = build_artifact(doubled)
print(artifact.path)
print(artifact.code_hash)
"""


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "daily.py").write_text(FLOW)
    (folder / "rates.py").write_text("FACTOR = 1\n")
    (folder / "unused.py").write_text("")
    return folder


@pytest.fixture
def build(tmp_path):
    """Build the artifact of a folder's flow from Python; return its path and the hash."""

    def run(folder):
        environment = {**os.environ, "DAGY_CACHE_DIR": str(tmp_path / "cache")}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            cwd=folder,
            capture_output=True,
            text=True,
            env=environment,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return run


def unpacked(path, folder):
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    return folder


def invoke(folder, expected, event=None):
    """Call the worker of an unpacked artifact as Lambda would; return its answer, or its error."""
    code = (
        f"import json, sys; sys.path.insert(0, {str(folder)!r})\n"
        "from dagy.worker import lambda_handler\n"
        "try:\n"
        f"    print(json.dumps(lambda_handler({event or {'dagy': 2, 'parameters': {'n': 3}}!r}, None)))\n"
        "except Exception as error:\n"
        "    print(type(error).__name__, error, 'daily' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],
        capture_output=True,
        text=True,
        env={"DAGY_CODE_HASH": expected},
    )
    assert done.stderr == ""
    return done.stdout.splitlines()[-1]


def test_an_artifact_is_built_from_python_and_says_its_hash(project, build):
    path, code_hash = build(project)
    with zipfile.ZipFile(path) as archive:
        metadata = json.loads(archive.read("metadata.json"))
    assert metadata["code_hash"] == code_hash
    assert list(metadata["source"]) == ["daily.py", "rates.py"]


def test_the_same_code_has_the_same_bytes_and_hash_wherever_it_lies(project, build, tmp_path):
    path, code_hash = build(project)
    project.rename(tmp_path / "elsewhere")
    assert build(tmp_path / "elsewhere") == [path, code_hash]
    (tmp_path / "elsewhere" / "rates.py").write_text("FACTOR = 2\n")
    assert build(tmp_path / "elsewhere")[1] != code_hash


def test_the_packages_that_a_flow_declares_are_in_the_artifact(project, build):
    (project / "requirements.txt").write_text("markupsafe>=3.0\n")
    path, code_hash = build(project)
    with zipfile.ZipFile(path) as archive:
        assert {"markupsafe/__init__.py", "daily.py"} <= set(archive.namelist())
        metadata = json.loads(archive.read("metadata.json"))
    assert metadata["dependencies"] == ["markupsafe>=3.0"]
    assert list(metadata["source"]) == ["daily.py", "rates.py"]
    assert metadata["code_hash"] == code_hash


def test_dagy_build_gives_the_same_hash(project, build, dagy, tmp_path):
    built = json.loads(dagy("build", "project/daily.py", "--json").stdout)
    assert built["code_hash"] == build(project)[1]


def test_a_worker_runs_the_code_that_was_deployed(project, build, tmp_path):
    path, code_hash = build(project)
    folder = unpacked(path, tmp_path / "task")
    assert json.loads(invoke(folder, code_hash)) == {"output": "6"}


def test_a_worker_does_not_even_import_code_that_was_changed(project, build, tmp_path):
    path, code_hash = build(project)
    folder = unpacked(path, tmp_path / "task")
    (folder / "rates.py").write_text("FACTOR = 1_000_000\n")
    answer = invoke(folder, code_hash)
    assert answer.startswith(
        f"BundleError rates.py has been changed: {code_hash[:12]} was deployed"
    )
    assert answer.endswith("build its image again if it has one False")


def test_a_worker_refuses_the_code_of_another_version_or_flow(project, build, tmp_path):
    _, of_before = build(project)
    (project / "rates.py").write_text("FACTOR = 2\n")
    path, _ = build(project)
    answer = invoke(unpacked(path, tmp_path / "task"), of_before)
    assert answer.startswith("BundleError the code is another than the stack's: ")


@pytest.mark.parametrize("name", ["metadata.json", "rates.py", "_dagy/flow.json"])
def test_a_worker_refuses_code_that_cannot_be_checked(project, build, tmp_path, name):
    path, code_hash = build(project)
    folder = unpacked(path, tmp_path / "task")
    (folder / name).unlink()
    assert invoke(folder, code_hash).startswith("BundleError the code cannot be checked: ")


def test_a_worker_runs_no_task_that_its_spec_does_not_name(project, build, tmp_path):
    path, code_hash = build(project)
    folder = unpacked(path, tmp_path / "task")
    for task in ("os:system", "rates:FACTOR", "doubled", "double-2"):
        answer = invoke(folder, code_hash, {"dagy": 2, "tasks": [task]})
        assert answer == f"SpecError tasks: flow 'doubled' has no task run {task!r} False"


def test_the_list_shows_each_file_and_what_was_left_out(project, dagy):
    (project / ".env").write_text("")
    (project / "rows.csv").write_text("1,2\n")
    asked = ("--include", "rows.csv", "--include", ".env")
    done = dagy("build", "project/daily.py", "--list", *asked)
    assert "Packed 3 files of yours, " in done.stdout
    assert "  rows.csv                                          4 bytes\n" in done.stdout
    assert "left out: .env: looks like a secret" in done.stderr
    shown = json.loads(dagy("build", "project/daily.py", "--json", *asked).stdout)
    assert [each["name"] for each in shown["packed"]] == ["daily.py", "rates.py", "rows.csv"]
    assert [each["name"] for each in shown["left_out"]] == [".env"]
    without = dagy("build", "project/daily.py", "--exclude", "rates.py")
    assert "Packed 1 file of yours" in without.stdout


def test_nobody_is_warned_of_packages_that_lambda_has_but_a_list_shows_them(project, dagy):
    (project / "requirements.txt").write_text("boto3\n")
    assert dagy("build", "project/daily.py").stderr == ""
    assert (
        "left out: boto3: is in Lambda's runtime"
        in dagy("build", "project/daily.py", "--list").stderr
    )
