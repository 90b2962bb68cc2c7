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
from dagy.naming import slug
from dagy_compiler import fargate, join_table, layers
from dagy_compiler.alarms import alarms
from dagy_compiler.cloudformation import (
    Json,
    LogGroup,
    Output,
    Parameter,
    Resource,
    Template,
    get_att,
    ref,
    sub,
)
from dagy_compiler.dashboard import dashboard
from dagy_compiler.data_bucket import data_bucket
from dagy_compiler.functions import workers
from dagy_compiler.join_states import RESOURCE as JOIN
from dagy_compiler.limits import TEMPLATE_BYTES, TEMPLATE_PARAMETERS, TEMPLATE_RESOURCES
from dagy_compiler.machines import OUTERMOST, Machine, key_parameter, state_machine
from dagy_compiler.modes import ECS, LAMBDA
from dagy_compiler.plan import Plan
from dagy_compiler.schedule_resources import (
    schedule_outputs,
    schedule_parameters,
    schedule_resources,
)
from dagy_compiler.secret_readers import secret_readers
from dagy_compiler.settings import Settings
from dagy_compiler.stack import LOG, Stack
from dagy_compiler.versions import ALIAS, Code, alias, version_id


def template(
    plan: Plan,
    machines: list[Machine],
    *,
    python_version: str,
    code: Code,
    settings: Settings | None = None,
    name: str | None = None,
) -> Json:
    """Return the template of a flow as JSON values.

    It holds the definitions, unless it would be too large with them: then they are read from the
    bucket of the artifact, and for each there is a parameter with its key.

    Args:
        plan: after the last pass.
        machines: of the plan, from `machines_of`.
        python_version: of the Lambda runtime and the container, as `3.12`.
        code: what the stack runs.
        settings: what people decide about it.
        name: what the flow is called where it is deployed; its own name by default.

    Raises:
        LimitError: the template, or a role in it, is larger than AWS accepts.
    """
    stack = Stack(
        flow=harmless(plan.spec.name),
        name=name or plan.spec.name,
        code=code,
        settings=settings or Settings(),
        python_version=python_version,
        keeps_values=plan.has_bucket,
        secrets_below=slug(plan.spec.name, fallback="flow"),
        secret_readers=secret_readers(plan),
    )
    if sum(len(machine.text) for machine in machines) <= TEMPLATE_BYTES:
        made = _template(stack, plan, machines, inline=True)
        if len(template_text(made)) <= TEMPLATE_BYTES:
            _check(plan.spec.name, made)
            return made
    made = _template(stack, plan, machines, inline=False)
    _check(plan.spec.name, made)
    return made


def template_text(made: Json) -> bytes:
    """Return a template as it is written, and uploaded."""
    return (json.dumps(made, indent=2, ensure_ascii=False) + "\n").encode()


def _template(stack: Stack, plan: Plan, machines: list[Machine], *, inline: bool) -> Json:
    places = plan.places.values()
    waiting = [machine.id for machine in machines if JOIN in machine.text]
    on_lambda = [place for place in places if place.executor == LAMBDA]
    seconds = {place: plan.function_seconds(place.name) for place in on_lambda}
    functions = workers(stack, seconds, waiting)
    containers = _containers(stack, plan, machines)
    resources: dict[str, Resource] = {LOG: _log_group(stack)}
    if stack.keeps_values and stack.settings.data_bucket is None:
        resources |= data_bucket(stack)
    if waiting:
        resources |= join_table.table(stack)
    resources |= layers.resources(stack)
    for worker in functions:
        resources |= worker.resources()
    if containers:
        resources |= containers.resources()
    for machine in machines:
        resources |= state_machine(
            stack,
            machine,
            functions,
            containers,
            inline=inline,
            # Without code a changed flow may have the same machine.
            description=_told(stack, plan) if plan.places else None,
        )
    resources[ALIAS] = alias(OUTERMOST)
    resources |= alarms(stack, OUTERMOST)
    resources |= schedule_resources(stack, plan.spec)
    resources |= dashboard(stack, OUTERMOST, [worker.name for worker in functions])
    return Template(
        description=f"Dagy flow {stack.flow}",
        parameters=_parameters(stack, machines, inline=inline, on_fargate=containers is not None),
        conditions=fargate.CONDITIONS if containers else None,
        resources=resources,
        outputs=_outputs(stack, plan),
    ).to_json()


