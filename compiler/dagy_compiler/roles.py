"""Roles, and the statements that the roles of functions and containers share.

No statement names more than the resources of this stack: `*` stands only for the streams of a log,
the keys of a bucket, the versions of a function, the six characters that Secrets Manager puts after
the name of a secret, and the secrets below the name of a flow.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dagy.errors import LimitError
from dagy.resources import secret_source
from dagy_compiler.cloudformation import (
    InlinePolicy,
    Json,
    Policy,
    PolicyDocument,
    Resource,
    Role,
    Statement,
    digest,
    get_att,
    lasting,
    ref,
    sub,
)
from dagy_compiler.limits import ROLE_POLICY_CHARACTERS
from dagy_compiler.placement import Placement
from dagy_compiler.stack import LOG, Stack

LONGEST_ARN = 150
"""Characters that a reference in a policy becomes once it is resolved, at most."""


@dataclass(frozen=True)
class Identity:
    """A role that the stack makes, or one of the user's.

    Attributes:
        arn: its ARN.
        resources: the role and the policies that are attached to it, by logical id, if the stack
            makes them.
        attached: the logical ids of these policies.
    """

    arn: Json | str
    resources: dict[str, Resource] = field(default_factory=dict)
    attached: tuple[str, ...] = ()


@dataclass(frozen=True)
class Attached:
    """A policy apart from its role: it names what depends on the role.

    Attributes:
        name: of the policy.
        statements: what it allows.
        condition: of the resource.
    """

    name: str
    statements: Sequence[Statement]
    condition: str | None = None


def role(
    stack: Stack,
    name: str,
    service: str,
    policies: Mapping[str, Sequence[Statement]],
    *,
    own: str | None = None,
    attached: Sequence[Attached] = (),
    also: str = "",
    trusted: Mapping[str, Mapping[str, Json | str]] | None = None,
) -> Identity:
    """Return a role that a service takes on.

    Its logical id ends in a hash of what it allows: a flow that is to be allowed something else
    gets another role, and executions under way keep theirs.

    Args:
        stack: whose settings bound it.
        name: what its logical id begins with.
        service: the service's principal.
        policies: statements by the name of their policy.
        own: ARN of a role of the user's, which is taken as it is in its place.
        attached: policies apart.
        also: what else tells it from an earlier one.
        trusted: the condition under which the service may take it on.

    Raises:
        LimitError: its policies are larger than IAM accepts.
    """
    if own is not None:
        return Identity(own)
    trust = Statement(
        principal={"Service": service},
        action=["sts:AssumeRole"],
        condition=None if trusted is None else {key: dict(each) for key, each in trusted.items()},
    )
    documents = {
        name: PolicyDocument(statement=list(statements)) for name, statements in policies.items()
    }
    apart = [PolicyDocument(statement=list(each.statements)) for each in attached]
    # Those apart are inline policies of the role as well, once they are attached to it.
    _check_size(service, [*documents.values(), *apart])
    inline = [
        InlinePolicy(policy_name=name, policy_document=document)
        for name, document in documents.items()
    ]
    properties = Role(
        path=sub(f"{stack.settings.role_path}dagy/${{AWS::StackName}}/"),
        permissions_boundary=stack.settings.permissions_boundary,
        assume_role_policy_document=PolicyDocument(statement=[trust]),
        policies=inline or None,
        tags=stack.tags,
    )
    documents_apart = [document.model_dump() for document in apart]
    ending = digest(properties.model_dump(exclude={"tags"}), *documents_apart, also)
    role_id = f"{name}{ending}"
    resources = {role_id: lasting("AWS::IAM::Role", properties)}
    for each, document in zip(attached, apart, strict=True):
        resources[f"{each.name}{ending}"] = lasting(
            "AWS::IAM::Policy",
            Policy(policy_name=each.name, policy_document=document, roles=[ref(role_id)]),
            each.condition,
        )
    return Identity(
        get_att(role_id, "Arn"), resources, tuple(other for other in resources if other != role_id)
    )


def _check_size(service: str, documents: Sequence[PolicyDocument]) -> None:
    size = sum(
        _characters(document.model_dump(by_alias=True, exclude_none=True)) for document in documents
    )
    if size > ROLE_POLICY_CHARACTERS:
        raise LimitError(
            f"the policies of the role for {service} take up to {size:,} characters, and IAM "
            f"accepts {ROLE_POLICY_CHARACTERS:,}; let more tasks have the same needs, for those "
            "share a function, split the flow, or bring a role of yours (--state-machine-role, "
            "--worker-role, --execution-role)"
        )


def only_by_tls(actions: list[str], resources: list[Json]) -> Statement:
    """Return what keeps everybody from reaching something in the clear."""
    return Statement(
        effect="Deny",
        principal="*",
        action=actions,
        resource=resources,
        condition={"Bool": {"aws:SecureTransport": "false"}},
    )


def write_log() -> Statement:
    """Return what writing to the stack's log takes."""
    return Statement(
        action=["logs:CreateLogStream", "logs:PutLogEvents"], resource=[get_att(LOG, "Arn")]
    )


