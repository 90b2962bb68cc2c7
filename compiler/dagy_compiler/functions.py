"""The part of a stack that runs tasks on Lambda: functions, their roles, and their versions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dagy_compiler import join_table
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
from dagy_compiler.limits import LAMBDA_STORAGE_MB, LAMBDA_TIMEOUT_SECONDS
from dagy_compiler.modes import LAMBDA
from dagy_compiler.placement import FUNCTION, Placement
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
    """

    name: str
    role: Identity
    properties: Function
    version: str

    def resources(self) -> Iterator[tuple[str, Resource]]:
        """Return the function, its role and its version, by logical id."""
        yield from self.role.resources.items()
        yield self.name, lasting("AWS::Lambda::Function", self.properties)
        published = FunctionVersion(function_name=ref(self.name))
        yield self.version, lasting("AWS::Lambda::Version", published)


def workers(
    plan: Plan,
    code: Code,
    *,
    flow: str,
    python_version: str,
    tags: list[Tag],
    waiting: Sequence[str] = (),
) -> list[Worker]:
    """Return the functions of a flow.

    Args:
        plan: after the last pass.
        code: what they run.
        flow: its name, as descriptions take it.
        python_version: of the Lambda runtime, as `3.12`.
        tags: of each resource.
        waiting: logical ids of the machines that have states that wait across branches.

    Raises:
        LimitError: a role is larger than IAM accepts.
    """
    places = [place for place in plan.places.values() if place.executor == LAMBDA]
    return [
        _worker(
            plan,
            place,
            code,
            flow,
            python_version,
            tags,
            waiting if place.name == FUNCTION else (),
        )
        for place in places
    ]


def _worker(
    plan: Plan,
    place: Placement,
    code: Code,
    flow: str,
    python_version: str,
    tags: list[Tag],
    waiting: Sequence[str],
) -> Worker:
    variables: Json = dict(place.environment)
    if waiting:
        variables |= join_table.variables()
    if plan.has_bucket:
        variables["DAGY_BUCKET"] = ref(DATA)
    storage = FunctionStorage(size=place.storage_mb)
    statements = [write_log(), *values(place, plan.has_bucket, plan.secret_parameters_of)]
    own = role(
        f"WorkerRole{secrets_suffix(place)}{'Joins' if waiting else ''}",
        "lambda.amazonaws.com",
        {"Work": [*statements, *([join_table.update()] if waiting else [])]},
        tags,
        attached=[join_table.send(waiting)] if waiting else (),
    )
    properties = Function(
        description=f"Worker of Dagy flow {flow}",
        runtime=f"python{python_version}",
        handler=HANDLER,
        architectures=[place.architecture],
        role=own.arn,
        code=FunctionCode(s3_bucket=ref("ArtifactBucket"), s3_key=ref("ArtifactKey")),
        memory_size=place.memory_mb,
        ephemeral_storage=storage if place.storage_mb > LAMBDA_STORAGE_MB.start else None,
        timeout=LAMBDA_TIMEOUT_SECONDS,
        environment=Variables(variables=variables) if variables else None,
        logging_config=LoggingConfig(log_group=ref(LOG)),
        tags=tags,
    )
    # Tags are no part of a version: Lambda publishes none where only they differ.
    published = properties.model_dump(by_alias=True, exclude={"tags"})
    version = f"{place.name}Version{digest(code.artifact_hash, published)}"
    return Worker(place.name, own, properties, version)
