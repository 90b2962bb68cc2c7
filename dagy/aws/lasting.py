"""What outlives an update of a stack: executions under way may still need it.

CloudFormation retains it and forgets it, so it is found again by the tag that the template gave it.
A name that begins like the stack's is not enough: another stack's may, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from dagy.aws.refusals import code_of, explained
from dagy.aws.target import Target

STACK_TAG = "dagy:stack"
"""The tag that says whose a resource is, see `dagy_compiler.template`."""


@dataclass(frozen=True)
class Lasting:
    """A resource that a stack has made, whether or not the stack still knows it.

    Attributes:
        kind: for people.
        id: its ARN.
        name: as CloudFormation calls it: the physical id.
        remove: deletes it.
    """

    kind: str
    id: str
    name: str
    remove: Callable[[], object]


def lasting_of(target: Target, stack_name: str) -> Iterator[Lasting]:
    """Yield the resources of a stack that outlive it, in an order in which they can be removed.

    Args:
        target: where.
        stack_name: of the stack, which may be gone.

    Raises:
        AwsError: AWS refuses to tell.
    """
    for find in (_machines, _functions, _task_definitions, _clusters, _tables, _roles):
        with explained(f"looking for what is left of stack {stack_name}"):
            yield from find(target, stack_name)


def tagged(target: Target, stack_name: str, kind: str) -> Iterator[str]:
    """Yield the ARNs of what bears the tag of a stack.

    Args:
        target: where.
        stack_name: of the stack, which may be gone.
        kind: as the Resource Groups Tagging API names types, as `lambda:function`.
    """
    pages = target.client("resourcegroupstaggingapi").get_paginator("get_resources")
    for page in pages.paginate(
        TagFilters=[{"Key": STACK_TAG, "Values": [stack_name]}], ResourceTypeFilters=[kind]
    ):
        for found in page["ResourceTagMappingList"]:
            yield str(found["ResourceARN"])


def remove_all(left: list[Lasting]) -> None:
    """Remove resources; one that is gone already is as good as removed.

    Raises:
        AwsError: AWS refuses.
    """
    for each in left:
        with explained(f"removing {each.kind} {each.name}"):
            try:
                each.remove()
            except Exception as error:
                if code_of(error) not in _GONE:
                    raise


_GONE = frozenset(
    {"NoSuchEntity", "ResourceNotFoundException", "StateMachineDoesNotExist", "ClientException"}
)


def _machines(target: Target, stack: str) -> Iterator[Lasting]:
    client = target.client("stepfunctions")
    for page in client.get_paginator("list_state_machines").paginate():
        for found in page["stateMachines"]:
            arn = found["stateMachineArn"]
            if _MACHINE.search(found["name"]) and _is_of(
                client.list_tags_for_resource(resourceArn=arn)["tags"], "key", "value", stack
            ):
                yield Lasting(
                    "state machine",
                    arn,
                    arn,
                    partial(client.delete_state_machine, stateMachineArn=arn),
                )


def _functions(target: Target, stack: str) -> Iterator[Lasting]:
    client = target.client("lambda")
    for arn in tagged(target, stack, "lambda:function"):
        name = arn.rpartition(":")[2]
        yield Lasting("function", arn, name, partial(client.delete_function, FunctionName=arn))


def _task_definitions(target: Target, stack: str) -> Iterator[Lasting]:
    client = target.client("ecs")
    families = client.get_paginator("list_task_definition_families")
    for page in families.paginate(familyPrefix=f"{stack}-", status="ACTIVE"):
        for family in page["families"]:
            newest = client.describe_task_definition(taskDefinition=family, include=["TAGS"])
            if not _is_of(newest.get("tags", ()), "key", "value", stack):
                continue
            revisions = client.get_paginator("list_task_definitions")
            for listed in revisions.paginate(familyPrefix=family, status="ACTIVE"):
                for arn in listed["taskDefinitionArns"]:
                    yield Lasting(
                        "task definition",
                        arn,
                        arn,
                        partial(client.deregister_task_definition, taskDefinition=arn),
                    )


def _clusters(target: Target, stack: str) -> Iterator[Lasting]:
    client = target.client("ecs")
    for page in client.get_paginator("list_clusters").paginate():
        for arn in page["clusterArns"]:
            name = arn.rpartition("/")[2]
            if _may_be_of(name, stack) and _is_of(
                client.list_tags_for_resource(resourceArn=arn)["tags"], "key", "value", stack
            ):
                yield Lasting("cluster", arn, name, partial(client.delete_cluster, cluster=arn))


def _tables(target: Target, stack: str) -> Iterator[Lasting]:
    client = target.client("dynamodb")
    for page in client.get_paginator("list_tables").paginate():
        for name in page["TableNames"]:
            if not _may_be_of(name, stack):
                continue
            arn = client.describe_table(TableName=name)["Table"]["TableArn"]
            if _is_of(client.list_tags_of_resource(ResourceArn=arn)["Tags"], "Key", "Value", stack):
                yield Lasting("table", arn, name, partial(client.delete_table, TableName=name))


def _roles(target: Target, stack: str) -> Iterator[Lasting]:
    client = target.client("iam")
    for page in client.get_paginator("list_roles").paginate():
        for found in page["Roles"]:
            name = found["RoleName"]
            if _may_be_of(name, stack) and _is_of(
                client.list_role_tags(RoleName=name)["Tags"], "Key", "Value", stack
            ):
                yield Lasting(
                    "role", found["Arn"], name, partial(_remove_role, client=client, name=name)
                )


def _remove_role(client: Any, name: str) -> None:
    for policy in client.list_role_policies(RoleName=name)["PolicyNames"]:
        client.delete_role_policy(RoleName=name, PolicyName=policy)
    for attached in client.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
        client.detach_role_policy(RoleName=name, PolicyArn=attached["PolicyArn"])
    client.delete_role(RoleName=name)


_MACHINE = re.compile("-[0-9a-f]{8}$|StateMachine|Part")
"""In the names of machines that are Dagy's: as the template names them (`Stack.machine_name`), or
as CloudFormation does, by logical ids and without the stack's name."""


def _may_be_of(name: str, stack: str) -> bool:
    """Whether to look at the tags: CloudFormation shortens a stack's name where it has to."""
    return name.startswith(stack[:20])


def _is_of(tags: Any, key: str, value: str, stack: str) -> bool:
    return any(tag[key] == STACK_TAG and tag[value] == stack for tag in tags)
