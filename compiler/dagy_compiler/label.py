"""What a bundle, and the stack that is deployed from it, are called."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from dagy.errors import BundleError
from dagy.naming import slug


@dataclass(frozen=True)
class Label:
    """What a bundle is called.

    Attributes:
        name: of its folder.
        stack_name: of its stack.
        environment: that it is for; None if for none.
    """

    name: str
    stack_name: str
    environment: str | None


def label_of(deployment: str, environment: str | None = None) -> Label:
    """Return what a bundle is called.

    Args:
        deployment: what the flow is called where it is deployed.
        environment: such as `staging`: the same flow beside others of its name.

    Raises:
        BundleError: the environment is no name.
    """
    name = slug(deployment, fallback="flow")
    return Label(
        name if environment is None else f"{name}-{environment}",
        stack_name_of(deployment, environment),
        environment,
    )


def stack_name_of(flow_name: str, environment: str | None = None) -> str:
    """Return the name of a flow's stack.

    A stack's name takes 128 ASCII letters, digits and hyphens (CloudFormation user guide). No two
    flows of an environment share one: only underscores become hyphens for nothing, and a name that
    has other characters, hyphens among them, is told apart by its hash.

    Raises:
        BundleError: the environment is no name.

    Examples:
        >>> stack_name_of("daily_etl", "staging")
        'dagy-daily-etl-staging'
    """
    legal = "".join(char if char.isascii() and char.isalnum() else "-" for char in flow_name)[:100]
    if legal != flow_name.replace("_", "-") or "-" in flow_name:
        legal = f"{legal.strip('-')}-{hashlib.sha256(flow_name.encode()).hexdigest()[:6]}"
    name = f"dagy-{legal.lstrip('-')}"
    if environment is None:
        return name
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]{0,15}", environment):
        raise BundleError(
            f"environment {environment!r}: is to be at most 16 letters, digits and hyphens, and to "
            "begin with none of the last"
        )
    return f"{name}-{environment}"