def _parameters(
    stack: Stack, machines: list[Machine], *, inline: bool, on_fargate: bool
) -> dict[str, Parameter]:
    parameters = {
        "ArtifactBucket": Parameter(description="S3 bucket that holds artifact.zip", min_length=1),
        "ArtifactKey": Parameter(description="S3 key of artifact.zip", min_length=1),
        **schedule_parameters(stack),
    }
    if not inline:
        parameters |= {
            key_parameter(machine.id): Parameter(
                description=f"S3 key of {machine.file}, in the bucket of artifact.zip", min_length=1
            )
            for machine in machines
        }
    parameters |= layers.parameters(stack.code.layers)
    if on_fargate:
        return parameters | fargate.parameters(stack)
    if stack.settings.functions_in_vpc:
        return parameters | fargate.network_parameters(stack.settings)
    return parameters


def _containers(stack: Stack, plan: Plan, machines: list[Machine]) -> fargate.Containers | None:
    places = [place for place in plan.places.values() if place.executor == ECS]
    running = [machine.id for machine in machines if machine.places(places)]
    return fargate.containers(stack, places, running) if places else None


def _told(stack: Stack, plan: Plan) -> str:
    """Return what a version says of itself, as JSON; 256 characters at most (API reference)."""
    return json.dumps({"version": harmless(plan.spec.version)[:64], "code": stack.code.hash})


def _outputs(stack: Stack, plan: Plan) -> dict[str, Output]:
    outputs = {
        "StateMachineArn": Output(description="ARN of the state machine", value=ref(OUTERMOST)),
        "StateMachineName": Output(
            description="Name of the state machine", value=get_att(OUTERMOST, "Name")
        ),
        "AliasArn": Output(
            description="ARN that executions start from: the current version", value=ref(ALIAS)
        ),
        "VersionArn": Output(
            description="ARN of the version deployed last", value=ref(version_id(OUTERMOST))
        ),
        "LogGroupName": Output(description="Log of what tasks print", value=ref(LOG)),
        # Also of a flow without workers: whoever follows its runs reads the flow from there.
        "Artifact": Output(
            description="Bucket and key of artifact.zip",
            value=sub("${ArtifactBucket}/${ArtifactKey}"),
        ),
        "CodeHash": Output(description="SHA-256 of the flow and its source", value=stack.code.hash),
        "SettingsHash": Output(
            description="SHA-256 of the settings of the stack", value=stack.settings.hash
        ),
        "FlowVersion": Output(
            description="The flow's own version", value=harmless(plan.spec.version)
        ),
        "ExecutionMode": Output(description="What tasks run on by default", value=plan.mode),
        **schedule_outputs(stack),
    }
    if stack.keeps_values:
        outputs["DataBucketName"] = Output(
            description="S3 bucket of values that are too large for a state", value=stack.bucket
        )
    if stack.keeps_values and stack.settings.data_bucket is not None:
        outputs["DataPrefix"] = Output(
            description="What the keys of this stack begin with there",
            value=sub("${AWS::StackName}/"),
        )
    return outputs


def _log_group(stack: Stack) -> Resource:
    return Resource(
        type="AWS::Logs::LogGroup",
        deletion_policy="Delete",
        update_replace_policy="Delete",
        properties=LogGroup(
            retention_in_days=stack.settings.log_retention_days,
            kms_key_id=stack.settings.kms_key,
            tags=stack.tags,
        ),
    )


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
