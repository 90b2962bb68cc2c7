"""Plays Fargate for an emulator without Docker: each task of a cluster runs as a process.

The process is what the container would be: the entry point of the task definition, with its
environment and the overrides, in an empty folder, on a Python that has never heard of Dagy. So it
fetches the artifact and answers by its task token.
"""

from __future__ import annotations

import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any


class Containers:
    """Runs the tasks of one cluster, from start to stop.

    Args:
        ecs: boto3's client.
        cluster: its ARN.
        python: stands for the image.
        environment: what every container has, such as credentials.
        logs: boto3's client, for what containers print: it is logged when they have ended.
    """

    def __init__(
        self, ecs: Any, cluster: str, python: Path, environment: dict[str, str], logs: Any
    ) -> None:
        self._ecs = ecs
        self._logs = logs
        self._unlogged: dict[str, dict[str, str]] = {}
        self._printed: dict[str, str] = {}
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
        for arn, process in self._processes.items():
            process.kill()
            if arn not in self._printed:
                process.communicate()
        self._folder.cleanup()

    def output(self) -> str:
        """What the containers have printed, for the message of a test that fails."""
        for process in self._processes.values():
            process.kill()
        rest = (
            process.communicate()[0]
            for arn, process in self._processes.items()
            if arn not in self._printed
        )
        return "\n".join([*self._printed.values(), *rest])

    def _watch(self) -> None:
        while not self._stopped.wait(0.05):
            for arn in self._ecs.list_tasks(cluster=self._cluster)["taskArns"]:
                if arn not in self._processes:
                    self._processes[arn] = self._start(arn)
            for arn in [arn for arn in self._unlogged if self._processes[arn].poll() is not None]:
                self._log(arn, self._unlogged.pop(arn))

    def _log(self, arn: str, options: dict[str, str]) -> None:
        printed = self._printed[arn] = self._processes[arn].communicate()[0]
        stream = f"{options['awslogs-stream-prefix']}/{arn.rpartition('/')[2]}"
        named = {"logGroupName": options["awslogs-group"], "logStreamName": stream}
        self._logs.create_log_stream(**named)
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": line} for line in printed.splitlines() if line]
        if events:
            self._logs.put_log_events(**named, logEvents=events)

    def _start(self, arn: str) -> subprocess.Popen[str]:
        [task] = self._ecs.describe_tasks(cluster=self._cluster, tasks=[arn])["tasks"]
        definition = self._ecs.describe_task_definition(taskDefinition=task["taskDefinitionArn"])
        [container] = definition["taskDefinition"]["containerDefinitions"]
        [override] = task["overrides"]["containerOverrides"]
        assert override["name"] == container["name"]
        variables = [*container["environment"], *override["environment"]]
        self._unlogged[arn] = container["logConfiguration"]["options"]
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
