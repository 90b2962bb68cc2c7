"""Alarms on the executions of a flow, and who is told of them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from dagy_compiler.cloudformation import (
    Alarm,
    Dimension,
    Function,
    InlineCode,
    Json,
    LoggingConfig,
    Permission,
    PolicyDocument,
    Resource,
    Statement,
    Subscription,
    Topic,
    TopicPolicy,
    Variables,
    digest,
    get_att,
    ref,
)
from dagy_compiler.placement import X86_64
from dagy_compiler.roles import only_by_tls, read_secret, role, write_log
from dagy_compiler.stack import LOG, Stack

TOPIC: Final = "Notifications"

_METRICS: Final = {
    "FailedAlarm": ("ExecutionsFailed", "an execution failed"),
    "TimedOutAlarm": ("ExecutionsTimedOut", "an execution took too long"),
    "ThrottledAlarm": ("ExecutionThrottled", "executions have to wait: too many at once"),
}
"""Alarms by logical id (Step Functions developer guide, "Monitoring metrics", read 2026-11)."""


def alarms(stack: Stack, machine: str) -> dict[str, Resource]:
    """Return the alarms, and what it takes to tell people of them, by logical id.

    Args:
        stack: whose settings say who is told.
        machine: the logical id of the state machine.
    """
    if not stack.settings.has_alarms:
        return {}
    own = bool(stack.settings.emails or stack.settings.webhooks)
    told: list[Json | str] = [*stack.settings.topics, *([ref(TOPIC)] if own else [])]
    made = {
        name: Resource(
            type="AWS::CloudWatch::Alarm",
            properties=Alarm(
                alarm_description=f"Dagy flow {stack.flow}: {meaning}",
                metric_name=metric,
                dimensions=[Dimension(name="StateMachineArn", value=ref(machine))],
                alarm_actions=told or None,
                tags=stack.tags,
            ),
        )
        for name, (metric, meaning) in _METRICS.items()
    }
    if own:
        made |= _topic(stack)
    return made


def _topic(stack: Stack) -> dict[str, Resource]:
    """The topic that alarms go to, and its subscribers."""
    made = {
        TOPIC: Resource(
            type="AWS::SNS::Topic",
            properties=Topic(encrypted_by=stack.settings.kms_key, tags=stack.tags),
        ),
        f"{TOPIC}Policy": Resource(type="AWS::SNS::TopicPolicy", properties=_topic_policy()),
    }
    for email in stack.settings.emails:
        made[f"Email{digest(email)}"] = _subscription("email", email)
    for reference in stack.settings.webhooks:
        made |= _webhook(stack, reference)
    return made


def _topic_policy() -> TopicPolicy:
    publish = Statement(
        principal={"Service": "cloudwatch.amazonaws.com"},
        action=["sns:Publish"],
        resource=[ref(TOPIC)],
        condition={"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}},
    )
    statements = [publish, only_by_tls(["sns:Publish"], [ref(TOPIC)])]
    return TopicPolicy(topics=[ref(TOPIC)], policy_document=PolicyDocument(statement=statements))


def _webhook(stack: Stack, reference: str) -> dict[str, Resource]:
    name = f"Webhook{digest(reference)}"
    own = role(
        stack,
        "WebhookRole",
        "lambda.amazonaws.com",
        {"Tell": [write_log(), read_secret(reference), *stack.use_key()]},
    )
    function = Function(
        description=f"Tells a webhook of alarms of Dagy flow {stack.flow}",
        runtime=f"python{stack.python_version}",
        handler="index.handler",
        architectures=[X86_64],
        role=own.arn,
        code=InlineCode(zip_file=_source()),
        memory_size=128,
        timeout=30,
        environment=Variables(variables={"WEBHOOK": reference}),
        kms_key_arn=stack.settings.kms_key,
        logging_config=LoggingConfig(log_group=ref(LOG)),
        tags=stack.tags,
    )
    allowed = Permission(
        function_name=ref(name), principal="sns.amazonaws.com", source_arn=ref(TOPIC)
    )
    return {
        **own.resources,
        name: Resource(type="AWS::Lambda::Function", properties=function),
        f"{name}Permission": Resource(type="AWS::Lambda::Permission", properties=allowed),
        f"{name}Subscription": _subscription("lambda", get_att(name, "Arn")),
    }


def _subscription(protocol: str, endpoint: Json | str) -> Resource:
    return Resource(
        type="AWS::SNS::Subscription",
        properties=Subscription(protocol=protocol, topic_arn=ref(TOPIC), endpoint=endpoint),
    )


def _source() -> str:
    return (Path(__file__).parent / "webhook.py").read_text(encoding="utf-8")
