"""Permissions of IAM, and the resources that the arguments of a call name."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from dagy_compiler.cloudformation import Json, Statement, sub

Resource = Json | str

ANY: Final = "*"
NOT_NAMED: Final = "the arguments do not name it literally"


@dataclass(frozen=True, slots=True)
class Permission:
    """One statement of a policy.

    Attributes:
        actions: exact names.
        resources: ARNs as CloudFormation has them, or `*`.
        reason: why the resource is `*`, if it is.
        only: condition keys, and what each must equal.
    """

    actions: tuple[str, ...]
    resources: tuple[Resource, ...]
    reason: str | None = None
    only: tuple[tuple[str, str], ...] = ()


def arn(service: str, kind: str, name: str, ending: str = "") -> Resource:
    """Return the ARN of a resource of this account and region."""
    return sub(
        f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:"
        f"{kind}{name}{ending}"
    )


def name_in(value: Any) -> str | None:
    """Return a literal name or ARN; None for what is known later, or would be a pattern."""
    if not isinstance(value, str) or any(mark in value for mark in ("*", "?", "${", "{{")):
        return None
    return value or None


def named(
    actions: tuple[str, ...], value: Any, service: str, kind: str, *endings: str
) -> Permission:
    """Return a permission on the resource that an argument names.

    Args:
        actions: exact names.
        value: the argument: a name, an ARN, or what is known later.
        service: as its ARNs have it.
        kind: what stands before the name in its ARN.
        endings: what may follow the name; only the name itself by default.
    """
    name = name_in(value)
    if name is None:
        return Permission(actions, (ANY,), NOT_NAMED)
    if name.startswith("arn:"):
        return Permission(actions, tuple(name + ending for ending in endings or ("",)))
    return Permission(
        actions, tuple(arn(service, kind, name, ending) for ending in endings or ("",))
    )


def passes(value: Any, service: str) -> Permission:
    """Return the permission to hand a role to a service."""
    name = name_in(value)
    only = (("iam:PassedToService", service),)
    if name is None:
        return Permission(("iam:PassRole",), (ANY,), NOT_NAMED, only)
    if not name.startswith("arn:"):
        role = sub(f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/{name}")
        return Permission(("iam:PassRole",), (role,), None, only)
    return Permission(("iam:PassRole",), (name,), None, only)


def statements(permissions: Iterable[Permission]) -> list[Statement]:
    """Return the statements of a policy, one for all that is allowed on the same resources.

    A role's policies hold 10,240 characters, so what can be said together is.
    """
    actions: dict[tuple[str, tuple[tuple[str, str], ...]], list[str]] = {}
    resources: dict[str, list[Resource]] = {}
    for permission in permissions:
        on = json.dumps(permission.resources, sort_keys=True)
        resources[on] = list(permission.resources)
        together = actions.setdefault((on, permission.only), [])
        together += [action for action in permission.actions if action not in together]
    return [
        Statement(
            action=together,
            resource=resources[on],
            condition={"StringEquals": dict(only)} if only else None,
        )
        for (on, only), together in actions.items()
    ]
