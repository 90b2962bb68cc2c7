"""The worker in a container, from an unzipped artifact, against Step Functions and S3 on this machine."""

import hashlib
import io
import json
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from dagy.container import MAX_CAUSE, cause_of, failure_of
from dagy.worker import PROTOCOL
from dagy_compiler.artifact import FlowSource, artifact
from dagy_compiler.fargate import bootstrap
from tests.engines.ministack import ENVIRONMENT

TASKS = """
import os, signal, sys, time
from dagy import flow, task

@task
def double(n: int) -> int:
    print("doubling", n)
    return 2 * n

@task
def fail(n: int) -> int:
    raise LookupError("no such row")

@task
def leave(n: int) -> int:
    os._exit(3)

@task
def die(n: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)

@task
def secretive(n: int) -> list:
    return sorted(name for name in os.environ if name.startswith("DAGY_"))

@task
def sleep(n: int) -> int:
    print("sleeping", flush=True)
    time.sleep(60)

@flow
def every(n: int = 3):
    return [double(n), fail(n), leave(n), die(n), secretive(n), sleep(n)]
"""


class Aws:
    """Answers what the container asks of Step Functions and S3, and keeps what it says."""

    def __init__(self, objects=(), heartbeat=None):
        self.objects = dict(objects)
        self.heartbeat = heartbeat
        self.said = []
        self.heard = threading.Condition()
        aws = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                action = self.headers["X-Amz-Target"].rpartition(".")[2]
                with aws.heard:
                    aws.said.append((action, body))
                    aws.heard.notify_all()
                refused = aws.heartbeat if action == "SendTaskHeartbeat" else None
                content = json.dumps({"__type": refused} if refused else {}).encode()
                self.answer(400 if refused else 200, content)

            def do_GET(self):
                self.answer(200, aws.objects[self.path])

            def answer(self, status, content):
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait_for(self, action):
        with self.heard:
            assert self.heard.wait_for(lambda: any(said == action for said, _ in self.said), 30)

    def answers(self):
        return [said for said in self.said if said[0] != "SendTaskHeartbeat"]


@contextmanager
def aws(**options) -> Iterator[Aws]:
    made = Aws(**options)
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()


@pytest.fixture(scope="module")
def code(tmp_path_factory):
    """An unzipped artifact."""
    root = tmp_path_factory.mktemp("source")
    (root / "every.py").write_text(TASKS)
    sys.path.insert(0, str(root))
    try:
        import every

        spec = every.every.build()
    finally:
        sys.path.remove(str(root))
    folder = tmp_path_factory.mktemp("code")
    (folder / "artifact.zip").write_bytes(artifact(spec, FlowSource(root, (root / "every.py",))))
    with zipfile.ZipFile(folder / "artifact.zip") as archive:
        archive.extractall(folder)
    return folder


def start(code, aws, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "dagy.container"],
        cwd=code,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(code),
            "AWS_ENDPOINT_URL": aws.url,
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "DAGY_TASK_TOKEN": "token-1",
            **environment,
        },
    )


def call(name):
    return json.dumps({"dagy": PROTOCOL, "tasks": [name], "attempt": 1, "parameters": {"n": 4}})


def run(code, name, **environment):
    """Run one task in a container; return what it answered, and what it printed."""
    with aws() as services:
        process = start(code, services, DAGY_CALL=call(name), **environment)
        printed, _ = process.communicate(timeout=60)
        [(action, body)] = services.answers()
        assert body["taskToken"] == "token-1"
        assert process.returncode == 0
    return action, body, printed


def test_success_is_the_answer_of_the_worker(code):
    action, body, printed = run(code, "double")
    assert (action, json.loads(body["output"])) == (
        "SendTaskSuccess",
        {"Payload": {"output": "8", "task_run": "double"}},
    )
    assert "doubling 4" in printed


def test_failure_has_the_name_and_cause_that_lambda_would_give(code):
    action, body, printed = run(code, "fail")
    cause = json.loads(body["cause"])
    assert (action, body["error"]) == ("SendTaskFailure", "LookupError")
    assert (cause["errorType"], cause["errorMessage"]) == ("LookupError", "no such row")
    assert any("every.py" in line for line in cause["stackTrace"])
    assert "LookupError: no such row" in printed


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("leave", "Error: Runtime exited with exit status 3"),
        ("die", "Error: Runtime exited with error: SIGKILL (out of memory, perhaps)"),
    ],
)
def test_a_worker_that_dies_is_told_as_lambda_tells_it(code, name, message):
    action, body, _ = run(code, name)
    assert (action, body["error"]) == ("SendTaskFailure", "Runtime.ExitError")
    assert json.loads(body["cause"])["errorMessage"] == message


def test_tasks_do_not_see_the_token_and_the_call(code):
    _, body, _ = run(code, "secretive", DAGY_BUCKET="data")
    answer = json.loads(body["output"])["Payload"]
    assert json.loads(answer["output"]) == ["DAGY_BUCKET"]


