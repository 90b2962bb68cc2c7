"""Packaging a flow for deployment."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dagy.errors import NotBuiltError
from dagy.tags import tags_of

if TYPE_CHECKING:
    from pathlib import Path

    from dagy.client import DagyClient
    from dagy.flow import Flow
    from dagy.run_context import LocalRunContext


@dataclass(frozen=True)
class LocalArtifact:
    """A flow packaged on this machine.

    Attributes:
        path: the ZIP file.
        code_hash: SHA-256, in hex, of the canonical spec and the source code.
    """

    path: Path
    code_hash: str


@dataclass(frozen=True)
class DeployResult:
    """What a deployment came to.

    Attributes:
        flow_name: the flow.
        flow_version: label of the version that is deployed.
        deployment_name: what the flow is called where it is deployed.
        skipped: whether that version was there already, so that nothing had to be done.
        stack_name: the CloudFormation stack.
        state_machine_arn: what executions are started from: the alias of the current version.
    """

    flow_name: str
    flow_version: str
    deployment_name: str
    skipped: bool
    stack_name: str
    state_machine_arn: str


def deploy_flow(
    flow: Flow[..., Any],
    *,
    name: str | None,
    bucket: str | None,
    api_url: str | None,
    schedule: str | None,
    default_executor: str | None,
    execution_mode: str,
    tags: Mapping[str, str] | Sequence[str] | None,
    flow_kwargs: Mapping[str, Any] | None,
    force: bool,
) -> DeployResult | LocalRunContext:
    """Build a flow and deploy it; see `Flow.deploy`."""
    from dagy.aws.target import find_target  # `import dagy` stays light

    if api_url is not None:
        raise NotBuiltError(
            f"flow {flow.name!r}: this version of Dagy deploys to AWS by itself and has no API to "
            "register with; leave out api_url"
        )
    target = find_target(bucket=bucket)
    if target is None:
        warnings.warn(
            f"flow {flow.name!r}: no AWS target is named, so it runs here; name one with "
            "AWS_REGION or AWS_PROFILE, or with `dagy config`",
            stacklevel=3,
        )
        return flow.run_local(**(flow_kwargs or {}))
    from dagy.aws.ship import Shipping, ship
    from dagy.building import BuildOptions
    from dagy.loader import loaded_flow

    options = BuildOptions(
        mode=execution_mode,
        default_executor=default_executor,
        bound=dict(flow_kwargs or {}),
        deployment=name,
        settings={} if schedule is None else {"schedule": schedule},
    )
    shipping = Shipping(options, tags=tags_of(tags), force=force)
    return ship(loaded_flow(flow), shipping, target).result


def build_artifact(flow: Flow[..., Any]) -> LocalArtifact:
    """Package a flow and the code it needs into a ZIP file.

    The archive has the flow's module, the local modules that it imports, the packages that it
    declares, Dagy's worker, the FlowSpec, and `metadata.json` with the `code_hash`. It is kept in
    the platform's cache folder, named after its content; `DAGY_CACHE_DIR` moves that.

    Args:
        flow: defined in a file.

    Raises:
        LoadError: it was not, or a worker could not import one of its tasks.
        BundleError: a package cannot be had, or the archive cannot be written.
        LimitError: unzipped it is larger than Lambda accepts.
        TraceError: the flow's graph cannot be made.

    Examples:
        >>> artifact = build_artifact(daily)  # doctest: +SKIP
        >>> artifact.path.name, artifact.code_hash  # doctest: +SKIP
        ('daily-3f7a1c0b9d2e.zip', '8a0e...')
    """
    from dagy.building import package  # `import dagy` stays light

    return LocalArtifact(*package(flow))


def deploy_artifact(artifact: LocalArtifact, client: DagyClient) -> None:
    """Upload a packaged flow and register it with the API.

    Raises:
        NotBuiltError: always, for now.
    """
    raise NotBuiltError(
        f"this version of Dagy cannot deploy {artifact.path} to {client.base_url} yet; deploy the "
        "template.json of `dagy build` with CloudFormation, or its app.py with the CDK"
    )