def values(stack: Stack, place: Placement) -> list[Statement]:
    """Return what a worker does beside its tasks: large values, secrets, and being traced.

    Args:
        stack: of the worker.
        place: may have secrets of its own, and units that read parameters that are secrets.
    """
    statements = []
    if stack.keeps_values:
        objects = ["s3:GetObject", "s3:PutObject"]
        statements.append(Statement(action=objects, resource=[stack.keys]))
    by_service: dict[str, list[Json | str]] = {}
    for _, reference in place.secrets:
        source = secret_source(reference)
        found = by_service.setdefault(source.service, [])
        arn = _secret_arn(source.service, source.name)
        if arn not in found:
            found.append(arn)
    for service, action in _READ_SECRET.items():
        if service in by_service:
            statements.append(Statement(action=[action], resource=by_service[service]))
    if place.name in stack.secret_readers:
        for service, action in _READ_SECRET.items():
            below = _below(service, stack.secrets_below)
            statements.append(Statement(action=[action], resource=[below]))
    return [*statements, *stack.use_key(), *stack.trace()]


def read_secret(reference: str) -> Statement:
    """Return what reading a secret takes, as `ssm:NAME` or `secretsmanager:NAME`."""
    source = secret_source(reference)
    return Statement(
        action=[_READ_SECRET[source.service]], resource=[_secret_arn(source.service, source.name)]
    )


def secrets_suffix(place: Placement) -> str:
    """Return what tells the role of a place with secrets from that of the places without."""
    if not place.secrets:
        return ""
    return "Env" + hashlib.sha256(json.dumps(place.secrets).encode()).hexdigest()[:6]


_READ_SECRET = {
    "secretsmanager": "secretsmanager:GetSecretValue",
    "ssm": "ssm:GetParameter",
}


_HERE = "arn:${AWS::Partition}:%s:${AWS::Region}:${AWS::AccountId}"


def _secret_arn(service: str, name: str) -> Json | str:
    if service == "ssm":
        return sub(f"{_HERE % service}:parameter/{name.removeprefix('/')}")
    if name.startswith("arn:"):
        return name
    # Secrets Manager user guide: it adds a hyphen and six random characters to the name.
    return sub(f"{_HERE % service}:secret:{name}-??????")


def _below(service: str, flow: str) -> Json:
    """Return the secrets that are kept below the name of a flow."""
    kind = "parameter/" if service == "ssm" else "secret:"
    return sub(f"{_HERE % service}:{kind}dagy/{flow}/*")


def _characters(document: Any) -> int:
    """Return how long a policy may become, without white space, as IAM counts."""

    def resolved(value: Any) -> Any:
        if isinstance(value, dict):
            if len(value) == 1 and next(iter(value)) in ("Ref", "Fn::GetAtt", "Fn::Sub"):
                return "x" * LONGEST_ARN
            return {key: resolved(item) for key, item in value.items()}
        return [resolved(item) for item in value] if isinstance(value, list) else value

    return len(json.dumps(resolved(document), separators=(",", ":")))
