"""The CloudFormation stack of a flow: what its places are made of, and the state machine.

A place on Lambda is a function, one on Fargate a task definition (`dagy_compiler.fargate`). Each
role may do what its resource does and nothing else, on the resources of this stack only; what has
no secrets shares a role, and each set of secrets has one of its own. Nothing that users wrote
stands where CloudFormation evaluates: names go into descriptions and tags with every character that
could begin an expression replaced, and `place` refuses variables that it would replace.
"""

from __future__ import annotations

import json
import re

from dagy.errors import LimitError
from dagy_compiler import fargate, layers
from dagy_compiler.cloudformation import (
    AbortUpload,
    Bucket,
    BucketPolicy,
    Json,
    Lifecycle,
    LifecycleRule,
    LogGroup,
    Output,
    Parameter,
    PolicyDocument,
    Resource,
    Statement,
    Tag,
    Template,
    get_att,
    ref,
    sub,
)
from dagy_compiler.functions import workers
from dagy_compiler.limits import TEMPLATE_BYTES, TEMPLATE_PARAMETERS, TEMPLATE_RESOURCES
from dagy_compiler.machines import OUTERMOST, Machine, key_parameter, state_machine
from dagy_compiler.modes import ECS
from dagy_compiler.plan import Plan
from dagy_compiler.roles import DATA, LOG
from dagy_compiler.versions import ALIAS, Code, alias

LOG_RETENTION_DAYS = 30
DATA_RETENTION_DAYS = 30


def template(plan: Plan, machines: list[Machine], *, python_version: str, code: Code) -> Json:
    """Return the template of a flow as JSON values.

    It holds the definitions, unless it would be too large with them: then they are read from the
    bucket of the artifact, and for each there is a parameter with its key.

    Args:
        plan: after the last pass.
        machines: of the plan, from `machines_of`.
        python_version: of the Lambda runtime and the container, as `3.12`.
        code: what the stack runs.

    Raises:
        LimitError: the template, or a role in it, is larger than AWS accepts.
    """
    if sum(len(machine.text) for machine in machines) <= TEMPLATE_BYTES:
        made = _template(plan, machines, python_version, code, inline=True)
        if len(template_text(made)) <= TEMPLATE_BYTES:
            _check(plan.spec.name, made)
            return made
    made = _template(plan, machines, python_version, code, inline=False)
    _check(plan.spec.name, made)
    return made


def template_text(made: Json) -> bytes:
    """Return a template as it is written, and uploaded."""
    return (json.dumps(made, indent=2, ensure_ascii=False) + "\n").encode()


def _template(
    plan: Plan, machines: list[Machine], python_version: str, code: Code, *, inline: bool
) -> Json:
    flow = harmless(plan.spec.name)
    # By the second, what outlives the stack is found again.
    tags = [
        Tag(key="dagy:flow", value=flow),
        Tag(key="dagy:stack", value=ref("AWS::StackName")),
    ]
    functions = workers(plan, code, flow=flow, python_version=python_version, tags=tags)
    containers = _containers(plan, machines, code, tags)
    resources = {LOG: _log_group(tags)}
    parameters = {
        "ArtifactBucket": Parameter(description="S3 bucket that holds artifact.zip", min_length=1),
        "ArtifactKey": Parameter(description="S3 key of artifact.zip", min_length=1),
    }
    if not inline:
        parameters |= {
            key_parameter(machine.id): Parameter(
                description=f"S3 key of {machine.file}, in the bucket of artifact.zip", min_length=1
            )
            for machine in machines
        }
    parameters |= layers.parameters(code.layers)
    resources |= layers.resources(code.function_layers, flow=flow, python_version=python_version)
    if plan.has_bucket:
        resources |= _data_bucket(tags)
    for worker in functions:
        resources |= worker.resources()
    if containers:
        parameters |= fargate.parameters(python_version)
        resources |= containers.resources(tags)
    for machine in machines:
        resources |= state_machine(
            machine,
            functions,
            containers,
            tags,
            inline=inline,
            # Without code a changed flow may have the same machine.
            description=_told(plan, code) if plan.places else None,
        )
    resources[ALIAS] = alias(OUTERMOST)
    return Template(
        description=f"Dagy flow {flow}",
        parameters=parameters,
        conditions=fargate.CONDITIONS if containers else None,
        resources=resources,
        outputs=_outputs(plan, code),
    ).to_json()


