"""The part of a stack that is there only when tasks run on Fargate.

A container of one place runs many units: what to run is in the overrides of each `RunTask`. The
network belongs to whoever deploys, and is a parameter.
"""

from __future__ import annotations

from pathlib import Path

from dagy_compiler.cloudformation import (
    Cluster,
    Container,
    ContainerLog,
    Json,
    Parameter,
    Policy,
    PolicyDocument,
    Resource,
    RuntimePlatform,
    Statement,
    Tag,
    TaskDefinition,
    TaskStorage,
    Variable,
    get_att,
    ref,
    sub,
)
from dagy_compiler.limits import FARGATE_GIVEN_STORAGE_GIB
from dagy_compiler.placement import X86_64, Placement
from dagy_compiler.roles import DATA, LOG, role, secrets_suffix, values, write_log

CONTAINER = "worker"
"""The name of the container in each task definition."""

CLUSTER = "Cluster"
EXECUTION_ROLE = "ExecutionRole"

CONDITIONS: dict[str, Json] = {
    "OwnImage": {"Fn::Not": [{"Fn::Equals": [ref("ImageRepositoryArn"), ""]}]}
}


def default_image(python_version: str) -> str:
    """Return the public image that containers run on: Python, and nothing of Dagy's."""
    return f"public.ecr.aws/docker/library/python:{python_version}-slim"


def parameters(python_version: str) -> dict[str, Parameter]:
    """Return the parameters of the stack that Fargate takes."""
    return {
        "SubnetIds": Parameter(
            type="List<AWS::EC2::Subnet::Id>",
            description="Subnets for containers, from which S3 and Step Functions can be reached",
        ),
        "SecurityGroupIds": Parameter(
            type="List<AWS::EC2::SecurityGroup::Id>",
            description="Security groups for containers; they need no rule for what comes in",
        ),
        "AssignPublicIp": Parameter(
            description="DISABLED where the subnets have a NAT gateway or endpoints",
            default="ENABLED",
            allowed_values=["ENABLED", "DISABLED"],
        ),
        "ContainerImage": Parameter(
            description="The image of containers; by default plain Python, which fetches the code",
            default=default_image(python_version),
        ),
        "ImageRepositoryArn": Parameter(
            description="ARN of the ECR repository of ContainerImage, if it is a private one",
            default="",
        ),
    }


def resources(
    places: list[Placement], machines: list[str], parameters_of: str | None, tags: list[Tag]
) -> dict[str, Resource]:
    """Return the resources of containers, by logical id.

    Args:
        places: task definitions.
        machines: logical ids of the state machines that run them.
        parameters_of: as for `roles.values`.
        tags: of each resource.
    """
    made = {
        CLUSTER: Resource(type="AWS::ECS::Cluster", properties=Cluster(tags=tags)),
        # What starts a container, and never runs the user's code: the log, and the image.
        EXECUTION_ROLE: role("ecs-tasks.amazonaws.com", {"WriteLog": [write_log()]}, tags),
        "PullImage": _pull_image(),
    }
    for place in places:
        made[_task_role_of(place)] = _task_role(place, parameters_of, tags)
        made[place.name] = _task_definition(place, tags)
    made["ReportToStepFunctions"] = _report(places, machines)
    return made


def substitutions(places: list[Placement]) -> Json:
    """Return what the deployment puts into the definition of the state machine."""
    return {f"{place.name}Arn": ref(place.name) for place in places} | {
        "ClusterArn": get_att(CLUSTER, "Arn"),
        "SubnetIds": _joined("SubnetIds"),
        "SecurityGroupIds": _joined("SecurityGroupIds"),
        "AssignPublicIp": ref("AssignPublicIp"),
    }


