"""The part of a stack that is there only when tasks run on Fargate.

A container of one place runs many units: what to run is in the overrides of each `RunTask`. The
network belongs to whoever deploys, and is a parameter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dagy.worker.claims import BUCKET
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
from dagy_compiler.roles import Attached, Identity, role, secrets_suffix, values, write_log
from dagy_compiler.settings import Settings
from dagy_compiler.stack import LOG, Stack

CONTAINER = "worker"
"""The name of the container in each task definition."""

CLUSTER = "Cluster"

CONDITIONS: dict[str, Json] = {
    "OwnImage": {"Fn::Not": [{"Fn::Equals": [ref("ImageRepositoryArn"), ""]}]}
}


def default_image(python_version: str) -> str:
    """Return the public image that containers run on: Python, and nothing of Dagy's."""
    return f"public.ecr.aws/docker/library/python:{python_version}-slim"


def network_parameters(settings: Settings) -> dict[str, Parameter]:
    """Return the parameters of the stack that say where containers run, and functions if asked."""
    return {
        "SubnetIds": Parameter(
            type="List<AWS::EC2::Subnet::Id>",
            description="Subnets, from which S3 and Step Functions can be reached",
            default=",".join(settings.subnets) or None,
        ),
        "SecurityGroupIds": Parameter(
            type="List<AWS::EC2::SecurityGroup::Id>",
            description="Security groups; they need no rule for what comes in",
            default=",".join(settings.security_groups) or None,
        ),
    }


def parameters(stack: Stack) -> dict[str, Parameter]:
    """Return the parameters of the stack that Fargate takes."""
    return network_parameters(stack.settings) | {
        "AssignPublicIp": Parameter(
            description="DISABLED where the subnets have a NAT gateway or endpoints",
            default="ENABLED" if stack.settings.public_ip else "DISABLED",
            allowed_values=["ENABLED", "DISABLED"],
        ),
        "ContainerImage": Parameter(
            description="The image of containers; by default plain Python, which fetches the code",
            default=default_image(stack.python_version),
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
        stack: of the flow.
        places: task definitions.
        execution_role: what starts a container takes it on, and never runs the user's code.
        task_roles: what runs in containers takes them on, by the name of the place.
    """

    stack: Stack
    places: tuple[Placement, ...]
    execution_role: Identity
    task_roles: dict[str, Identity]

    @property
    def cluster(self) -> Json | str:
        """The ARN of the cluster: the stack's own, or the user's."""
        given = self.stack.settings.cluster
        if given is None:
            return get_att(CLUSTER, "Arn")
        return given if given.startswith("arn:") else sub(f"{_ECS}:cluster/{given}")

    def resources(self) -> Iterator[tuple[str, Resource]]:
        """Return the resources, by logical id."""
        if self.stack.settings.cluster is None:
            yield CLUSTER, lasting("AWS::ECS::Cluster", Cluster(tags=self.stack.tags))
        yield from self.execution_role.resources.items()
        for place in self.places:
            yield from self.task_roles[place.name].resources.items()
            yield place.name, self._task_definition(place)

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
        passed = [self.execution_role.arn]
        for place in places:
            if (arn := self.task_roles[place.name].arn) not in passed:
                passed.append(arn)
        return [
            Statement(
                action=["ecs:RunTask"],
                resource=[sub(f"{_ECS}:task-definition/{_family(place)}:*") for place in places],
                condition={"ArnEquals": {"ecs:cluster": self.cluster}},
            ),
            Statement(
                action=["iam:PassRole"],
                resource=passed,
                condition={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
            ),
        ]

    def substitutions(self, places: list[Placement]) -> Json:
        """Return what the deployment puts into the definition of a state machine."""
        return {f"{place.name}Arn": ref(place.name) for place in places} | {
            "ClusterArn": self.cluster,
            "SubnetIds": _joined("SubnetIds"),
            "SecurityGroupIds": _joined("SecurityGroupIds"),
            "AssignPublicIp": ref("AssignPublicIp"),
        }

    def _task_definition(self, place: Placement) -> Resource:
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
                container_definitions=[_container(self.stack, place)],
                tags=self.stack.tags,
            ),
        )


def containers(stack: Stack, places: Sequence[Placement], machines: list[str]) -> Containers:
    """Return what of a flow runs on Fargate.

    Args:
        stack: of the flow.
        places: task definitions.
        machines: logical ids of the state machines that run them.
    """
    execution_role = role(
        stack,
        "ExecutionRole",
        "ecs-tasks.amazonaws.com",
        {"WriteLog": [write_log()]},
        own=stack.settings.execution_role,
        attached=[_PULL_IMAGE],
    )
    task_roles = {place.name: _task_role(stack, place, machines) for place in places}
    return Containers(stack, tuple(places), execution_role, task_roles)


def bootstrap() -> str:
    """Return the command of a container, as Python; see `dagy_compiler.bootstrap`."""
    return (Path(__file__).parent / "bootstrap.py").read_text(encoding="utf-8")


def _family(place: Placement) -> str:
    return f"${{AWS::StackName}}-{place.name.removeprefix('TaskDefinition')}"


def _joined(parameter: str) -> Json:
    return {"Fn::Join": [",", ref(parameter)]}


_ECS = "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}"


def _container(stack: Stack, place: Placement) -> Container:
    given: Json = dict(place.environment) | {
        BUCKET: stack.bucket_variable,
        "DAGY_ARTIFACT_BUCKET": ref("ArtifactBucket"),
        "DAGY_ARTIFACT_KEY": ref("ArtifactKey"),
        "DAGY_ARTIFACT_SHA256": stack.code.artifact_hash,
        EXPECTED: stack.code.hash,
        **_dependencies(stack, place),
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


def _dependencies(stack: Stack, place: Placement) -> Json:
    layer = stack.code.layers.get(place.architecture)
    if layer is None:
        return {}
    key = ref(key_parameter(place.architecture))
    return {"DAGY_DEPENDENCIES_KEY": key, "DAGY_DEPENDENCIES_SHA256": layer.sha256}


def _task_role(stack: Stack, place: Placement, machines: list[str]) -> Identity:
    """Let containers fetch the code, work, and answer the state machines.

    The last apart from the role, since a state machine depends on the task definitions, and these
    on their roles: as a part of a role it would depend on itself.
    """
    keys = ["ArtifactKey", *(key_parameter(each) for each in stack.code.layers)]
    bucket = "arn:${AWS::Partition}:s3:::${ArtifactBucket}"
    fetch = Statement(
        action=["s3:GetObject"], resource=[sub(f"{bucket}/${{{key}}}") for key in keys]
    )
    report = Statement(
        action=["states:SendTaskFailure", "states:SendTaskHeartbeat", "states:SendTaskSuccess"],
        resource=[ref(machine) for machine in machines],
    )
    return role(
        stack,
        f"TaskRole{secrets_suffix(place)}",
        "ecs-tasks.amazonaws.com",
        {"Work": [fetch, *values(stack, place)]},
        own=stack.settings.worker_role,
        attached=[Attached(f"ReportToStepFunctions{secrets_suffix(place)}", [report])],
        # What the role may fetch is another object then, under the same name here.
        also=" ".join(
            [stack.code.artifact_hash, *(each.sha256 for each in stack.code.layers.values())]
        ),
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
