"""ministack: a bundle's own template and artifact, deployed through CloudFormation and executed.

Containers are processes here, whatever Docker engine there is (see `tests.engines.containers`); on
real ones flows run in `tests/containers`.

One thing is changed on the way. ministack reports every exception of a `python3.x` function as
`Runtime.HandlerError`; a `provided.al2023` function whose bootstrap starts AWS's own runtime client
passes the exception's class name on, as AWS does. So the runtime is swapped, and the bootstrap added.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import boto3

from dagy_compiler.functions import HANDLER
from tests.engines import Outcome
from tests.engines.containers import Containers

SECONDS = 300
"""How long may take what takes seconds: a busy machine is no fault."""

ENVIRONMENT = Path(__file__).parents[2] / ".venv-ministack"

_PARAMETERS = {
    "ArtifactBucket": "artifacts",
    "SubnetIds": "subnet-1,subnet-2",
    "SecurityGroupIds": "sg-1",
}

_BOOTSTRAP = """#!/bin/sh
export PYTHONPATH="$LAMBDA_TASK_ROOT"
cd "$LAMBDA_TASK_ROOT"
exec {python} -m awslambdaric {handler}
"""


@dataclass(frozen=True)
class Stack:
    """A stack that is there.

    Attributes:
        name: of the stack.
        machine: the ARN of its state machine.
        alias: the ARN that executions start from.
        cluster: the name of its ECS cluster, if it has one.
    """

    name: str
    machine: str
    alias: str
    cluster: str | None


class Printing(Protocol):
    """What can tell what containers have printed."""

    def output(self) -> str: ...


class Ministack:
    """A ministack server, from start to stop."""

    def __init__(self) -> None:
        self._bin = Path(os.environ.get("DAGY_TEST_MINISTACK", ENVIRONMENT)) / "bin"
        if not (self._bin / "ministack").exists():
            raise RuntimeError(f"there is no {self._bin / 'ministack'}; `make setup` installs it")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._folder = tempfile.mkdtemp(prefix="dagy-ministack-")
        self._process = subprocess.Popen(
            self.command(self._bin),
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={
                "PATH": f"{self._bin}:{os.environ['PATH']}",
                "GATEWAY_PORT": str(self._port),
                "SFN_WAIT_SCALE": "0.01",  # a retry after 1 s comes after 10 ms
                "TMPDIR": self._folder,
                "HOME": self._folder,
                "AWS_ENDPOINT_URL": self.url,
                "DOCKER_HOST": self.docker_host(self._folder),
                "MINISTACK_DOCKER_TIMEOUT": "60",  # seconds; a busy machine is no fault
            },
        )
        self._session = boto3.Session("test", "test", region_name="us-east-1")
        self._s3 = self.client("s3")
        self._cloudformation = self.client("cloudformation")
        self._stepfunctions = self.client("stepfunctions")
        self._wait_until_healthy()
        self._s3.create_bucket(Bucket="artifacts")

    def __enter__(self) -> Ministack:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def command(self, bin_folder: Path) -> list[str | Path]:
        """The command of the server: ministack, with the versions of Step Functions."""
        return [bin_folder / "python", Path(__file__).with_name("inside_ministack") / "versions.py"]

    def docker_host(self, folder: str) -> str:
        """The Docker engine that the server is to use: none, in a folder of its own."""
        return f"unix://{folder}/no-docker.sock"

    def run(self, bundle: Path, given: dict[str, Any]) -> Outcome:
        """See `Engine.run`."""
        template = json.loads((bundle / "template.json").read_text(encoding="utf-8"))
        with self.deployed(bundle, template) as stack, self.fargate(stack) as containers:
            return self.execute(stack.alias, given, containers)

    @contextmanager
    def served(self, bundle: Path, template: dict[str, Any]) -> Iterator[Stack]:
        """A stack of a bundle, with something that runs its containers."""
        with self.deployed(bundle, template) as stack, self.fargate(stack):
            yield stack

    @contextmanager
    def deployed(
        self, bundle: Path, template: dict[str, Any], **parameters: str
    ) -> Iterator[Stack]:
        """A stack of a bundle with a template, which need not be the bundle's own."""
        name = f"dagy-{uuid.uuid4().hex[:12]}"
        try:
            yield self.deploy(name, bundle, template, **parameters)
        finally:
            self._cloudformation.delete_stack(StackName=name)

    def deploy(self, name: str, bundle: Path, template: dict[str, Any], **parameters: str) -> Stack:
        """Make a stack of a bundle, or make the stack of this name one of it."""
        artifact = (bundle / "artifact.zip").read_bytes()
        prefix = f"{name}/{hashlib.sha256(artifact).hexdigest()}"
        function = _with_bootstrap(bundle, self._bin)
        self._s3.put_object(Bucket="artifacts", Key=f"{prefix}/function.zip", Body=function)
        keys = {key: f"{prefix}/{file}" for key, file in _uploads(bundle).items()}
        for key, file in _uploads(bundle).items():
            content = (bundle / file).read_bytes()
            self._s3.put_object(Bucket="artifacts", Key=keys[key], Body=content)
        given = {**_PARAMETERS, **keys, **parameters}
        return self._deploy(name, _bootstrapped(template, f"{prefix}/function.zip"), given)

    @contextmanager
    def fargate(self, stack: Stack) -> Iterator[Containers | None]:
        """Play Fargate for a stack, if it has a cluster."""
        if stack.cluster is None:
            yield None
            return
        environment = {
            "PATH": f"{self._bin}:{os.environ['PATH']}",
            "AWS_ENDPOINT_URL": self.url,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
        python = self._bin / "python"
        ecs, logs = self.client("ecs"), self.client("logs")
        with Containers(ecs, stack.cluster, python, environment, logs) as containers:
            yield containers

    def listed(self, service: str, operation: str, key: str) -> list[Any]:
        """Return all that a listing operation has, page by page: other tests' things are here too."""
        pages = self.client(service).get_paginator(operation).paginate()
        return [each for page in pages for each in page[key]]

    def client(self, service: str) -> Any:
        """boto3's client of a service of this server."""
        return self._session.client(service, endpoint_url=self.url)

    def _wait_until_healthy(self) -> None:
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"ministack ended at once, with {self._process.returncode}")
            try:
                with urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=2):
                    return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"ministack did not become healthy within {SECONDS} s")

    def _deploy(self, name: str, template: dict[str, Any], parameters: dict[str, str]) -> Stack:
        body = json.dumps(template, ensure_ascii=False).encode()
        self._s3.put_object(Bucket="artifacts", Key=f"{name}.json", Body=body)
        request = {
            "StackName": name,
            "TemplateURL": f"{self.url}/artifacts/{name}.json",
            "Parameters": [
                {"ParameterKey": key, "ParameterValue": value}
                for key, value in parameters.items()
                if key in template["Parameters"]
            ],
            "Capabilities": ["CAPABILITY_IAM"],
        }
        if self._is_there(name):
            self._cloudformation.update_stack(**request)
        else:
            self._cloudformation.create_stack(**request)
        while True:
            [stack] = self._cloudformation.describe_stacks(StackName=name)["Stacks"]
            if stack["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
                outputs = {o["OutputKey"]: o["OutputValue"] for o in stack["Outputs"]}
                assert outputs["StateMachineName"] in outputs["StateMachineArn"]
                machine, alias = outputs["StateMachineArn"], outputs["AliasArn"]
                return Stack(name, machine, alias, self._cluster_of(name))
            if not stack["StackStatus"].endswith("_IN_PROGRESS"):
                raise AssertionError(f"{stack['StackStatus']}: {stack.get('StackStatusReason')}")
            time.sleep(0.02)

    def _is_there(self, stack: str) -> bool:
        pages = self._cloudformation.get_paginator("describe_stacks").paginate()
        return any(each["StackName"] == stack for page in pages for each in page["Stacks"])

    def _cluster_of(self, stack: str) -> str | None:
        resources = self._cloudformation.describe_stack_resources(StackName=stack)
        return next(
            (
                resource["PhysicalResourceId"]
                for resource in resources["StackResources"]
                if resource["ResourceType"] == "AWS::ECS::Cluster"
            ),
            None,
        )

    def execute(
        self,
        machine: str,
        given: dict[str, Any],
        containers: Printing | None = None,
        seconds: float = SECONDS,
        every: float = 0.05,
    ) -> Outcome:
        """Start an execution of a state machine, and wait for its end, looking every so often."""
        return self.ended(self.start(machine, given), containers, seconds, every)

    def start(self, machine: str, given: dict[str, Any]) -> str:
        """Start an execution of a machine, a version or an alias."""
        started = self._stepfunctions.start_execution(
            stateMachineArn=machine, input=json.dumps(given)
        )
        return started["executionArn"]

    def ended(
        self,
        started: str,
        containers: Printing | None = None,
        seconds: float = SECONDS,
        every: float = 0.05,
    ) -> Outcome:
        """Wait for the end of an execution, looking every so often."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            execution = self._stepfunctions.describe_execution(executionArn=started)
            if execution["status"] != "RUNNING":
                # Unlike AWS, ministack gives a failed execution an output: its error once more.
                succeeded = execution["status"] == "SUCCEEDED"
                return Outcome(
                    execution["status"],
                    json.loads(execution["output"]) if succeeded else None,
                    execution.get("error"),
                    execution.get("cause"),
                )
            time.sleep(every)
        printed = containers.output() if containers else ""
        raise AssertionError(f"the execution did not end within {seconds} s\n{printed}")


def _uploads(bundle: Path) -> dict[str, str]:
    """What a template may read from S3, by parameter: a test's may read the definitions too."""
    manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
    machines = {f"{machine}Key": file for machine, file in manifest["state_machines"].items()}
    return {**machines, **manifest["uploads"]}


def _bootstrapped(template: dict[str, Any], key: str) -> dict[str, Any]:
    """A template whose functions begin with the bootstrap of the code under a key."""
    changed = copy.deepcopy(template)
    for resource in changed["Resources"].values():
        if "S3Key" in resource["Properties"].get("Code", ()):
            assert resource["Properties"]["Runtime"].startswith("python3.")
            resource["Properties"]["Runtime"] = "provided.al2023"
            resource["Properties"]["Code"]["S3Key"] = key
        elif resource["Type"] == "AWS::Lambda::Version":
            del resource["Properties"]["CodeSha256"]
    return changed


def _with_bootstrap(bundle: Path, bin_folder: Path) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "artifact.zip"
        shutil.copy(bundle / "artifact.zip", file)
        with zipfile.ZipFile(file, "a") as archive:
            entry = zipfile.ZipInfo("bootstrap")
            entry.external_attr = 0o100755 << 16
            archive.writestr(
                entry, _BOOTSTRAP.format(python=bin_folder / "python", handler=HANDLER)
            )
        return file.read_bytes()