def _containers(
    plan: Plan, machines: list[Machine], code: Code, tags: list[Tag]
) -> fargate.Containers | None:
    places = [place for place in plan.places.values() if place.executor == ECS]
    running = [machine.id for machine in machines if machine.places(places)]
    if not places:
        return None
    return fargate.containers(places, running, code, plan.secret_parameters_of, tags)


def _told(plan: Plan, code: Code) -> str:
    """Return what a version says of itself, as JSON; 256 characters at most (API reference)."""
    return json.dumps({"version": harmless(plan.spec.version)[:64], "code": code.hash})


def _outputs(plan: Plan, code: Code) -> dict[str, Output]:
    outputs = {
        "StateMachineArn": Output(description="ARN of the state machine", value=ref(OUTERMOST)),
        "StateMachineName": Output(
            description="Name of the state machine", value=get_att(OUTERMOST, "Name")
        ),
        "AliasArn": Output(
            description="ARN that executions start from: the current version", value=ref(ALIAS)
        ),
        "LogGroupName": Output(description="Log of what tasks print", value=ref(LOG)),
        "CodeHash": Output(description="SHA-256 of the flow and its source", value=code.hash),
        "FlowVersion": Output(
            description="The flow's own version", value=harmless(plan.spec.version)
        ),
        "ExecutionMode": Output(description="What tasks run on by default", value=plan.mode),
    }
    if plan.has_bucket:
        outputs["DataBucketName"] = Output(
            description="S3 bucket of values that are too large for a state", value=ref(DATA)
        )
    return outputs


def _log_group(tags: list[Tag]) -> Resource:
    return Resource(
        type="AWS::Logs::LogGroup",
        deletion_policy="Delete",
        update_replace_policy="Delete",
        properties=LogGroup(retention_in_days=LOG_RETENTION_DAYS, tags=tags),
    )


def _data_bucket(tags: list[Tag]) -> dict[str, Resource]:
    """The bucket of what is too large to pass between states: private and encrypted.

    It outlives the stack, since CloudFormation cannot delete a bucket that holds something; the
    lifecycle rule empties it.
    """
    rule = LifecycleRule(
        id="expire",
        expiration_in_days=DATA_RETENTION_DAYS,
        abort_incomplete_multipart_upload=AbortUpload(days_after_initiation=1),
    )
    only_tls = Statement(
        effect="Deny",
        principal="*",
        action=["s3:*"],
        resource=[get_att(DATA, "Arn"), sub(f"${{{DATA}.Arn}}/*")],
        condition={"Bool": {"aws:SecureTransport": "false"}},
    )
    return {
        DATA: Resource(
            type="AWS::S3::Bucket",
            deletion_policy="Retain",
            update_replace_policy="Retain",
            properties=Bucket(lifecycle_configuration=Lifecycle(rules=[rule]), tags=tags),
        ),
        f"{DATA}Policy": Resource(
            type="AWS::S3::BucketPolicy",
            deletion_policy="Retain",
            update_replace_policy="Retain",
            properties=BucketPolicy(
                bucket=ref(DATA), policy_document=PolicyDocument(statement=[only_tls])
            ),
        ),
    }


def _check(flow: str, made: Json) -> None:
    way_out = "use --execution-mode nano, or split the flow"
    size = len(template_text(made))
    if size > TEMPLATE_BYTES:
        raise LimitError(
            f"flow {flow!r}: its template takes {size:,} bytes, and CloudFormation accepts "
            f"{TEMPLATE_BYTES:,}; {way_out}"
        )
    if len(made["Parameters"]) > TEMPLATE_PARAMETERS:
        raise LimitError(
            f"flow {flow!r}: its template has {len(made['Parameters'])} parameters, most of them "
            f"for its state machines, and CloudFormation accepts {TEMPLATE_PARAMETERS}; {way_out}"
        )
    if len(made["Resources"]) > TEMPLATE_RESOURCES:
        raise LimitError(
            f"flow {flow!r}: its template has {len(made['Resources'])} resources, and "
            f"CloudFormation accepts {TEMPLATE_RESOURCES}; let more tasks have the same needs, for "
            "those share a function"
        )


def harmless(name: str) -> str:
    """A flow's name with only what tags and descriptions take, and no character of an expression.

    A tag's value takes at most 256 letters, digits, spaces and `_ . : / = + - @` (AWS tagging
    rules).
    """
    return re.sub(r"[^\w .:/=+@-]", "-", name).strip()[:200] or "flow"
