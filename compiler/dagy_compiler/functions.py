"""The part of a stack that runs tasks on Lambda: functions, their roles, and their versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dagy.worker.claims import BUCKET
from dagy.worker.code import EXPECTED
from dagy_compiler import join_table
from dagy_compiler.cloudformation import (
    Function,
    FunctionCode,
    FunctionStorage,
    FunctionVersion,
    Json,
    LoggingConfig,
    Resource,
    Statement,
    Tracing,
    Variables,
    VpcConfig,
    digest,
    lasting,
    ref,
)
from dagy_compiler.layers import attached
from dagy_compiler.limits import LAMBDA_STORAGE_MB
from dagy_compiler.placement import FUNCTION, Placement
from dagy_compiler.roles import Identity, role, secrets_suffix, values, write_log
from dagy_compiler.stack import LOG, Stack

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
    stack: Stack, places: Mapping[Placement, int], waiting: Sequence[str] = ()
) -> list[Worker]:
    """Return the functions of a flow.

    Args:
        stack: of the flow.
        places: those on Lambda, and the timeout of each in seconds.
        waiting: logical ids of the machines that have states that wait across branches.

    Raises:
        LimitError: a role is larger than IAM accepts.
    """
    return [
        _worker(stack, place, seconds, waiting if place.name == FUNCTION else ())
        for place, seconds in places.items()
    ]


def _worker(stack: Stack, place: Placement, seconds: int, waiting: Sequence[str]) -> Worker:
    settings = stack.settings
    variables: Json = dict(place.environment) | {EXPECTED: stack.code.hash}
    if stack.keeps_values:
        variables[BUCKET] = stack.bucket_variable
    if waiting:
        variables |= join_table.variables()
    storage = FunctionStorage(size=place.storage_mb)
    own = _role(stack, place, waiting)
    properties = Function(
        description=f"Worker of Dagy flow {stack.flow}",
        runtime=f"python{stack.python_version}",
        handler=HANDLER,
        architectures=[place.architecture],
        role=own.arn,
        code=FunctionCode(s3_bucket=ref("ArtifactBucket"), s3_key=ref("ArtifactKey")),
        layers=attached(stack.code.function_layers, place.architecture),
        memory_size=place.memory_mb,
        ephemeral_storage=storage if place.storage_mb > LAMBDA_STORAGE_MB.start else None,
        timeout=seconds,
        environment=Variables(variables=variables),
        kms_key_arn=settings.kms_key,
        vpc_config=_NETWORK if settings.functions_in_vpc else None,
        tracing_config=Tracing() if settings.xray else None,
        reserved_concurrent_executions=settings.reserved_concurrency,
        logging_config=LoggingConfig(log_group=ref(LOG)),
        tags=stack.tags,
    )
    # Lambda publishes no version where only these differ.
    unpublished = {"tags", "reserved_concurrent_executions"}
    published = properties.model_dump(by_alias=True, exclude=unpublished)
    version = f"{place.name}Version{digest(stack.code.artifact_hash, published)}"
    return Worker(place.name, own, properties, version, stack.code.artifact_base64)


def _role(stack: Stack, place: Placement, waiting: Sequence[str]) -> Identity:
    statements = [write_log(), *values(stack, place)]
    if stack.settings.functions_in_vpc:
        statements.append(_USE_NETWORK)
    if waiting:
        statements += join_table.update(stack)
    return role(
        stack,
        f"WorkerRole{secrets_suffix(place)}{'Joins' if waiting else ''}",
        "lambda.amazonaws.com",
        {"Work": statements},
        own=stack.settings.worker_role,
        attached=[join_table.send(waiting)] if waiting else (),
    )


_NETWORK = VpcConfig(subnet_ids=ref("SubnetIds"), security_group_ids=ref("SecurityGroupIds"))

# Lambda developer guide, "Giving Lambda functions access to resources in an Amazon VPC", read
# 2026-11: when a function is made, the interfaces do not exist, and so have no names.
_USE_NETWORK = Statement(
    action=[
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
    ],
    resource=["*"],
)
