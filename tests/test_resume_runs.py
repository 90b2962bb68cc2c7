"""Resuming and caching real runs, from Python and on the command line."""

import json
import signal

import pytest

from dagy import flow, task
from dagy.errors import HistoryError, ParameterError, ResumeError
from dagy.history import Home, settle

FLOWS = """
import os, signal
from pathlib import Path
from dagy import flow, task

HERE = Path(__file__).parent

@task
def numbers(n: int) -> list:
    with (HERE / "calls").open("a") as calls: calls.write("numbers\\n")
    return list(range(n))

@task(cache=True)
def double(n: int) -> int:
    with (HERE / "calls").open("a") as calls: calls.write(f"double {n}\\n")
    return 2 * n

@task
def picky(n: int) -> int:
    with (HERE / "calls").open("a") as calls: calls.write(f"picky {n}\\n")
    if n == 2 and not (HERE / "mended").exists():
        if (HERE / "kill").exists(): os.kill(os.getpid(), signal.SIGKILL)
        raise ConnectionError("down")
    return n

@flow
def pipe(n: int = 3):
    return picky.map(double.map(numbers(n)))
"""


@pytest.fixture
def dagy(dagy, tmp_path):
    """Run the command line beside `flows.py`."""
    (tmp_path / "flows.py").write_text(FLOWS)
    return dagy


@pytest.fixture
def calls(tmp_path):
    """Returns the calls made since it was last asked."""
    path = tmp_path / "calls"

    def made():
        found = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return found

    return made


def test_a_failed_run_goes_on_where_it_failed(dagy, calls, tmp_path):
    failed = json.loads(dagy("run", "flows.py", "--json").stdout)
    assert failed["failed_task"] == "picky[1]"
    assert calls() == ["numbers", "double 0", "double 1", "double 2", "picky 0", "picky 2"]
    (tmp_path / "mended").touch()
    done = dagy("runs", "resume", failed["run_id"][:6], "--json")
    resumed = json.loads(done.stdout)
    assert (done.returncode, resumed["status"], resumed["result"]) == (0, "SUCCEEDED", [0, 2, 4])
    assert calls() == ["picky 2", "picky 4"]
    reused = [run["id"] for run in resumed["task_runs"] if run["message"]]
    assert reused == ["numbers", "double", "picky[0]"]
    shown = json.loads(dagy("runs", "show", resumed["run_id"], "--json").stdout)
    assert shown["resumed_from"] == failed["run_id"]


def test_a_run_that_was_killed_goes_on_too(dagy, calls, tmp_path):
    (tmp_path / "kill").touch()
    assert dagy("run", "flows.py").returncode == -signal.SIGKILL
    calls()
    (tmp_path / "mended").touch()
    done = dagy("runs", "resume", "latest", "--json")
    assert json.loads(done.stdout)["result"] == [0, 2, 4]
    assert calls() == ["picky 2", "picky 4"]


def test_a_flow_that_has_changed_is_refused_with_the_differences_unless_forced(
    dagy, calls, tmp_path
):
    dagy("run", "flows.py", "--quiet")
    calls()
    (tmp_path / "flows.py").write_text(FLOWS.replace("return 2 * n", "return 20 * n"))
    refused = dagy("runs", "resume", "latest")
    assert refused.returncode == 2
    assert "~ the code of task 'double' (flows.py:13) is not what it was" in refused.stderr
    assert calls() == []
    forced = dagy("runs", "resume", "latest", "--force", "--json")
    assert json.loads(forced.stdout)["result"] == [0, 20, 40]
    assert "numbers" not in calls()


def test_a_parameter_that_changes_is_a_change_and_those_of_the_run_are_the_defaults(dagy):
    dagy("run", "flows.py", "-p", "n=4", "--quiet")
    refused = dagy("runs", "resume", "latest", "-p", "n=5")
    assert refused.returncode == 2
    assert "~ parameter 'n' is 5, was 4" in refused.stderr


