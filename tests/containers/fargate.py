"""Runs bundles on ministack with its ECS on a Docker engine, and tells what became of containers.

ministack 1.5 starts the containers of a task definition and hands them its own address. What it
leaves out is made up for here, in the template or from outside: entry points, the memory of a task,
the credentials of its role, and heartbeats (`tests.containers.heartbeats`).
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagy_compiler.limits import HEARTBEAT_SECONDS
from tests.engines import Outcome
from tests.engines.ministack import Ministack

BASE_IMAGE = "dagy-test-base"
"""Stands for the public Python image; `make_base.sh` makes it."""

SILENCE_SECONDS = 25
"""How long a state waits for heartbeats here, so that nobody has to wait for five minutes."""

LIMIT_SECONDS = 150
"""How long an execution or a command of Docker's may take before a test gives up."""

POLL_SECONDS = 0.3
"""Between two looks at an execution and at its containers."""

WORKING = "working"
"""What a task prints when it may be struck."""

# The region as Fargate gives it, and credentials in place of those of the role.
_GIVEN = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
}


def docker(*arguments: str) -> str:
    """Run a command of Docker's; return what it printed, errors included."""
    done = subprocess.run(
        ["docker", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_SECONDS,
    )
    assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stdout}"
    return done.stdout.strip()


@dataclass(frozen=True)
class Container:
    """What became of a container.

    Attributes:
        exit_code: 137 where SIGKILL ended it.
        printed: to its log.
    """

    exit_code: int
    printed: str


@dataclass(frozen=True)
class Run:
    """How an execution ended, and its containers, the first one first."""

    outcome: Outcome
    containers: list[Container]


class Fargate(Ministack):
    """A ministack server whose containers are real, from start to stop."""

    def command(self, bin_folder: Path) -> list[str | Path]:
        """ministack, with heartbeats."""
        return [bin_folder / "python", Path(__file__).with_name("heartbeats.py")]

    def docker_host(self, folder: str) -> str:
        """The engine that `docker` uses too; fails where there is none."""
        docker("info")
        return os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")

    def run_on_containers(
        self,
        bundle: Path,
        given: dict[str, Any],
        *,
        image: str = BASE_IMAGE,
        own_entry_point: bool = False,
        strike: str | None = None,
        silence: int = SILENCE_SECONDS,
    ) -> Run:
        """Deploy a bundle, execute it, and wait for the end.

        Args:
            bundle: its folder.
            given: the input.
            image: of its containers.
            own_entry_point: whether they begin with what the image says, not the task definition.
            strike: the command of Docker's that hits the first container at work: "kill", "pause".
            silence: how many seconds a state waits for a heartbeat.
        """
        text = (bundle / "template.json").read_text(encoding="utf-8")
        template = adapted(json.loads(text), own_entry_point, silence)
        with (
            self.deployed(bundle, template, ContainerImage=image) as stack,
            Watch(self.client("ecs"), str(stack.cluster), strike).running() as watch,
        ):
            outcome = self.execute(stack.alias, given, watch, LIMIT_SECONDS, POLL_SECONDS)
            return Run(outcome, watch.containers())


def adapted(template: dict[str, Any], own_entry_point: bool, silence: int) -> dict[str, Any]:
    """Return a template with what ministack would leave out put elsewhere.

    It starts containers by their command, as if images had no entry point but their own.
    """
    waits = f'"HeartbeatSeconds": {HEARTBEAT_SECONDS}'
    shorter = f'"HeartbeatSeconds": {silence}'
    changed = json.loads(json.dumps(template).replace(waits, shorter))
    for resource in changed["Resources"].values():
        if resource["Type"] == "AWS::ECS::TaskDefinition":
            [container] = resource["Properties"]["ContainerDefinitions"]
            entry_point = container.pop("EntryPoint")
            if not own_entry_point:
                container["Command"] = entry_point
            container["Environment"] += [{"Name": k, "Value": v} for k, v in _GIVEN.items()]
    return changed


class Watch:
    """Watches the containers of one cluster: limits their memory, and may strike the first.

    Args:
        ecs: boto3's client.
        cluster: its name.
        strike: see `Fargate.start`.
    """

    def __init__(self, ecs: Any, cluster: str, strike: str | None) -> None:
        self._ecs = ecs
        [described] = ecs.describe_clusters(clusters=[cluster])["clusters"]
        self._label = f"label=com.amazonaws.ecs.cluster={described['clusterArn']}"
        self._strike = strike
        self._seen: list[str] = []
        self._ended = threading.Event()

    @contextmanager
    def running(self) -> Iterator[Watch]:
        """Watch, and at the end remove the containers; an error of the watch is raised there."""
        with ThreadPoolExecutor(1) as pool:
            watching = pool.submit(self._watch)
            try:
                yield self
            finally:
                self._ended.set()
                watching.result()
                if self._seen:
                    docker("rm", "--force", "--volumes", *self._seen)

    def containers(self) -> list[Container]:
        """Thaw and wait for the containers; return them in the order of their start."""
        for name in self._seen:
            if docker("inspect", "--format", "{{.State.Status}}", name) == "paused":
                docker("unpause", name)
        return [Container(int(docker("wait", name)), docker("logs", name)) for name in self._seen]

    def output(self) -> str:
        """What the containers have printed, for the message of a test that fails."""
        return "\n".join(docker("logs", name) for name in self._seen)

    def _watch(self) -> None:
        # One that is only created may yet be refused, and made anew.
        begun = [f"--filter=status={status}" for status in ("running", "paused", "exited")]
        while not self._ended.wait(POLL_SECONDS):
            started = docker("ps", "--quiet", "--no-trunc", f"--filter={self._label}", *begun)
            for name in reversed(started.split()):  # the newest one comes first
                if name not in self._seen:
                    self._limit(name)
                    self._seen.append(name)
            if self._strike and self._seen and WORKING in docker("logs", self._seen[0]):
                docker(self._strike, self._seen[0])
                self._strike = None

    def _limit(self, name: str) -> None:
        """Give a container the memory of its task definition, and no swap."""
        labels = json.loads(docker("inspect", "--format", "{{json .Config.Labels}}", name))
        family = labels["com.amazonaws.ecs.task-definition-family"]
        revision = labels["com.amazonaws.ecs.task-definition-version"]
        described = self._ecs.describe_task_definition(taskDefinition=f"{family}:{revision}")
        memory = f"{described['taskDefinition']['memory']}m"
        docker("update", "--memory", memory, "--memory-swap", memory, name)
