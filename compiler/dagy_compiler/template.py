"""The CloudFormation stack of a flow: one function, its role and log, the state machine, its role.

Each role may do what its resource does and nothing else, on the resources of this stack only.
Nothing that users wrote stands where CloudFormation evaluates: names go into descriptions and tags
with every character that could begin an expression replaced.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from dagy.errors import LimitError
from dagy_compiler.cloudformation import (
    Code,
    Function,
    InlinePolicy,
    LoggingConfig,
    LogGroup,
    Output,
    Parameter,
    PolicyDocument,
    Resource,
    Role,
    StateMachine,
    Statement,
    Tag,
    Template,
    get_att,
    ref,
    sub,
)
from dagy_compiler.iam import Permission, statements
from dagy_compiler.limits import LAMBDA_TIMEOUT_SECONDS, TEMPLATE_BYTES

HANDLER = "dagy.worker.lambda_handler"
MEMORY_MB = 1024
LOG_RETENTION_DAYS = 30


def template(
    flow_name: str,
    definition: dict[str, Any],
    *,
    python_version: str,
    permissions: Sequence[Permission] = (),
) -> dict[str, Any]:
    """Return the template of a flow as JSON values.

    Args:
        flow_name: the flow's name, whatever it is.
        definition: the state machine, with `${WorkerFunctionArn}`.
        permissions: what the state machine does itself, beside calling the worker.
        python_version: of the Lambda runtime, as `3.12`.

    Raises:
        LimitError: the template is larger than CloudFormation accepts.
    """
    shown = _harmless(flow_name)
    tags = [Tag(key="dagy:flow", value=shown)]
    made = Template(
        description=f"Dagy flow {shown}",
        parameters={
            "ArtifactBucket": Parameter(description="S3 bucket that holds artifact.zip"),
            "ArtifactKey": Parameter(description="S3 key of artifact.zip"),
        },
        resources={
            "WorkerLogGroup": Resource(
                type="AWS::Logs::LogGroup",
                deletion_policy="Delete",
                update_replace_policy="Delete",
                properties=LogGroup(retention_in_days=LOG_RETENTION_DAYS, tags=tags),
            ),
            "WorkerRole": _worker_role(tags),
            "WorkerFunction": _worker(shown, python_version, tags),
            "StateMachineRole": _state_machine_role(permissions, tags),
            "StateMachine": _state_machine(definition, tags),
        },
        outputs={
            "StateMachineArn": Output(
                description="ARN of the state machine", value=ref("StateMachine")
            ),
            "StateMachineName": Output(
                description="Name of the state machine", value=get_att("StateMachine", "Name")
            ),
        },
    ).to_json()
    size = len(json.dumps(made, separators=(",", ":")).encode())
    if size > TEMPLATE_BYTES:
        raise LimitError(
            f"flow {flow_name!r}: its template takes {size:,} bytes, and CloudFormation accepts "
            f"{TEMPLATE_BYTES:,}; use --execution-mode nano, or split the flow"
        )
    return made


def _worker(shown: str, python_version: str, tags: list[Tag]) -> Resource:
    return Resource(
        type="AWS::Lambda::Function",
        properties=Function(
            description=f"Worker of Dagy flow {shown}",
            runtime=f"python{python_version}",
            handler=HANDLER,
            role=get_att("WorkerRole", "Arn"),
            code=Code(s3_bucket=ref("ArtifactBucket"), s3_key=ref("ArtifactKey")),
            memory_size=MEMORY_MB,
            timeout=LAMBDA_TIMEOUT_SECONDS,
            logging_config=LoggingConfig(log_group=ref("WorkerLogGroup")),
            tags=tags,
        ),
    )


def _worker_role(tags: list[Tag]) -> Resource:
    return _role(
        "lambda.amazonaws.com",
        {
            "WriteLog": [
                Statement(
                    action=["logs:CreateLogStream", "logs:PutLogEvents"],
                    resource=[get_att("WorkerLogGroup", "Arn")],
                )
            ]
        },
        tags,
    )


def _state_machine(definition: dict[str, Any], tags: list[Tag]) -> Resource:
    return Resource(
        type="AWS::StepFunctions::StateMachine",
        deletion_policy="Delete",
        update_replace_policy="Delete",
        properties=StateMachine(
            role_arn=get_att("StateMachineRole", "Arn"),
            definition=definition,
            definition_substitutions={"WorkerFunctionArn": get_att("WorkerFunction", "Arn")},
            tags=tags,
        ),
    )


def _state_machine_role(permissions: Sequence[Permission], tags: list[Tag]) -> Resource:
    invoke = Statement(
        action=["lambda:InvokeFunction"],
        # The function, and any version or alias of it.
        resource=[get_att("WorkerFunction", "Arn"), sub("${WorkerFunction.Arn}:*")],
    )
    policies = {"InvokeWorker": [invoke], "CallServices": statements(permissions)}
    return _role("states.amazonaws.com", policies, tags)


def _role(service: str, policies: dict[str, list[Statement]], tags: list[Tag]) -> Resource:
    trust = Statement(principal={"Service": service}, action=["sts:AssumeRole"])
    return Resource(
        type="AWS::IAM::Role",
        properties=Role(
            assume_role_policy_document=PolicyDocument(statement=[trust]),
            policies=[
                InlinePolicy(policy_name=name, policy_document=PolicyDocument(statement=allowed))
                for name, allowed in policies.items()
                if allowed
            ],
            tags=tags,
        ),
    )


def _harmless(name: str) -> str:
    """A flow's name with only what tags and descriptions take, and no character of an expression.

    A tag's value takes at most 256 letters, digits, spaces and `_ . : / = + - @` (AWS tagging
    rules).
    """
    return re.sub(r"[^\w .:/=+@-]", "-", name).strip()[:200] or "flow"
