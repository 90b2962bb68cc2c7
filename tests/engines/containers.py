"""Plays Fargate for an emulator without Docker: each task of a cluster runs as a process.

The process is what the container would be: the entry point of the task definition, with its
environment and the overrides, in an empty folder, on a Python that has never heard of Dagy. So it
fetches the artifact and answers by its task token.
"""

from __future__ import annotations

import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Any


class Containers:
    """Runs the tasks of one cluster, from start to stop.

    Args:
        ecs: boto3's client.
        cluster: its ARN.
        python: stands for the image.
        environment: what every container has, such as credentials.
    """

    def __init__(self, ecs: Any, cluster: str, python: Path, environment: dict[str, str]) -> None:
        self._ecs = ecs
        self._cluster = cluster
        self._python = python
        self._environment = environment
        self._folder = tempfile.TemporaryDirectory(prefix="dagy-containers-")
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Containers:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()
        for process in self._processes.values():
            process.kill()
            process.communicate()
        self._folder.cleanup()

    def output(self) -> str:
        """What the containers have printed, for the message of a test that fails."""
        for process in self._processes.values():
            process.kill()
        return "\n".join(process.communicate()[0] for process in self._processes.values())

    def _watch(self) -> None:
        while not self._stopped.wait(0.05):
            for arn in self._ecs.list_tasks(cluster=self._cluster)["taskArns"]:
                if arn not in self._processes:
                    self._processes[arn] = self._start(arn)

    def _start(self, arn: str) -> subprocess.Popen[str]:
        [task] = self._ecs.describe_tasks(cluster=self._cluster, tasks=[arn])["tasks"]
        definition = self._ecs.describe_task_definition(taskDefinition=task["taskDefinitionArn"])
        [container] = definition["taskDefinition"]["containerDefinitions"]
        [override] = task["overrides"]["containerOverrides"]
        assert override["name"] == container["name"]
        variables = [*container["environment"], *override["environment"]]
        python, *command = container["entryPoint"]
        assert python == "python"
        return subprocess.Popen(
            [self._python, *command],
            cwd=tempfile.mkdtemp(dir=self._folder.name),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={
                **self._environment,
                "TMPDIR": self._folder.name,
                **{variable["name"]: variable["value"] for variable in variables},
            },
        )
