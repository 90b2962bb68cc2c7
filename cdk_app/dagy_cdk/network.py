"""The network of containers: what the CDK knows of it, as the parameters of a template."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import aws_ec2 as ec2
from constructs import Construct


def security_groups_in(
    scope: Construct, vpc: ec2.IVpc, given: Sequence[ec2.ISecurityGroup] | None
) -> list[ec2.ISecurityGroup]:
    """Return the given security groups, or a new one that lets nothing in."""
    if given:
        return list(given)
    return [ec2.SecurityGroup(scope, "SecurityGroup", vpc=vpc, description="Workers of a flow")]


def network_parameters(
    vpc: ec2.IVpc, subnets: ec2.SubnetSelection | None, groups: Sequence[ec2.ISecurityGroup]
) -> dict[str, Any]:
    """Return values for the parameters of a template that say where containers run.

    Args:
        vpc: the network.
        subnets: those to use; by default private ones with a way out, else public ones, for
            containers have to reach S3 and Step Functions, else isolated ones with endpoints.
        groups: security groups.
    """
    chosen = vpc.select_subnets(**_fields(subnets or _with_a_way_out(vpc)))
    return {
        "SubnetIds": chosen.subnet_ids,
        "SecurityGroupIds": [group.security_group_id for group in groups],
        "AssignPublicIp": "ENABLED" if chosen.has_public else "DISABLED",
    }


_FIELDS = (
    "availability_zones", "one_per_az", "subnet_filters", "subnet_group_name", "subnets",
    "subnet_type",
)  # fmt: skip


def _with_a_way_out(vpc: ec2.IVpc) -> ec2.SubnetSelection:
    if vpc.private_subnets:
        kind = ec2.SubnetType.PRIVATE_WITH_EGRESS
    elif vpc.public_subnets:
        kind = ec2.SubnetType.PUBLIC
    else:
        kind = ec2.SubnetType.PRIVATE_ISOLATED
    return ec2.SubnetSelection(subnet_type=kind)


def _fields(subnets: ec2.SubnetSelection) -> dict[str, Any]:
    return {name: getattr(subnets, name) for name in _FIELDS}
