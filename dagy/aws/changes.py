"""Change sets: what a deployment would change, before it does."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dagy.aws.pause import Pause
from dagy.aws.refusals import code_of, explained
from dagy.aws.stacks import Stack
from dagy.errors import AwsError, DeployError

INLINE_TEMPLATE_BYTES = 51_200
"""What a request takes as it is; more has to lie in S3 (CloudFormation quotas)."""


class Overtaken(AwsError):  # noqa: N818 - no error, but a reason to look again
    """Somebody else has begun to change the stack since it was looked at."""


@dataclass(frozen=True)
class Change:
    """What becomes of one resource.

    Attributes:
        action: "add", "modify", "remove", or another word of CloudFormation's.
        resource: its logical id.
        type: CloudFormation's.
        replaced: whether a new one takes its place: "yes", "no" or "maybe".
        properties: those that change, as far as CloudFormation says.
        is_certain: whether the template itself says so; otherwise it refers to something that
            changes, and may come out as it was.
    """

    action: str
    resource: str
    type: str
    replaced: str = "no"
    properties: tuple[str, ...] = ()
    is_certain: bool = True

    @property
    def is_permission(self) -> bool:
        """Whether it changes who may do what."""
        about = self.type.startswith("AWS::IAM::") or self.type.endswith(("Policy", "Permission"))
        return about and self.is_certain


@dataclass(frozen=True)
class ChangeSet:
    """Changes that CloudFormation is ready to make.

    Attributes:
        id: its ARN; None if there is nothing to change.
        stack_id: the ARN of the stack.
        is_create: whether the stack is made by it.
        changes: in CloudFormation's order.
    """

    id: str | None
    stack_id: str
    is_create: bool
    changes: tuple[Change, ...] = ()

    @property
    def permissions(self) -> tuple[Change, ...]:
        """The changes of who may do what."""
        return tuple(change for change in self.changes if change.is_permission)


@dataclass(frozen=True)
class StackRequest:
    """What a stack is to be.

    Attributes:
        name: of the stack.
        template: the text of its template.
        template_url: where the template lies in S3, if it is too large for a request.
        parameters: by name.
        tags: of the stack, and of each resource that takes tags.
    """

    name: str
    template: str
    template_url: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    def arguments(self) -> dict[str, Any]:
        """Return what boto3 takes."""
        where: dict[str, Any] = (
            {"TemplateBody": self.template}
            if self.template_url is None
            else {"TemplateURL": self.template_url}
        )
        return where | {
            "StackName": self.name,
            "Parameters": [
                {"ParameterKey": key, "ParameterValue": value}
                for key, value in self.parameters.items()
            ],
            "Tags": [{"Key": key, "Value": value} for key, value in self.tags.items()],
            "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
        }


def create_change_set(cloudformation: Any, stack: Stack | None, request: StackRequest) -> ChangeSet:
    """Ask CloudFormation what it would change.

    Args:
        cloudformation: boto3's client.
        stack: as it is; None if there is none.
        request: as it is to be.

    Raises:
        AwsError: AWS refuses the request; see `is_overtaken`.
        DeployError: CloudFormation cannot tell; with its reason.
    """
    is_create = stack is None or stack.is_new
    with explained(f"planning the changes of stack {request.name}"):
        made = cloudformation.create_change_set(
            **request.arguments(),
            ChangeSetName=f"dagy-{uuid.uuid4().hex[:12]}",
            ChangeSetType="CREATE" if is_create else "UPDATE",
            Description="dagy deploy",
        )
    return _planned(cloudformation, request.name, made["Id"], is_create)


def find_change_set(
    cloudformation: Any, stack_name: str, name: str, *, is_create: bool
) -> ChangeSet:
    """Return a change set that somebody else has made.

    Args:
        cloudformation: boto3's client.
        stack_name: of its stack.
        name: of the change set. If there is none of that name, there was nothing to change.
        is_create: whether the stack is made by it.

    Raises:
        AwsError: AWS refuses to tell.
        DeployError: CloudFormation cannot tell what it would change; with its reason.
    """
    with explained(f"planning the changes of stack {stack_name}"):
        try:
            found = cloudformation.describe_change_set(StackName=stack_name, ChangeSetName=name)
        except Exception as error:
            if code_of(error) == "ChangeSetNotFound":
                return ChangeSet(None, stack_name, is_create)
            raise
    return _planned(cloudformation, stack_name, found["ChangeSetId"], is_create)


def _planned(cloudformation: Any, stack_name: str, arn: str, is_create: bool) -> ChangeSet:
    """Return a change set once it is ready; what cannot be made is forgotten."""
    with explained(f"planning the changes of stack {stack_name}"):
        found = _when_ready(cloudformation, arn)
    stack_id = found["StackId"]
    if found["Status"] == "FAILED":
        reason = found.get("StatusReason", "")
        discard_change_set(cloudformation, ChangeSet(arn, stack_id, False))
        if "didn't contain changes" in reason or "No updates are to be performed" in reason:
            return ChangeSet(None, stack_id, is_create)
        raise DeployError(f"stack {stack_name}: its changes cannot be planned: {reason}")
    return ChangeSet(arn, stack_id, is_create, _changes(cloudformation, found))


def is_overtaken(error: AwsError) -> bool:
    """Whether a request was refused because somebody else has begun to change the stack."""
    if isinstance(error, Overtaken) or error.__cause__ is None:
        return isinstance(error, Overtaken)
    code = code_of(error.__cause__)
    if code in {"AlreadyExistsException", "InvalidChangeSetStatus", "ChangeSetNotFound"}:
        return True
    # CloudFormation has no names of their own for these refusals.
    said = ("_IN_PROGRESS state", "does not exist")
    return code == "ValidationError" and any(each in str(error) for each in said)


def discard_change_set(cloudformation: Any, change_set: ChangeSet) -> None:
    """Forget changes that are not to be made, and the stack that was only there for them.

    Raises:
        AwsError: AWS refuses.
    """
    if change_set.id is None:
        return
    with explained("forgetting planned changes"):
        if change_set.is_create:
            cloudformation.delete_stack(StackName=change_set.stack_id)
        else:
            cloudformation.delete_change_set(ChangeSetName=change_set.id)


def _when_ready(cloudformation: Any, arn: str) -> Mapping[str, Any]:
    pause = Pause(shortest=0.05, longest=2.0)
    while True:
        found: Mapping[str, Any] = cloudformation.describe_change_set(ChangeSetName=arn)
        if found["Status"] in {"CREATE_COMPLETE", "FAILED"}:
            return found
        pause.wait()


def _changes(cloudformation: Any, found: Mapping[str, Any]) -> tuple[Change, ...]:
    entries = list(found["Changes"])
    while token := found.get("NextToken"):
        with explained("reading planned changes"):
            found = cloudformation.describe_change_set(
                ChangeSetName=found["ChangeSetId"], NextToken=token
            )
        entries += found["Changes"]
    return tuple(_change(entry["ResourceChange"]) for entry in entries if "ResourceChange" in entry)


def _change(found: Mapping[str, Any]) -> Change:
    details = found.get("Details", ())
    targets = [each["Target"] for each in details]
    return Change(
        action=found["Action"].lower(),
        resource=found["LogicalResourceId"],
        type=found["ResourceType"],
        replaced=_REPLACED.get(found.get("Replacement", "False"), "maybe"),
        properties=tuple(dict.fromkeys(each.get("Name") or each["Attribute"] for each in targets)),
        is_certain=not details or any(each["Evaluation"] == "Static" for each in details),
    )


_REPLACED = {"True": "yes", "False": "no"}
