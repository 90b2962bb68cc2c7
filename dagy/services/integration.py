"""What an `aws_task` calls: a service, an action of it, and how Step Functions waits for the end.

Spelled as in a state machine after `arn:aws:states:::`, so `glue:startJobRun.sync`,
`sqs:sendMessage.waitForTaskToken` or `aws-sdk:s3:getObject`.
"""

from __future__ import annotations

from typing import NamedTuple

from dagy.options import nearest
from dagy.services.catalog import BOTO_NAMES, OPTIMIZED, SDK_NAMES, SYNC, SYNC_2, TOKEN

ARN_PREFIX = "arn:aws:states:::"
SDK_PREFIX = "aws-sdk"
PATTERNS = (SYNC, SYNC_2, TOKEN)


class Integration(NamedTuple):
    """A service integration.

    Attributes:
        service: as Step Functions spells it.
        action: likewise, in camelCase.
        pattern: "sync", "sync:2", "waitForTaskToken", or "" for request and response.
        sdk: whether it is an SDK integration, which makes the service's own call and no more.
    """

    service: str
    action: str
    pattern: str = ""
    sdk: bool = False

    @property
    def resource(self) -> str:
        """How a flow spells it."""
        prefix = f"{SDK_PREFIX}:" if self.sdk else ""
        pattern = f".{self.pattern}" if self.pattern else ""
        return f"{prefix}{self.service}:{self.action}{pattern}"

    @property
    def arn(self) -> str:
        """The `Resource` of its state."""
        return ARN_PREFIX + self.resource

    @property
    def task_name(self) -> str:
        """What a task is called that makes this call, unless it is given a name."""
        return f"{self.service}-{self.action}"


def parse(resource: str) -> Integration:
    """Return the integration that a text names.

    An SDK service or action that the catalog does not have is not refused here; see
    `dagy.services.check`.

    Raises:
        ValueError: there is no such optimized integration, or it has no such pattern; the message
            has the nearest name.
    """
    text = resource.removeprefix(ARN_PREFIX)
    name, _, pattern = text.partition(".")
    parts = name.split(":")
    sdk = parts[0] == SDK_PREFIX
    if len(parts) != (3 if sdk else 2) or not all(parts):
        raise ValueError(
            f"{resource!r} is not service:action, service:action.pattern or "
            "aws-sdk:service:action; for example 'glue:startJobRun.sync'"
        )
    if pattern and pattern not in PATTERNS:
        raise ValueError(
            f"{resource!r}: there is no pattern {'.' + pattern!r}{nearest(pattern, PATTERNS)}; "
            f"the patterns are {', '.join('.' + each for each in PATTERNS)}"
        )
    integration = Integration(parts[-2], parts[-1], pattern, sdk)
    if sdk:
        _check_sdk(integration)
    else:
        _check_optimized(integration)
    return integration


def _check_sdk(integration: Integration) -> None:
    service, pattern = integration.service, integration.pattern
    if pattern in (SYNC, SYNC_2):
        optimized = Integration(service, integration.action, pattern)
        known = OPTIMIZED.get(service, {}).get(integration.action, ())
        hint = f"; did you mean {optimized.resource!r}?" if pattern in known else ""
        raise ValueError(
            f"{integration.resource!r}: SDK integrations do not wait for a job, so there is no "
            f".{pattern}{hint}"
        )
    if service in BOTO_NAMES:
        raise ValueError(
            f"{integration.resource!r}: Step Functions calls this service "
            f"'{SDK_PREFIX}:{BOTO_NAMES[service]}'"
        )


def _check_optimized(integration: Integration) -> None:
    service, action, pattern, _ = integration
    actions = OPTIMIZED.get(service)
    if actions is None:
        hint = nearest(service, OPTIMIZED)
        if service in SDK_NAMES and not hint:
            hint = f"; did you mean '{SDK_PREFIX}:{service}:{action}'?"
        raise ValueError(
            f"{integration.resource!r}: Step Functions has no optimized integration of "
            f"{service!r}{hint}"
        )
    if action not in actions:
        hint = nearest(action, actions) or f"; did you mean '{SDK_PREFIX}:{service}:{action}'?"
        raise ValueError(
            f"{integration.resource!r}: the optimized integration of {service!r} has no action "
            f"{action!r}{hint}"
        )
    if pattern and pattern not in actions[action]:
        offered = ", ".join("." + each for each in actions[action]) or "none"
        raise ValueError(
            f"{integration.resource!r}: Step Functions does not have .{pattern} for "
            f"{service}:{action}; it has {offered}"
        )
