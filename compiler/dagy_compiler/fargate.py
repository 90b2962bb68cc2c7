"""The part of a stack that is there only when tasks run on Fargate.

A container of one place runs many units: what to run is in the overrides of each `RunTask`. The
network belongs to whoever deploys, and is a parameter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dagy.worker.code import EXPECTED
from dagy_compiler.cloudformation import (
    Cluster,
    Container,
    ContainerLog,
    Json,
    Parameter,
    Resource,
    RuntimePlatform,
    Statement,
    Tag,
    TaskDefinition,
    TaskStorage,
    Variable,
    get_att,
    lasting,
    ref,
    sub,
)
from dagy_compiler.layers import key_parameter
from dagy_compiler.limits import FARGATE_GIVEN_STORAGE_GIB
from dagy_compiler.placement import X86_64, Placement
from dagy_compiler.roles import (
    DATA,
    LOG,
    Attached,
    Identity,
    role,
    secrets_suffix,
    values,
    write_log,
)
from dagy_compiler.versions import Code

CONTAINER = "worker"
"""The name of the container in each task definition."""

CLUSTER = "Cluster"

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


@dataclass(frozen=True)
class Containers:
    """What of a stack runs on Fargate.

    Attributes:
        places: task definitions.
        execution_role: what starts a container takes it on, and never runs the user's code.
        task_roles: what runs in containers takes them on, by the name of the place.
        code: what runs in containers.
    """

    places: tuple[Placement, ...]
    execution_role: Identity
    task_roles: dict[str, Identity]
    code: Code

    def resources(self, tags: list[Tag]) -> Iterator[tuple[str, Resource]]:
        """Return the resources, by logical id."""
        yield CLUSTER, lasting("AWS::ECS::Cluster", Cluster(tags=tags))
        yield from self.execution_role.resources.items()
        for place in self.places:
            yield from self.task_roles[place.name].resources.items()
            yield place.name, self._task_definition(place, tags)

    @property
    def policies(self) -> list[str]:
        """The logical ids of what containers are allowed apart from their roles."""
        found = (name for each in self.task_roles.values() for name in each.attached)
        return list(dict.fromkeys(found))

    def run_statements(self, places: list[Placement]) -> list[Statement]:
        """Return what a state machine may do: start the containers of some places.

        It may start any revision of their task definitions, for executions that began before a
        deployment finish on what they began with.
        """
        roles = {each.id: each for each in (self.task_roles[place.name] for place in places)}
        family = "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:task-definition"
        return [
            Statement(
                action=["ecs:RunTask"],
                resource=[sub(f"{family}/{_family(place)}:*") for place in places],
                condition={"ArnEquals": {"ecs:cluster": get_att(CLUSTER, "Arn")}},
            ),
            Statement(
                action=["iam:PassRole"],
                resource=[self.execution_role.arn, *(each.arn for each in roles.values())],
                condition={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
            ),
        ]

    def _task_definition(self, place: Placement, tags: list[Tag]) -> Resource:
        assert place.vcpu is not None
        gib = place.storage_mb // 1024
        return lasting(
            "AWS::ECS::TaskDefinition",
            TaskDefinition(
                family=sub(_family(place)),
                cpu=str(int(place.vcpu * 1024)),
                memory=str(place.memory_mb),
                runtime_platform=RuntimePlatform(
                    cpu_architecture="X86_64" if place.architecture == X86_64 else "ARM64"
                ),
                ephemeral_storage=(
                    TaskStorage(size_in_gib=gib) if gib > FARGATE_GIVEN_STORAGE_GIB else None
                ),
                execution_role_arn=self.execution_role.arn,
                task_role_arn=self.task_roles[place.name].arn,
                container_definitions=[_container(place, self.code)],
                tags=tags,
            ),
        )


def containers(
    places: Sequence[Placement],
    machines: list[str],
    code: Code,
    parameters_of: str | None,
    tags: list[Tag],
) -> Containers:
    """Return what of a flow runs on Fargate.

    Args:
        places: task definitions.
        machines: logical ids of the state machines that run them.
        code: what runs there.
        parameters_of: as for `roles.values`.
        tags: of each role.
    """
    execution_role = role(
        "ExecutionRole",
        "ecs-tasks.amazonaws.com",
        {"WriteLog": [write_log()]},
        tags,
        attached=[_PULL_IMAGE],
    )
    task_roles = {
        place.name: _task_role(place, parameters_of, machines, code, tags) for place in places
    }
    return Containers(tuple(places), execution_role, task_roles, code)


def substitutions(places: list[Placement]) -> Json:
    """Return what the deployment puts into the definition of the state machine."""
    return {f"{place.name}Arn": ref(place.name) for place in places} | {
        "ClusterArn": get_att(CLUSTER, "Arn"),
        "SubnetIds": _joined("SubnetIds"),
        "SecurityGroupIds": _joined("SecurityGroupIds"),
        "AssignPublicIp": ref("AssignPublicIp"),
    }


def bootstrap() -> str:
    """Return the command of a container, as Python; see `dagy_compiler.bootstrap`."""
    return (Path(__file__).parent / "bootstrap.py").read_text(encoding="utf-8")


def _family(place: Placement) -> str:
    return f"${{AWS::StackName}}-{place.name.removeprefix('TaskDefinition')}"


def _joined(parameter: str) -> Json:
    return {"Fn::Join": [",", ref(parameter)]}


def _container(place: Placement, code: Code) -> Container:
    given: Json = dict(place.environment) | {
        "DAGY_BUCKET": ref(DATA),
        "DAGY_ARTIFACT_BUCKET": ref("ArtifactBucket"),
        "DAGY_ARTIFACT_KEY": ref("ArtifactKey"),
        "DAGY_ARTIFACT_SHA256": code.artifact_hash,
        EXPECTED: code.hash,
        **_dependencies(code, place),
        "PYTHONUNBUFFERED": "1",
    }
    return Container(
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


def _dependencies(code: Code, place: Placement) -> Json:
    layer = code.layers.get(place.architecture)
    if layer is None:
        return {}
    key = ref(key_parameter(place.architecture))
    return {"DAGY_DEPENDENCIES_KEY": key, "DAGY_DEPENDENCIES_SHA256": layer.sha256}


def _task_role(
    place: Placement, parameters_of: str | None, machines: list[str], code: Code, tags: list[Tag]
) -> Identity:
    """Let containers fetch the code, work, and answer the state machines.

    The last apart from the role, since a state machine depends on the task definitions, and these
    on their roles: as a part of a role it would depend on itself.
    """
    keys = ["ArtifactKey", *(key_parameter(each) for each in code.layers)]
    bucket = "arn:${AWS::Partition}:s3:::${ArtifactBucket}"
    fetch = Statement(
        action=["s3:GetObject"], resource=[sub(f"{bucket}/${{{key}}}") for key in keys]
    )
    report = Statement(
        action=["states:SendTaskFailure", "states:SendTaskHeartbeat", "states:SendTaskSuccess"],
        resource=[ref(machine) for machine in machines],
    )
    return role(
        f"TaskRole{secrets_suffix(place)}",
        "ecs-tasks.amazonaws.com",
        {"Work": [fetch, *values(place, has_bucket=True, parameters_of=parameters_of)]},
        tags,
        attached=[Attached(f"ReportToStepFunctions{secrets_suffix(place)}", [report])],
        # What the role may fetch is another object then, under the same name here.
        also=" ".join([code.artifact_hash, *(each.sha256 for each in code.layers.values())]),
    )


_PULL_IMAGE = Attached(
    "PullImage",
    [
        Statement(
            action=["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            resource=[ref("ImageRepositoryArn")],
        ),
        # Service authorization reference: this action knows no resources.
        Statement(action=["ecr:GetAuthorizationToken"], resource=["*"]),
    ],
    condition="OwnImage",
)
"""Lets containers be started from a private image."""
