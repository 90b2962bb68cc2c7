"""The states of a call of the worker in a container.

A container is told what to do by its overrides, which hold 8,192 characters. What a call is sent
may be larger, so the worker's function first keeps it in the bucket, under a key that is the call's
own; the overrides hold the key, and what changes from attempt to attempt. A call that is sent
nothing, and names few task runs, is in the overrides as a whole.

The state waits for a task token. It ends, whatever happens to the container: heartbeats begin when
the container does, so that one which is never started, cannot be placed, or is gone without a word
is noticed after `HEARTBEAT_SECONDS`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from dagy_compiler.asl import Catcher, Retrier, Task
from dagy_compiler.fargate import CONTAINER
from dagy_compiler.limits import HEARTBEAT_SECONDS

RUN_TASK: Final = "arn:aws:states:::ecs:runTask.waitForTaskToken"

# Step Functions developer guide, "Run Amazon ECS tasks" (`AmazonECS.Unknown`: no place was found);
# AWS knowledge center, "RunTask API for a Fargate task that fails with a 'Capacity is unavailable'
# error" (`ECS.AmazonECSException`); ECS wraps the throttling of EC2 in InvalidParameterException.
CONTAINER_ERRORS: Final = (
    "AmazonECS.Unknown",
    "ECS.AmazonECSException",
    "ECS.InvalidParameterException",
    "ECS.SdkClientException",
    "ECS.ServerException",
    "ECS.ThrottlingException",
)

# Up to 5, 10, ... 320 s before the retries: capacity that is not there is given up after five
# minutes on average, eleven at most.
CONTAINER_RETRIER: Final = Retrier(
    error_equals=CONTAINER_ERRORS,
    interval_seconds=5,
    max_attempts=7,
    backoff_rate=2,
    jitter_strategy="FULL",
)


def container_task(
    content: Mapping[str, Any],
    key: str | None,
    *,
    place: str,
    ending: Mapping[str, Any],
    comment: str,
    timeout_seconds: int | None,
    retry: tuple[Retrier, ...],
    catch: tuple[Catcher, ...] | None,
) -> Task:
    """Return a state that makes one call in a container of its own.

    Args:
        content: what the overrides hold of the call.
        key: where the rest of it is kept, as an expression; None if there is no rest.
        place: the logical id of the task definition.
        ending: the fields of the state that say what follows.
        comment: for people.
        timeout_seconds: of the state; None for no limit but the heartbeats.
        retry: as in any state.
        catch: as in any state.
    """
    environment = {
        "DAGY_TASK_TOKEN": "{% $states.context.Task.Token %}",
        "DAGY_CALL": f"{{% $string({jsonata(content)}) %}}",
    }
    if key is not None:
        environment["DAGY_CALL_S3"] = key
    return Task(
        comment=comment,
        resource=RUN_TASK,
        arguments={
            "Cluster": "${ClusterArn}",
            "TaskDefinition": f"${{{place}Arn}}",
            "LaunchType": "FARGATE",
            "NetworkConfiguration": {
                "AwsvpcConfiguration": {
                    "Subnets": "{% [$split('${SubnetIds}', ',')] %}",
                    "SecurityGroups": "{% [$split('${SecurityGroupIds}', ',')] %}",
                    "AssignPublicIp": "${AssignPublicIp}",
                }
            },
            "Overrides": {
                "ContainerOverrides": [
                    {
                        "Name": CONTAINER,
                        "Environment": [
                            {"Name": name, "Value": value} for name, value in environment.items()
                        ],
                    }
                ]
            },
        },
        timeout_seconds=timeout_seconds,
        heartbeat_seconds=HEARTBEAT_SECONDS,
        retry=retry,
        catch=catch,
        **ending,
    )


def jsonata(value: Any) -> str:
    """Return an expression for a value that has expressions in it.

    Examples:
        >>> jsonata({"attempt": "{% $n + 1 %}", "tasks": ["load"]})
        '{"attempt": $n + 1, "tasks": ["load"]}'
    """
    match value:
        case dict():
            return "{" + ", ".join(f"{json.dumps(k)}: {jsonata(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(jsonata, value)) + "]"
        case str() if value.startswith("{%"):
            return value.removeprefix("{%").removesuffix("%}").strip()
    return json.dumps(value)
