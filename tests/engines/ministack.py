"""ministack: a bundle's own template and artifact, deployed through CloudFormation and executed.

One thing is changed on the way. ministack reports every exception of a `python3.x` function as
`Runtime.HandlerError`; a `provided.al2023` function whose bootstrap starts AWS's own runtime client
passes the exception's class name on, as AWS does. So the runtime is swapped, and the bootstrap added.
"""

from __future__ import annotations

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
from pathlib import Path
from typing import Any

import boto3

from dagy_compiler.template import HANDLER
from tests.engines import Outcome
from tests.engines.containers import Containers

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
            [self._bin / "ministack"],
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
            },
        )
        self._session = boto3.Session("test", "test", region_name="us-east-1")
        self._s3 = self._client("s3")
        self._cloudformation = self._client("cloudformation")
        self._stepfunctions = self._client("stepfunctions")
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

    def run(self, bundle: Path, given: dict[str, Any]) -> Outcome:
        """See `Engine.run`."""
        name = f"dagy-{uuid.uuid4().hex[:12]}"
        self._s3.put_object(Bucket="artifacts", Key=name, Body=_with_bootstrap(bundle, self._bin))
        keys = {f"{machine}Key": f"{name}-{machine}" for machine in self._machines(bundle)}
        for machine, file in self._machines(bundle).items():
            content = (bundle / file).read_bytes()
            self._s3.put_object(Bucket="artifacts", Key=keys[f"{machine}Key"], Body=content)
        arn = self._deploy(name, bundle, keys)
        try:
            with self._containers(name) as containers:
                return self._execute(arn, given, containers)
        finally:
            self._cloudformation.delete_stack(StackName=name)

    @contextmanager
    def _containers(self, stack: str) -> Iterator[Containers | None]:
        """Play Fargate for a stack, if it has a cluster."""
        resources = self._cloudformation.describe_stack_resources(StackName=stack)
        clusters = [
            resource["PhysicalResourceId"]
            for resource in resources["StackResources"]
            if resource["ResourceType"] == "AWS::ECS::Cluster"
        ]
        if not clusters:
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
        with Containers(self._client("ecs"), clusters[0], python, environment) as containers:
            yield containers

    def _client(self, service: str) -> Any:
        return self._session.client(service, endpoint_url=self.url)

    def _wait_until_healthy(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"ministack ended at once, with {self._process.returncode}")
            try:
                with urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=2):
                    return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("ministack did not become healthy within 60 s")

    def _machines(self, bundle: Path) -> dict[str, str]:
        manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
        return manifest["state_machines"]

    def _deploy(self, name: str, bundle: Path, keys: dict[str, str]) -> str:
        template = json.loads((bundle / "template.json").read_text(encoding="utf-8"))
        for resource in template["Resources"].values():
            if resource["Type"] == "AWS::Lambda::Function":
                assert resource["Properties"]["Runtime"].startswith("python3.")
                resource["Properties"]["Runtime"] = "provided.al2023"
        body = json.dumps(template, ensure_ascii=False).encode()
        self._s3.put_object(Bucket="artifacts", Key=f"{name}.json", Body=body)
        self._cloudformation.create_stack(
            StackName=name,
            TemplateURL=f"{self.url}/artifacts/{name}.json",
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value}
                for key, value in {"ArtifactKey": name, **keys, **_PARAMETERS}.items()
                if key in template["Parameters"]
            ],
            Capabilities=["CAPABILITY_IAM"],
        )
        while True:
            [stack] = self._cloudformation.describe_stacks(StackName=name)["Stacks"]
            if stack["StackStatus"] == "CREATE_COMPLETE":
                outputs = {o["OutputKey"]: o["OutputValue"] for o in stack["Outputs"]}
                assert outputs["StateMachineName"] in outputs["StateMachineArn"]
                return outputs["StateMachineArn"]
            if stack["StackStatus"] != "CREATE_IN_PROGRESS":
                raise AssertionError(f"{stack['StackStatus']}: {stack.get('StackStatusReason')}")
            time.sleep(0.02)

    def _execute(self, arn: str, given: dict[str, Any], containers: Containers | None) -> Outcome:
        started = self._stepfunctions.start_execution(stateMachineArn=arn, input=json.dumps(given))[
            "executionArn"
        ]
        deadline = time.monotonic() + 60
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
            time.sleep(0.02)
        printed = containers.output() if containers else ""
        raise AssertionError(f"the execution did not end within 60 s\n{printed}")


def _with_bootstrap(bundle: Path, bin_folder: Path) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "artifact.zip"
        shutil.copy(bundle / "artifact.zip", copy)
        with zipfile.ZipFile(copy, "a") as archive:
            entry = zipfile.ZipInfo("bootstrap")
            entry.external_attr = 0o100755 << 16
            archive.writestr(
                entry, _BOOTSTRAP.format(python=bin_folder / "python", handler=HANDLER)
            )
        return copy.read_bytes()