def run_statements(places: list[Placement]) -> list[Statement]:
    """Return what the state machine may do: start these containers.

    It may start any revision of its task definitions, for executions that began before a deployment
    finish on what they began with.
    """
    roles = dict.fromkeys([EXECUTION_ROLE, *map(_task_role_of, places)])
    family = "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:task-definition"
    return [
        Statement(
            action=["ecs:RunTask"],
            resource=[sub(f"{family}/{_family(place)}:*") for place in places],
            condition={"ArnEquals": {"ecs:cluster": get_att(CLUSTER, "Arn")}},
        ),
        Statement(
            action=["iam:PassRole"],
            resource=[get_att(name, "Arn") for name in roles],
            condition={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        ),
    ]


def bootstrap() -> str:
    """Return the command of a container, as Python; see `dagy_compiler.bootstrap`."""
    return (Path(__file__).parent / "bootstrap.py").read_text(encoding="utf-8")


def _family(place: Placement) -> str:
    return f"${{AWS::StackName}}-{place.name.removeprefix('TaskDefinition')}"


def _joined(parameter: str) -> Json:
    return {"Fn::Join": [",", ref(parameter)]}


def _task_definition(place: Placement, tags: list[Tag]) -> Resource:
    assert place.vcpu is not None
    gib = place.storage_mb // 1024
    given: Json = dict(place.environment) | {
        "DAGY_BUCKET": ref(DATA),
        "DAGY_ARTIFACT_BUCKET": ref("ArtifactBucket"),
        "DAGY_ARTIFACT_KEY": ref("ArtifactKey"),
        "PYTHONUNBUFFERED": "1",
    }
    return Resource(
        type="AWS::ECS::TaskDefinition",
        # An execution under way may still start the revision that it began with.
        deletion_policy="Delete",
        update_replace_policy="Retain",
        properties=TaskDefinition(
            family=sub(_family(place)),
            cpu=str(int(place.vcpu * 1024)),
            memory=str(place.memory_mb),
            runtime_platform=RuntimePlatform(
                cpu_architecture="X86_64" if place.architecture == X86_64 else "ARM64"
            ),
            ephemeral_storage=(
                TaskStorage(size_in_gib=gib) if gib > FARGATE_GIVEN_STORAGE_GIB else None
            ),
            execution_role_arn=get_att(EXECUTION_ROLE, "Arn"),
            task_role_arn=get_att(_task_role_of(place), "Arn"),
            container_definitions=[
                Container(
                    name=CONTAINER,
                    image=ref("ContainerImage"),
                    entry_point=["python", "-c", bootstrap()],
                    environment=[Variable(name=name, value=value) for name, value in given.items()],
                    log_configuration=ContainerLog(
                        options={
                            "awslogs-group": ref(LOG),
                            "awslogs-region": ref("AWS::Region"),
                            "awslogs-stream-prefix": place.name,
                        }
                    ),
                )
            ],
            tags=tags,
        ),
    )


def _task_role_of(place: Placement) -> str:
    return f"TaskRole{secrets_suffix(place)}"


def _task_role(place: Placement, parameters_of: str | None, tags: list[Tag]) -> Resource:
    artifact = sub("arn:${AWS::Partition}:s3:::${ArtifactBucket}/${ArtifactKey}")
    fetch = Statement(action=["s3:GetObject"], resource=[artifact])
    statements = [fetch, *values(place, has_bucket=True, parameters_of=parameters_of)]
    return role("ecs-tasks.amazonaws.com", {"Work": statements}, tags)


def _report(places: list[Placement], machines: list[str]) -> Resource:
    """Let containers answer the state machines.

    Apart from their roles, since a state machine depends on the task definitions, and these on
    their roles: as a part of a role it would depend on itself.
    """
    report = Statement(
        action=["states:SendTaskFailure", "states:SendTaskHeartbeat", "states:SendTaskSuccess"],
        resource=[ref(machine) for machine in machines],
    )
    return Resource(
        type="AWS::IAM::Policy",
        properties=Policy(
            policy_name="ReportToStepFunctions",
            policy_document=PolicyDocument(statement=[report]),
            roles=[ref(name) for name in dict.fromkeys(map(_task_role_of, places))],
        ),
    )


def _pull_image() -> Resource:
    """Let containers be started from a private image."""
    pull = Statement(
        action=["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
        resource=[ref("ImageRepositoryArn")],
    )
    # Service authorization reference: this action knows no resources.
    log_in = Statement(action=["ecr:GetAuthorizationToken"], resource=["*"])
    return Resource(
        type="AWS::IAM::Policy",
        condition="OwnImage",
        properties=Policy(
            policy_name="PullImage",
            policy_document=PolicyDocument(statement=[pull, log_in]),
            roles=[ref(EXECUTION_ROLE)],
        ),
    )
