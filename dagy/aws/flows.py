"""The flows that are deployed to a target."""

from __future__ import annotations

from dagy.aws.stacks import Stack, find_stack, flow_stacks
from dagy.aws.target import Target, find_target
from dagy.errors import DeployError
from dagy.options import nearest
from dagy_compiler.bundle import stack_name_of


def required_target(target: Target | None = None) -> Target:
    """Return a target.

    Raises:
        DeployError: none is named; says how to.
    """
    found = target or find_target()
    if found is None:
        raise DeployError(
            "no AWS target is named; name one with --region or --profile, with AWS_REGION or "
            "AWS_PROFILE, or with `dagy config`"
        )
    return found


def deployed_flow(target: Target, name: str, environment: str | None = None) -> Stack:
    """Return the stack of a deployed flow.

    Args:
        target: where.
        name: what it is called there.
        environment: which of several of that name.

    Raises:
        AwsError: AWS refuses to tell.
        DeployError: there is none; names the nearest.
    """
    stack = find_stack(target.client("cloudformation"), stack_name_of(name, environment))
    if stack is not None and stack.is_flow:
        return stack
    there = [each.deployment for each in flow_stacks(target.client("cloudformation"))]
    wanted = name if environment is None else f"{name}-{environment}"
    known = f"; deployed are {', '.join(sorted(there))}" if there else "; nothing is deployed there"
    raise DeployError(f"there is no deployed flow {wanted!r}{nearest(wanted, there)}{known}")
