"""The real CDK CLI, on an emulated AWS that it has bootstrapped."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.aws.conftest import FLOW, Project

TOOLS = Path(__file__).parents[2] / ".tools"
CLI = TOOLS / "node_modules" / ".bin" / "cdk"
UNPACKED = {"JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(TOOLS / "jsii")}
"""The CDK's library is unpacked once, which takes 15 s, and not anew in the home of each test."""


class CdkProject(Project):
    """A flow in a file, which the CDK deploys."""

    def environment(self, **more):
        assert CLI.exists(), f"there is no {CLI}; `make setup` installs it"
        return super().environment(
            DAGY_CDK_CLI=str(CLI),
            CDK_DISABLE_CLI_TELEMETRY="true",
            JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION="1",
            **UNPACKED,
            **more,
        )

    def cdk(self, folder, *arguments):
        """Run the CDK's CLI in a folder, as people do."""
        python = Path(sys.executable).parent
        return subprocess.run(
            [CLI, *arguments, "--no-notices"],
            cwd=folder,
            env=self.environment(PATH=f"{python}:{os.environ['PATH']}"),
            capture_output=True,
            text=True,
            timeout=600,  # a busy machine is no fault
            stdin=subprocess.DEVNULL,
        )

    @property
    def deploying(self):
        """The arguments that deploy it, by whatever tool is there."""
        return ("deploy", "numbers_flow.py", "--name", self.name, "-m", "micro")

    def left(self):
        """What is there of its stack: functions, state machines, roles and logs."""
        listed = self.server.listed
        functions = listed("lambda", "list_functions", "Functions")
        machines = listed("stepfunctions", "list_state_machines", "stateMachines")
        roles = listed("iam", "list_roles", "Roles")
        logs = listed("logs", "describe_log_groups", "logGroups")
        names = [
            *(each["FunctionName"] for each in functions),
            *(each["name"] for each in machines),
            *(each["RoleName"] for each in roles),
            *(each["logGroupName"] for each in logs),
        ]
        return [name for name in names if name.startswith(self.stack_name)]


@pytest.fixture(scope="session")
def account(tmp_path_factory):
    """An account that the CDK has bootstrapped."""
    from tests.engines.ministack import Ministack

    with Ministack() as server:
        project = CdkProject(tmp_path_factory.mktemp("bootstrap"), server)
        done = project.cdk(project.folder, "bootstrap", "aws://000000000000/us-east-1")
        assert done.returncode == 0, done.stderr
        yield server


@pytest.fixture
def project(tmp_path, account):
    made = CdkProject(tmp_path, account)
    made.write(FLOW)
    return made