def test_what_a_call_is_sent_comes_from_s3_and_its_attempt_from_the_overrides(code):
    with aws(objects={"/data/run/call": call("double").encode()}) as services:
        place = {"DAGY_BUCKET": "data", "DAGY_CALL_S3": "run/call", "DAGY_CALL": '{"attempt": 2}'}
        process = start(code, services, **place)
        printed, _ = process.communicate(timeout=60)
        assert [action for action, _ in services.answers()] == ["SendTaskSuccess"], printed
    assert '"attempt": 2' in printed


def test_a_call_that_is_not_there_is_a_failure_by_its_name(code):
    with aws() as services:
        start(code, services).communicate(timeout=60)
        [(action, body)] = services.answers()
    assert (action, body["error"]) == ("SendTaskFailure", "KeyError")


def test_heartbeats_begin_before_the_task_ends_and_a_stop_is_told(code):
    with aws() as services:
        process = start(code, services, DAGY_CALL=call("sleep"))
        services.wait_for("SendTaskHeartbeat")
        assert any("sleeping" in line for line in process.stdout)
        process.terminate()
        process.communicate(timeout=30)
        [(action, body)] = services.answers()
    assert (action, body["error"]) == ("SendTaskFailure", "Runtime.ExitError")


@pytest.mark.parametrize("refusal", ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"])
def test_a_container_that_nobody_waits_for_ends(code, refusal):
    with aws(heartbeat=refusal) as services:
        process = start(code, services, DAGY_CALL=call("sleep"))
        printed, _ = process.communicate(timeout=30)
        assert services.answers() == []
    assert process.returncode == 1
    assert "Nobody waits for this task any more" in printed


@pytest.mark.parametrize("message", ["short", "x" * 100_000, "\N{PILE OF POO}" * 50_000])
def test_a_cause_is_json_that_step_functions_accepts(message):
    def deep(levels):
        if levels:
            deep(levels - 1)
        raise ValueError(message)

    try:
        deep(300)
    except ValueError as error:
        failure = failure_of(error)
    failure["stackTrace"] *= 10
    cause = cause_of(failure)
    assert len(cause) <= MAX_CAUSE
    assert json.loads(cause)["errorType"] == "ValueError"
    assert message.startswith(json.loads(cause)["errorMessage"].rstrip("…"))


# A container on the public image begins with nothing: it has to fetch the code, and may be sent other
# code than was deployed.


def fetch(sent, deployed, folder):
    """Begin a container that is sent an archive; return what it answered, and what it printed."""
    with aws(objects={"/artifacts/key": sent}) as services:
        done = subprocess.run(
            [ENVIRONMENT / "bin" / "python", "-c", bootstrap()],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            env={
                "AWS_ENDPOINT_URL": services.url,
                "AWS_DEFAULT_REGION": "eu-central-1",
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "TMPDIR": str(folder),
                "DAGY_TASK_TOKEN": "token-1",
                "DAGY_CALL": call("double"),
                "DAGY_ARTIFACT_BUCKET": "artifacts",
                "DAGY_ARTIFACT_KEY": "key",
                "DAGY_ARTIFACT_SHA256": hashlib.sha256(deployed).hexdigest(),
            },
        )
        [(action, body)] = services.answers()
    return action, body, done.stdout


def archive_with(*names):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "raise SystemExit('ran')")
    return buffer.getvalue()


def test_a_container_fetches_the_code_that_was_deployed_and_runs_it(code, tmp_path):
    sent = (code / "artifact.zip").read_bytes()
    action, body, printed = fetch(sent, sent, tmp_path)
    assert (action, json.loads(body["output"])) == (
        "SendTaskSuccess",
        {"Payload": {"output": "8", "task_run": "double"}},
    )
    assert "doubling 4" in printed


def test_a_container_refuses_other_code_than_was_deployed_before_unpacking_it(code, tmp_path):
    deployed = (code / "artifact.zip").read_bytes()
    action, body, printed = fetch(archive_with("dagy/container.py"), deployed, tmp_path)
    assert (action, body["error"]) == ("SendTaskFailure", "BundleError")
    assert body["cause"] == "s3://artifacts/key is not what was deployed: deploy it again"
    assert "ran" not in printed
    assert not list(tmp_path.rglob("container.py"))


@pytest.mark.parametrize("name", ["../out.py", "/tmp/out.py", "a/../../out.py"])
def test_a_container_unpacks_nothing_of_an_archive_that_leads_out_of_its_folder(name, tmp_path):
    sent = archive_with("dagy/container.py", name)
    action, body, printed = fetch(sent, sent, tmp_path)
    assert (action, body["error"]) == ("SendTaskFailure", "BundleError")
    assert body["cause"] == f"the artifact has a file that leads out of its folder: {name!r}"
    assert "ran" not in printed
    assert not list(tmp_path.rglob("*.py"))