def test_the_file_of_a_flow_may_have_moved(dagy, tmp_path):
    dagy("run", "flows.py", "--quiet")
    (tmp_path / "flows.py").rename(tmp_path / "moved.py")
    (tmp_path / "mended").touch()
    assert "there is no such Python file" in dagy("runs", "resume", "latest").stderr
    assert dagy("runs", "resume", "latest", "--file", "moved.py").returncode == 0


def test_what_was_cached_is_used_by_the_next_run(dagy, calls, tmp_path):
    (tmp_path / "mended").touch()
    dagy("run", "flows.py")
    calls()
    run = json.loads(dagy("run", "flows.py", "-p", "n=4", "--json").stdout)
    assert [call for call in calls() if call.startswith("double")] == ["double 3"]
    messages = {each["id"]: (each["state"], each["message"]) for each in run["task_runs"]}
    assert messages["double[0]"] == ("SUCCEEDED", "CACHED")
    assert messages["double[3]"] == ("SUCCEEDED", None)


def test_from_python_a_run_is_resumed_by_its_id(home):
    broken = [True]

    @task
    def first():
        return 1

    @task
    def second(n):
        if broken:
            raise OSError("down")
        return n + 1

    @flow
    def pair():
        return second(first())

    failed = pair.run_local()
    broken.clear()
    resumed = pair.run_local(resume=failed.run_id)
    assert (resumed.result, resumed.task_runs["first"].attempts) == (2, 0)
    assert resumed.task_runs["first"].message == f"from run {failed.run_id}"

    @flow
    def other():
        return first()

    with pytest.raises(ResumeError, match="is of flow 'pair', not 'other'"):
        other.run_local(resume=failed.run_id)
    with pytest.raises(HistoryError, match="no run has an id that begins with 'xyz'"):
        pair.run_local(resume="xyz")


def test_artifacts_come_along_when_a_run_is_resumed_or_an_output_cached(home):
    broken = [True]

    @task(cache=True)
    def image() -> bytes:
        return b"\x89PNG"

    @task
    def size(data: bytes) -> int:
        if broken:
            raise OSError("down")
        return len(data)

    @flow
    def thumbnails():
        return size(image())

    failed = thumbnails.run_local()
    broken.clear()
    resumed = thumbnails.run_local(resume=failed.run_id, cleanup_keep_last=1)
    assert resumed.raise_on_failure().result == 4
    settle(Home.find())
    again = thumbnails.run_local(cleanup_keep_last=1)
    # The runs that made it are gone, and their folders; the artifact is not.
    assert again.task_runs["image"].message == "CACHED"
    assert again.task_runs["image"].output == b"\x89PNG"


def test_a_task_whose_artifact_is_lost_runs_again_with_what_depends_on_it(home):
    calls = []

    @task
    def image(n: int) -> bytes:
        calls.append(f"image {n}")
        return bytes(n)

    @task
    def size(data: bytes) -> int:
        calls.append(f"size {len(data)}")
        return len(data)

    @task
    def send(sizes: list):
        calls.append(f"send {sizes}")
        if len(calls) == 5:
            raise OSError("down")

    @flow
    def thumbnails():
        send([size(image(1)), size(image(2))])

    failed = thumbnails.run_local()
    [lost] = [path for path in home.rglob("artifacts/*") if path.read_bytes() == bytes(2)]
    lost.unlink()
    with pytest.warns(match=rf"artifacts of run {failed.run_id} are gone.*: image-2$") as warned:
        thumbnails.run_local(resume=failed.run_id).raise_on_failure()
    assert warned[0].filename == __file__
    assert calls[5:] == ["image 2", "size 2", "send [1, 2]"]


def test_a_secret_parameter_has_to_be_given_again(home):
    from pydantic import SecretStr

    broken = [True]

    @task
    def login(token: SecretStr) -> int:
        if broken:
            raise OSError("down")
        return len(token.get_secret_value())

    @flow
    def guarded(token: SecretStr, n: int = 1):
        return [n, login(token)]

    failed = guarded.run_local(token="s3cret-s3cret", n=7)
    broken.clear()
    with pytest.raises(ParameterError, match="'token' .*is missing"):
        guarded.run_local(resume=failed.run_id)
    assert guarded.run_local(resume=failed.run_id, token="s3cret-s3cret").result == [7, 13]
