"""A folder with a flow, an emulated AWS, and `dagy` between the two."""

import json
import os
import sys
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests import commands

FLOW = """
from dagy import flow, task

@task
def double(n: int) -> int:
    return 2 * n

@flow
def numbers(n: int = 4):
    return double(double(n))
"""


def held_until(file):
    """The flow with tasks that wait for a file."""
    wait = f"while not pathlib.Path({str(file)!r}).exists(): time.sleep(0.02)"
    return "import pathlib, time\n" + FLOW.replace("return 2 * n", f"{wait}\n    return 2 * n")


@dataclass
class Project:
    """A flow in a file, deployed under a name of its own."""

    folder: Path
    server: Any
    name: str = field(default_factory=lambda: f"n{uuid.uuid4().hex[:10]}")

    def write(self, text):
        (self.folder / "numbers_flow.py").write_text(text)

    def environment(self, **more):
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "HOME": str(self.folder),
            "DAGY_LOCAL_DIR": str(self.folder / ".history"),
            "DAGY_CACHE_DIR": str(self.folder / ".cache"),
            "AWS_ENDPOINT_URL": self.server.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
        } | more

    def command(self, *arguments):
        return [sys.executable, "-m", "dagy", *arguments]

    def dagy(self, *arguments, **environment):
        environment = self.environment(**environment)
        return commands.run(arguments, self.folder, environment, 600)  # a busy machine is no fault

    @property
    def deploying(self):
        """The arguments that deploy it, by CloudFormation also where the CDK is installed."""
        where = ("--with", "cloudformation")
        return ("deploy", "numbers_flow.py", "--name", self.name, "-m", "micro", *where)

    def deploy(self, *arguments, **environment):
        return self.dagy(*self.deploying, *arguments, **environment)

    def deployed(self, *arguments):
        """Deploy, and return what is told of it as JSON."""
        done = self.deploy("--yes", "--json", *arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    @property
    def stack_name(self):
        return f"dagy-{self.name}"

    def stack(self):
        """The stack as CloudFormation tells of it; None if there is none."""
        stacks = self.server.listed("cloudformation", "describe_stacks", "Stacks")
        return next((each for each in stacks if each["StackName"] == self.stack_name), None)

    def execute(self, machine, **given):
        return self.server.execute(machine, given)


@pytest.fixture
def project(tmp_path, ministack):
    made = Project(tmp_path, ministack)
    made.write(FLOW)
    return made
