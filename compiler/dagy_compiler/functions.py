"""The part of a stack that runs tasks on Lambda: functions, their roles, and their versions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dagy.worker.code import EXPECTED
from dagy_compiler.cloudformation import (
    Function,
    FunctionCode,
    FunctionStorage,
    FunctionVersion,
    Json,
    LoggingConfig,
    Resource,
    Tag,
    Variables,
    digest,
    lasting,
    ref,
)
from dagy_compiler.layers import attached
from dagy_compiler.limits import LAMBDA_STORAGE_MB, LAMBDA_TIMEOUT_SECONDS
from dagy_compiler.modes import LAMBDA
from dagy_compiler.placement import Placement
from dagy_compiler.plan import Plan
from dagy_compiler.roles import DATA, LOG, Identity, role, secrets_suffix, values, write_log
from dagy_compiler.versions import Code

HANDLER = "dagy.worker.lambda_handler"


@dataclass(frozen=True)
class Worker:
    """A function of a stack.

    Attributes:
        name: its logical id.
        role: what it may do.
        properties: of the function.
        version: the logical id of its version, which changes with the code and the properties.
        code_sha256: of artifact.zip as Lambda tells it. A version is published of this code only:
            of another, that was put in its place in S3, none is (API reference, "PublishVersion").
    """

    name: str
    role: Identity
    properties: Function
    version: str
    code_sha256: str

    def resources(self) -> Iterator[tuple[str, Resource]]:
        """Return the function, its role and its version, by logical id."""
        yield from self.role.resources.items()
        yield self.name, lasting("AWS::Lambda::Function", self.properties)
        published = FunctionVersion(function_name=ref(self.name), code_sha256=self.code_sha256)
        yield self.version, lasting("AWS::Lambda::Version", published)


def workers(
    plan: Plan, code: Code, *, flow: str, python_version: str, tags: list[Tag]
) -> list[Worker]:
    """Return the functions of a flow.

    Args:
        plan: after the last pass.
        code: what they run.
        flow: its name, as descriptions take it.
        python_version: of the Lambda runtime, as `3.12`.
        tags: of each resource.

    Raises:
        LimitError: a role is larger than IAM accepts.
    """
    places = [place for place in plan.places.values() if place.executor == LAMBDA]
    return [_worker(plan, place, code, flow, python_version, tags) for place in places]


def _worker(
    plan: Plan, place: Placement, code: Code, flow: str, python_version: str, tags: list[Tag]
) -> Worker:
    variables: Json = dict(place.environment) | {EXPECTED: code.hash}
    if plan.has_bucket:
        variables["DAGY_BUCKET"] = ref(DATA)
    storage = FunctionStorage(size=place.storage_mb)
    statements = [write_log(), *values(place, plan.has_bucket, plan.secret_parameters_of)]
    own = role(
        f"WorkerRole{secrets_suffix(place)}", "lambda.amazonaws.com", {"Work": statements}, tags
    )
    properties = Function(
        description=f"Worker of Dagy flow {flow}",
        runtime=f"python{python_version}",
        handler=HANDLER,
        architectures=[place.architecture],
        role=own.arn,
        code=FunctionCode(s3_bucket=ref("ArtifactBucket"), s3_key=ref("ArtifactKey")),
        layers=attached(code.function_layers, place.architecture),
        memory_size=place.memory_mb,
        ephemeral_storage=storage if place.storage_mb > LAMBDA_STORAGE_MB.start else None,
        timeout=LAMBDA_TIMEOUT_SECONDS,
        environment=Variables(variables=variables),
        logging_config=LoggingConfig(log_group=ref(LOG)),
        tags=tags,
    )
    # Tags are no part of a version: Lambda publishes none where only they differ.
    published = properties.model_dump(by_alias=True, exclude={"tags"})
    version = f"{place.name}Version{digest(code.artifact_hash, published)}"
    return Worker(place.name, own, properties, version, code.artifact_base64)
