"""`dagy flows list`, `dagy versions`, `dagy rollback` and `dagy destroy`."""

from __future__ import annotations

import sys

import typer

from dagy.aws.artifact_bucket import artifact_bucket
from dagy.aws.destroy import Removal, destroy, removal_of
from dagy.aws.stack_events import StackEvent
from dagy.aws.stacks import Stack, flow_stacks
from dagy.aws.target import Target
from dagy.aws.versions import (
    chosen,
    deployed_by,
    point_alias,
    running_by_version,
    versions_of,
)
from dagy.cli.place import Place
from dagy.cli.screen import err, out, print_json, say, table
from dagy.errors import DeployError
from dagy_compiler.label import stack_name_of


def list_flows(place: Place, *, as_json: bool) -> None:
    """Show what is deployed."""
    target = place.target()
    stacks = sorted(flow_stacks(target.client("cloudformation")), key=lambda stack: stack.name)
    if as_json:
        print_json([_flow_as_json(target, stack) for stack in stacks])
        return
    if not stacks:
        say("No flow is deployed there.")
        return
    shown = table("name", "flow", "version", "mode", "code", "deployed", "running", "status")
    for stack in stacks:
        shown.add_row(
            stack.deployment,
            stack.outputs.get("FlowName", "?"),
            stack.outputs.get("FlowVersion", "?"),
            stack.outputs.get("ExecutionMode", "?"),
            stack.outputs.get("CodeHash", "")[:8],
            _when(stack),
            str(_running(target, stack)),
            stack.status,
        )
    out.print(shown)


def list_versions(place: Place, name: str, *, as_json: bool) -> None:
    """Show the versions of a deployed flow."""
    flow = place.flow(name)
    stack = flow.stack
    versions = versions_of(flow.target.client("stepfunctions"), stack)
    bucket = artifact_bucket(flow.target)
    by = {each.arn: deployed_by(bucket, stack, each) for each in versions}
    if as_json:
        print_json(
            [
                {
                    "version": each.label,
                    "number": each.number,
                    "code_hash": each.code_hash,
                    "created_at": each.created_at.isoformat(),
                    "current": each.is_current,
                    "running": each.running,
                    "deployed_by": by[each.arn],
                    "arn": each.arn,
                }
                for each in versions
            ]
        )
        return
    shown = table("", "version", "code", "published", "running", "by")
    for each in versions:
        published = each.created_at.astimezone().strftime("%Y-%m-%d %H:%M")
        mark = "*" if each.is_current else ""
        who = (by[each.arn] or "").rpartition(":")[2]
        shown.add_row(mark, each.label, each.code_hash[:8], published, str(each.running), who)
    out.print(shown)


def roll_back(place: Place, name: str, version: str | None) -> None:
    """Let executions start from another version."""
    flow = place.flow(name)
    stack, stepfunctions = flow.stack, flow.target.client("stepfunctions")
    found = chosen(versions_of(stepfunctions, stack), version)
    if found.is_current:
        say(f"{name} is at version {found.label} (code {found.code_hash[:8]}) already.")
        return
    point_alias(stepfunctions, stack, found.arn)
    say(
        f"{name} now starts from version {found.label} (code {found.code_hash[:8]}); what is "
        "running goes on as it began."
    )


def destroy_flow(
    place: Place, name: str, bucket_name: str | None, *, keep_data: bool, yes: bool
) -> None:
    """Take a flow off AWS."""
    target = place.target(bucket=bucket_name)
    stack_name = stack_name_of(name, place.environment)
    bucket = artifact_bucket(target)
    removal = removal_of(target, stack_name, bucket)
    if removal.is_empty:
        place.flow(name)  # says what is there instead
    _check_owner(removal, stack_name)
    if not yes:
        _ask(removal, stack_name, keep_data=keep_data)
    destroy(target, stack_name, bucket, removal, keep_data=keep_data, on_event=_event)
    kept = f" Bucket {removal.data} is left." if keep_data and removal.data else ""
    say(f"Nothing of {stack_name} is left.{kept}")


def _check_owner(removal: Removal, stack_name: str) -> None:
    stack = removal.stack
    made = stack is None or stack.is_flow or stack.is_new or "dagy:flow" in stack.tags
    if not made:
        raise DeployError(f"stack {stack_name} was not made by Dagy; it is left as it is")


def _ask(removal: Removal, stack_name: str, *, keep_data: bool) -> None:
    told = [f"stack {stack_name}"] if removal.stack is not None else []
    if removal.running:
        told.append(f"{len(removal.running)} running executions, which are stopped")
    if removal.data is not None and not keep_data:
        told.append(f"bucket {removal.data} with what runs have put there")
    if removal.uploads:
        told.append(f"{len(removal.uploads)} uploads")
    say("This removes " + ", ".join(told or removal.left) + ".")
    if not sys.stdin.isatty():
        raise DeployError(f"stack {stack_name}: say --yes to take it away")
    if not typer.confirm("Go on?"):
        raise typer.Exit(1)


def _event(event: StackEvent) -> None:
    clock = event.at.astimezone().strftime("%H:%M:%S")
    err.print(f"  {clock}  {event.status:<28} {event.resource}", markup=False)


def _flow_as_json(target: Target, stack: Stack) -> dict[str, object]:
    outputs = stack.outputs
    return {
        "name": stack.deployment,
        "flow": outputs.get("FlowName"),
        "environment": outputs.get("Environment"),
        "version": outputs.get("FlowVersion"),
        "execution_mode": outputs.get("ExecutionMode"),
        "code_hash": outputs.get("CodeHash"),
        "deployed_at": stack.changed_at.isoformat() if stack.changed_at else None,
        "running": _running(target, stack),
        "status": stack.status,
        "stack_name": stack.name,
        "state_machine_arn": outputs.get("AliasArn") or outputs["StateMachineArn"],
    }


def _when(stack: Stack) -> str:
    return stack.changed_at.astimezone().strftime("%Y-%m-%d %H:%M") if stack.changed_at else ""


def _running(target: Target, stack: Stack) -> int:
    machine = stack.outputs["StateMachineArn"]
    return running_by_version(target.client("stepfunctions"), machine).total()
