"""Typed models of the parts of CloudFormation that a bundle's template uses.

Only what is emitted is modelled; a misspelt property fails here and not on AWS. Names and order are
CloudFormation's own.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_pascal

Json = dict[str, Any]


class Model(BaseModel):
    """Base: fields in Python's spelling, PascalCase in the template, nothing unknown."""

    model_config = ConfigDict(
        alias_generator=to_pascal, populate_by_name=True, extra="forbid", frozen=True
    )


def ref(name: str) -> Json:
    """Return `Ref`: a parameter's value, or a resource's id."""
    return {"Ref": name}


def get_att(name: str, attribute: str) -> Json:
    """Return `Fn::GetAtt`: an attribute of a resource."""
    return {"Fn::GetAtt": [name, attribute]}


def sub(text: str) -> Json:
    """Return `Fn::Sub`. The text must be ours: `${...}` in it is replaced."""
    return {"Fn::Sub": text}


class Tag(Model):
    """A tag of a resource."""

    key: str
    value: str


class Statement(Model):
    """One statement of an IAM policy."""

    effect: Literal["Allow"] = "Allow"
    principal: dict[str, str] | None = None
    action: list[str]
    resource: list[Json | str] | None = None
    condition: Json | None = None


class PolicyDocument(Model):
    """An IAM policy."""

    version: Literal["2012-10-17"] = "2012-10-17"
    statement: list[Statement]


class InlinePolicy(Model):
    """A policy that belongs to one role."""

    policy_name: str
    policy_document: PolicyDocument


class Role(Model):
    """Properties of AWS::IAM::Role."""

    assume_role_policy_document: PolicyDocument
    policies: list[InlinePolicy]
    tags: list[Tag]


class LogGroup(Model):
    """Properties of AWS::Logs::LogGroup."""

    retention_in_days: int
    tags: list[Tag]


class Code(Model):
    """Where a function's code is."""

    s3_bucket: Json
    s3_key: Json


class LoggingConfig(Model):
    """Where a function's log goes."""

    log_group: Json


class Function(Model):
    """Properties of AWS::Lambda::Function."""

    description: str
    runtime: str
    handler: str
    role: Json
    code: Code
    memory_size: int
    timeout: int
    logging_config: LoggingConfig
    tags: list[Tag]


class StateMachine(Model):
    """Properties of AWS::StepFunctions::StateMachine."""

    state_machine_type: Literal["STANDARD"] = "STANDARD"
    role_arn: Json
    definition: Json
    definition_substitutions: Json
    tags: list[Tag]


class Resource(Model):
    """One resource of a template."""

    type: str
    deletion_policy: Literal["Delete"] | None = None
    update_replace_policy: Literal["Delete"] | None = None
    properties: Role | LogGroup | Function | StateMachine


class Parameter(Model):
    """One parameter of a template."""

    type: Literal["String"] = "String"
    description: str
    min_length: int = 1


class Output(Model):
    """One output of a template."""

    description: str
    value: Json


class Template(Model):
    """A template."""

    description: str
    parameters: dict[str, Parameter]
    resources: dict[str, Resource]
    outputs: dict[str, Output]

    def to_json(self) -> Json:
        """Return the template as JSON values, always in the same order."""
        body = self.model_dump(by_alias=True, exclude_none=True)
        return {"AWSTemplateFormatVersion": "2010-09-09", **body}
