"""Where the joins of a flow meet that wait across branches: a table, and who may write to it.

A stack has it only where its flow has such joins. Only the function that is asked between tasks may
write to it, and send the tokens of the machines that wait.
"""

from __future__ import annotations

from collections.abc import Sequence

from dagy.worker.joins import TABLE as VARIABLE
from dagy_compiler.cloudformation import (
    Attribute,
    Json,
    KeyPart,
    Resource,
    Statement,
    Table,
    TableEncryption,
    TimeToLive,
    get_att,
    lasting,
    ref,
    sub,
)
from dagy_compiler.roles import Attached
from dagy_compiler.stack import Stack

TABLE = "JoinTable"
"""Its logical id."""

KEY = "id"
EXPIRES = "expires"
"""Attributes of its items, as `dagy.worker.joins` writes them."""


def table(stack: Stack) -> dict[str, Resource]:
    """Return the table; it is paid for by what is asked of it, and empties itself."""
    key = stack.settings.kms_key
    properties = Table(
        attribute_definitions=[Attribute(attribute_name=KEY)],
        key_schema=[KeyPart(attribute_name=KEY)],
        time_to_live_specification=TimeToLive(attribute_name=EXPIRES),
        sse_specification=TableEncryption(table_key=key) if key else None,
        tags=stack.tags,
    )
    return {TABLE: lasting("AWS::DynamoDB::Table", properties)}


def variables() -> Json:
    """Return the environment variables of the function that is asked."""
    return {VARIABLE: ref(TABLE)}


def update(stack: Stack) -> list[Statement]:
    """Return what keeping the record of a join takes."""
    own = Statement(action=["dynamodb:UpdateItem"], resource=[get_att(TABLE, "Arn")])
    if stack.settings.kms_key is None:
        return [own]
    # DynamoDB developer guide, "DynamoDB encryption at rest: usage notes", read 2026-11.
    by_key = Statement(
        action=[
            "kms:CreateGrant",
            "kms:Decrypt",
            "kms:DescribeKey",
            "kms:Encrypt",
            "kms:GenerateDataKey",
            "kms:ReEncryptFrom",
            "kms:ReEncryptTo",
        ],
        resource=[stack.settings.kms_key],
        condition={
            "StringEquals": {"kms:ViaService": sub("dynamodb.${AWS::Region}.amazonaws.com")}
        },
    )
    return [own, by_key]


def send(machines: Sequence[str]) -> Attached:
    """Return what letting a state go on takes that waits, apart from the role.

    Args:
        machines: logical ids of the machines that have such states.
    """
    statement = Statement(
        action=["states:SendTaskSuccess"], resource=[ref(machine) for machine in machines]
    )
    return Attached("LetWaitingGoOn", [statement])
