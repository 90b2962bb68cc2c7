"""Preparing a deployment with the CDK: its CLI synthesizes the bundle's app and uploads it.

What it makes is a change set, as `dagy.aws.cloudformation` does; from there on both are the same.
The CLI is a Node program: `npx` fetches the version that is pinned here, once.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dagy.aws.changes import ChangeSet, Overtaken, find_change_set
from dagy.aws.node import find_node
from dagy.aws.refusals import code_of, explained
from dagy.aws.target import Target
from dagy.errors import DeployError, MissingExtraError

if TYPE_CHECKING:
    from dagy.aws.deploy import Deployment
    from dagy.aws.stacks import Stack

CLI = "aws-cdk@^2.1148.0"
"""npm's package of the CLI. Earlier ones cannot read what the current library writes."""

BOOTSTRAP_VERSION = "/cdk-bootstrap/hnb659fds/version"
"""The parameter that `cdk bootstrap` leaves in an account and region (CDK guide, bootstrapping)."""


@dataclass(frozen=True)
class Cdk:
    """Prepares deployments with the CDK.

    Attributes:
        target: where to; it has to be bootstrapped.
    """

    target: Target

    def prepare(self, deployment: Deployment, stack: Stack | None, *, again: bool) -> ChangeSet:
        """See `dagy.aws.deploy.Preparer`."""
        name = f"dagy-{uuid.uuid4().hex[:12]}"
        given = deployment.parameters.items()
        tags = deployment.tags.items()
        done = self.run(
            deployment.bundle.path,
            "deploy",
            deployment.stack_name,
            "--method=prepare-change-set",
            f"--change-set-name={name}",
            "--require-approval=never",
            *(["--force"] if again else []),
            *(f"--parameters={key}={value}" for key, value in given),
            *(f"--tags={key}={value}" for key, value in tags),
        )
        if done.returncode != 0:
            raise self._failed(deployment.stack_name, f"{done.stdout}\n{done.stderr}")
        cloudformation = self.target.client("cloudformation")
        is_create = stack is None or stack.is_new
        return find_change_set(cloudformation, deployment.stack_name, name, is_create=is_create)

    def run(self, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the CDK's CLI on the app of a bundle, to its end.

        Args:
            folder: of the bundle.
            arguments: the command, and what it takes.

        Raises:
            MissingExtraError: there is no Node.
        """
        with tempfile.TemporaryDirectory(prefix="dagy-cdk-") as assembly:
            return subprocess.run(
                [
                    *cli(),
                    *arguments,
                    f"--app={shlex.quote(sys.executable)} app.py",
                    f"--output={assembly}",
                    "--no-notices",
                    "--no-color",
                ],
                cwd=folder,
                env=self._environment(),
                capture_output=True,
                text=True,
                check=False,
                stdin=subprocess.DEVNULL,
            )

    def _failed(self, stack_name: str, said: str) -> Exception:
        """Return the error for what the CLI said."""
        if "_IN_PROGRESS state" in said:
            return Overtaken()
        if "cdk bootstrap" in said:
            account = self.target.caller.account
            region = self.target.session.region_name
            return DeployError(
                f"stack {stack_name}: the CDK is not bootstrapped in this account and region; run\n"
                f"  npx '{CLI}' bootstrap aws://{account}/{region}\n"
                "or deploy with --with cloudformation"
            )
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        errors = [line for line in lines if "Error" in line or line.startswith("❌")]
        told = "\n  ".join((errors or lines)[-_LINES:])
        return DeployError(f"stack {stack_name}: the CDK could not prepare its changes:\n  {told}")

    def _environment(self) -> dict[str, str]:
        node = str(_node())
        known = {
            "PATH": f"{Path(node).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "JSII_NODE": node,
            "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1",
            "CDK_DISABLE_CLI_TELEMETRY": "true",
        }
        others = {name: value for name, value in os.environ.items() if name not in _WHOSE}
        return others | known | self._credentials()

    def _credentials(self) -> dict[str, str]:
        """Return the credentials that boto3 finds, so that the CLI finds no others."""
        with explained("looking for credentials"):
            session = self.target.session
            found = session.get_credentials()
            keys = found.get_frozen_credentials() if found is not None else None
        named = {
            "AWS_REGION": session.region_name,
            "AWS_DEFAULT_REGION": session.region_name,
            "AWS_ACCESS_KEY_ID": keys and keys.access_key,
            "AWS_SECRET_ACCESS_KEY": keys and keys.secret_key,
            "AWS_SESSION_TOKEN": keys and keys.token,
        }
        return {name: value for name, value in named.items() if value}


_WHOSE = frozenset({
    "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
})  # fmt: skip
"""Variables that would name other credentials than the target's."""


def cli() -> Sequence[str]:
    """Return the beginning of a command of the CDK's CLI.

    `DAGY_CDK_CLI` names a program to use instead of the pinned version.

    Raises:
        MissingExtraError: there is no Node.
    """
    named = os.environ.get("DAGY_CDK_CLI")
    if named:
        return [named]
    return [*npx(_node()), "--yes", f"--package={CLI}", "--", "cdk"]


def is_installed() -> bool:
    """Whether the CDK's library and a Node are there."""
    return importlib.util.find_spec("aws_cdk") is not None and find_node() is not None


def is_bootstrapped(target: Target) -> bool:
    """Whether the CDK may deploy to a target.

    Raises:
        AwsError: AWS cannot be asked. Who is not allowed to ask counts as one who has not
            bootstrapped.
    """
    with explained("asking whether the CDK is bootstrapped"):
        try:
            target.client("ssm").get_parameter(Name=BOOTSTRAP_VERSION)
        except Exception as error:
            if code_of(error) in {"ParameterNotFound", "AccessDeniedException"}:
                return False
            raise
    return True


def npx(node: Path) -> list[str]:
    """Return the command of the npx that belongs to a Node.

    Raises:
        MissingExtraError: it has none.
    """
    # A program beside it may be a copy of a link, which does not find its own files.
    own = node.resolve().parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npx-cli.js"
    if own.is_file():
        return [str(node), str(own)]
    found = shutil.which("npx")
    if found is None:
        raise MissingExtraError(f"there is no npx beside {node}; {_INSTALL}")
    return [found]


_INSTALL = 'install it with: pip install "dagy[cdk]"'


def _node() -> Path:
    node = find_node()
    if node is None:
        raise MissingExtraError(f"the CDK needs Node; {_INSTALL}")
    return node


_LINES = 8
