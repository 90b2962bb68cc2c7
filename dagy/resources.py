"""What a task may ask of the machine it runs on: its size, environment variables, secrets.

Checked when a task is defined. What each place on AWS offers is the compiler's to know; here only
what no place could give is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from dagy.errors import SpecError
from dagy.options import is_seconds

if TYPE_CHECKING:
    from dagy.options import Definition

ARCHITECTURES = ("x86_64", "arm64")

Architecture = Literal["x86_64", "arm64"]

# Lambda API reference, "Environment", read 2026-11: a letter, then at least one of these.
_VARIABLE = re.compile(r"[A-Za-z][A-Za-z0-9_]+")

# Lambda developer guide, "Defined runtime environment variables", read 2026-11.
_RESERVED = frozenset({
    "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API", "AWS_REGION", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT",
})  # fmt: skip

_SECRET = re.compile(
    # Secrets Manager API reference, "CreateSecret", and Systems Manager, "PutParameter": the
    # characters of a name; the ARN of a secret holds these and colons.
    r"secretsmanager:(?P<secret>arn:[\w:/+=.@-]+|[\w/+=.@-]+)|ssm:(?P<parameter>[\w./-]+)",
    re.ASCII,
)

SECRET_FORMS = "'secretsmanager:NAME', 'secretsmanager:ARN' or 'ssm:/NAME'"


class SecretSource(NamedTuple):
    """Where a secret is kept.

    Attributes:
        service: "secretsmanager" or "ssm".
        name: the secret's name or ARN there, or the parameter's name.
    """

    service: Literal["secretsmanager", "ssm"]
    name: str


def secret_source(reference: str) -> SecretSource:
    """Read `secretsmanager:NAME`, `secretsmanager:ARN` or `ssm:/NAME`.

    Raises:
        SpecError: it is none of these.

    Examples:
        >>> secret_source("ssm:/prod/token").name
        '/prod/token'
    """
    match = _SECRET.fullmatch(reference)
    if match is None:
        raise SpecError("secrets", f"{reference!r} must be {SECRET_FORMS}")
    if match["secret"] is not None:
        return SecretSource("secretsmanager", match["secret"])
    return SecretSource("ssm", match["parameter"])


def is_count(value: Any) -> bool:
    """Tell whether a value is an integer of at least 1."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def is_variable(name: Any) -> bool:
    """Tell whether an environment variable may have this name, on Lambda as elsewhere."""
    legal = isinstance(name, str) and _VARIABLE.fullmatch(name) is not None
    return legal and name not in _RESERVED and not name.startswith("DAGY_")


def is_environment(value: Any) -> bool:
    """Tell whether a value is a mapping from names of variables to text."""
    return isinstance(value, Mapping) and all(
        is_variable(name) and isinstance(text, str) and "\0" not in text
        for name, text in value.items()
    )


def are_secrets(value: Any) -> bool:
    """Tell whether a value is a mapping from names of variables to where secrets are kept."""
    return is_environment(value) and all(map(is_secret, value.values()))


def is_secret(text: str) -> bool:
    """Tell whether a text says where a secret is kept: `secretsmanager:NAME`, `ssm:NAME`."""
    return _SECRET.fullmatch(text) is not None


def check_resources(
    definition: Definition,
    *,
    memory_mb: Any,
    vcpu: Any,
    ephemeral_storage_mb: Any,
    environment: Any,
    secrets: Any,
    architecture: Any,
) -> None:
    """Refuse needs that no machine could meet.

    Raises:
        DefinitionError: names the task and the argument.
    """
    good = memory_mb is None or is_count(memory_mb)
    definition.require(good, "memory_mb", "a whole number of megabytes above 0", memory_mb)
    good = vcpu is None or (is_seconds(vcpu) and vcpu > 0)
    definition.require(good, "vcpu", "a number of processors above 0, such as 0.5", vcpu)
    good = ephemeral_storage_mb is None or is_count(ephemeral_storage_mb)
    definition.require(
        good, "ephemeral_storage_mb", "a whole number of megabytes above 0", ephemeral_storage_mb
    )
    good = architecture is None or architecture in ARCHITECTURES
    definition.require(good, "architecture", "'x86_64' or 'arm64'", architecture)
    _check_variables(definition, "environment", environment, "text")
    _check_variables(definition, "secrets", secrets, SECRET_FORMS)
    for name, reference in (secrets or {}).items():
        if not _SECRET.fullmatch(reference):
            # What stands here by mistake may be the secret itself, so it is not shown.
            raise definition.refuse(f"secrets[{name!r}] must be {SECRET_FORMS}")
    for name in (environment or {}).keys() & (secrets or {}).keys():
        raise definition.refuse(f"{name} is in both environment and secrets; leave it out of one")


def _check_variables(definition: Definition, argument: str, value: Any, content: str) -> None:
    if value is None:
        return
    if not isinstance(value, Mapping):
        raise definition.refuse(
            f"{argument} must be a dict from names of environment variables to {content}, not a "
            f"{type(value).__name__}"
        )
    for name, text in value.items():
        if not is_variable(name):
            raise definition.refuse(
                f"{argument}: no variable can be called {name!r}; a name is a letter and then at "
                "least one letter, digit or underscore, not one that Lambda sets itself, and does "
                "not begin with DAGY_"
            )
        if not isinstance(text, str) or "\0" in text:
            raise definition.refuse(
                f"{argument}[{name!r}] must be {content}, not a {type(text).__name__}"
            )
