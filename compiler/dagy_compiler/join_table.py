"""Where the joins of a flow meet that wait across branches: a table, and who may write to it.

A stack has it only where its flow has such joins. Only the function that is asked between tasks may
write to it, and send the tokens of the machines that wait.
"""

from __future__ import annotations

from collections.abc import Sequence

from dagy_compiler.cloudformation import (
    Attribute,
    Json,
    KeyPart,
    Resource,
    Statement,
    Table,
    Tag,
    TimeToLive,
    get_att,
    lasting,
    ref,
)
from dagy_compiler.roles import Attached

TABLE = "JoinTable"
"""Its logical id."""

KEY = "id"
EXPIRES = "expires"
"""Attributes of its items, as `dagy.worker.joins` writes them."""


def table(tags: list[Tag]) -> dict[str, Resource]:
    """Return the table; it is paid for by what is asked of it, and empties itself."""
    properties = Table(
        attribute_definitions=[Attribute(attribute_name=KEY)],
        key_schema=[KeyPart(attribute_name=KEY)],
        time_to_live_specification=TimeToLive(attribute_name=EXPIRES),
        tags=tags,
    )
    return {TABLE: lasting("AWS::DynamoDB::Table", properties)}


def variables() -> Json:
    """Return the environment variables of the function that is asked."""
    return {"DAGY_JOINS_TABLE": ref(TABLE)}


def update() -> Statement:
    """Return what keeping the record of a join takes."""
    return Statement(action=["dynamodb:UpdateItem"], resource=[get_att(TABLE, "Arn")])


def send(machines: Sequence[str]) -> Attached:
    """Return what letting a state go on takes that waits, apart from the role.

    Args:
        machines: logical ids of the machines that have such states.
    """
    statement = Statement(
        action=["states:SendTaskSuccess"], resource=[ref(machine) for machine in machines]
    )
    return Attached("LetWaitingGoOn", [statement])
