"""`DagyFlow`: a flow as a construct."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

import jsii
from aws_cdk import Aspects, CfnResource, IAspect, RemovalPolicy, Stack, cloudformation_include
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_assets as assets
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct, IConstruct

from dagy.errors import DefinitionError
from dagy.flow import Flow
from dagy.resources import is_variable
from dagy_cdk.given import Given
from dagy_cdk.network import network_parameters, security_groups_in
from dagy_cdk.settings import FlowSettings
from dagy_cdk.source import bundle_of
from dagy_cdk.stack_names import told_apart
from dagy_compiler.versions import ALIAS

OWN_ROLE = "OwnRole"
FUNCTION = "AWS::Lambda::Function"
TASK_DEFINITION = "AWS::ECS::TaskDefinition"


@jsii.implements(ec2.IConnectable)
class DagyFlow(Construct):
    """A flow on AWS: the template of its bundle, with the handles that CDK users expect.

    With the id `Default` its resources have the logical ids of the bundle's template, so that
    `cdk deploy`, `dagy deploy` and `aws cloudformation deploy` make the same stack. With any other
    id they have the CDK's, so that one stack can hold many flows.

    Args:
        scope: the stack, or any construct in it.
        id: its id there.
        flow: what is built when the app is synthesized: a flow that is imported from a module, or
            `FILE.py[:FLOW]`, seen from the folder that the CDK runs in.
        bundle: or the folder that `dagy build` wrote.
        execution_mode: "nano" (the whole flow in one Lambda invocation), "micro" (one for each
            task), or a size on Fargate: "small" to "xlarge". By default that of the bundle, or
            "nano".
        fuse: in micro, which task runs share an invocation: "off", "chains" or "auto".
        joins: how tasks wait for others: "tree", or "auto" for across branches too, where the best
            sequences and parallels lose much by the tasks' `expected_seconds`.
        default_executor: with flow=: of tasks that name none.
        default_memory_mb: with flow=: megabytes of tasks that ask for none.
        include: with flow=: patterns of files to ship beside the modules that are imported.
        exclude: with flow=: patterns of files not to ship.
        flow_version: with flow=: label of the version.
        flow_kwargs: with flow=: parameters of the flow that are bound now, by name.
        vpc: where containers run, and functions with `functions_in_vpc`; others need none.
        vpc_subnets: of it; private ones with a way out if there are any.
        security_groups: of containers; a new one that lets nothing in if none is given.
        environment: variables of every worker, besides those of its tasks.
        parameters: values for further parameters of the template, by name; one that is left out
            stays a parameter of the stack.
        settings: any of the stack's, see `FlowSettings`; what is a resource may be a construct.
            With flow= they go before those of `dagy.toml` and `pyproject.toml`, with bundle=
            before those that it was built with.

    Raises:
        CompileError: flow and bundle are given, or neither.
        SettingsError: a setting is unknown, or not what AWS accepts.
        DagyError: the flow cannot be built, or the bundle cannot be read; says why.

    Examples:
        >>> from flows.daily import daily  # doctest: +SKIP
        >>> built = DagyFlow(  # doctest: +SKIP
        ...     stack, "Daily", flow=daily, execution_mode="micro", log_retention_days=7
        ... )
        >>> built.grant_start_execution(role)  # doctest: +SKIP
        >>> built.metric_failed().create_alarm(  # doctest: +SKIP
        ...     stack, "Failed", threshold=1, evaluation_periods=1
        ... )
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 # as the CDK calls it
        *,
        flow: Flow[..., Any] | str | None = None,
        bundle: str | Path | None = None,
        execution_mode: str | None = None,
        fuse: str | None = None,
        joins: str | None = None,
        default_executor: str | None = None,
        default_memory_mb: int | None = None,
        include: Sequence[str] | None = None,
        exclude: Sequence[str] | None = None,
        flow_version: str | None = None,
        flow_kwargs: Mapping[str, Any] | None = None,
        vpc: ec2.IVpc | None = None,
        vpc_subnets: ec2.SubnetSelection | None = None,
        security_groups: Sequence[ec2.ISecurityGroup] | None = None,
        environment: Mapping[str, str] | None = None,
        parameters: Mapping[str, Any] | None = None,
        **settings: Unpack[FlowSettings],
    ) -> None:
        super().__init__(scope, id)
        self._settings = settings
        later = Given(Stack.of(self))
        asked = _said(
            mode=execution_mode,
            fuse=fuse,
            joins=joins,
            default_executor=default_executor,
            default_memory_mb=default_memory_mb,
            include=include,
            exclude=exclude,
            version=flow_version,
            bound=flow_kwargs,
            settings=later.settings(settings) or None,
        )
        self._bundle = bundle_of(flow, bundle, asked)
        template = later.put_into(json.loads((self._bundle.path / "template.json").read_bytes()))
        given = self._uploaded() | later.parameters | dict(parameters or {})
        self._security_groups: list[ec2.ISecurityGroup] = []
        if vpc is not None and "SubnetIds" in template["Parameters"]:
            self._security_groups = security_groups_in(self, vpc, security_groups)
            given |= network_parameters(vpc, vpc_subnets, self._security_groups)
        self._resources: dict[str, Any] = template["Resources"]
        self._included = self._include(template, given)
        self._state_machine = sfn.StateMachine.from_state_machine_arn(
            self, "StateMachine", self._made("StateMachine").ref
        )
        # An alias is started as a machine is; only metrics have no part of their own for it.
        self._alias = sfn.StateMachine.from_state_machine_arn(self, ALIAS, self._made(ALIAS).ref)
        self._roles: dict[str, iam.IRole] = {}
        # A function whose code stands in the template runs no tasks: it tells of alarms.
        self._functions = {
            name: self._function(name)
            for name in self._of_type(FUNCTION)
            if "S3Key" in self._resources[name]["Properties"]["Code"]
        }
        self._task_definitions = {
            name: self._task_definition(name) for name in self._of_type(TASK_DEFINITION)
        }
        self._log_groups = [
            logs.LogGroup.from_log_group_arn(
                self, name, self._made(name).get_att("Arn").to_string()
            )
            for name in self._of_type("AWS::Logs::LogGroup")
        ]
        self._buckets = self._readable_buckets()
        self._key = self._own_key()
        self._environment: list[str] = []
        self._overrides: dict[str, Any] = {}
        self._version_ids: dict[str, str] = {}
        for name, value in (environment or {}).items():
            self.add_environment(name, value)

    @property
    def state_machine(self) -> sfn.IStateMachine:
        """The state machine; what is to be started is its `alias`."""
        return self._state_machine

    @property
    def alias(self) -> sfn.IStateMachine:
        """The alias of the current version, which is what schedules, rules and others start.

        What it has started ends on the version that it began with, whatever is deployed meanwhile.
        """
        return self._alias

    @property
    def functions(self) -> dict[str, lambda_.IFunction]:
        """The Lambda functions that run tasks, by their logical id in the bundle's template."""
        return dict(self._functions)

    @property
    def task_definitions(self) -> dict[str, ecs.ITaskDefinition]:
        """The ECS task definitions that run tasks, by their logical id in the template."""
        return dict(self._task_definitions)

    @property
    def roles(self) -> dict[str, iam.IRole]:
        """The roles that tasks run with, by logical id, to be granted what tasks need."""
        return dict(self._roles)

    @property
    def connections(self) -> ec2.Connections:
        """The network of containers, as in `database.connections.allow_default_port_from(flow)`."""
        return ec2.Connections(security_groups=self._security_groups)

    @property
    def template(self) -> cloudformation_include.CfnInclude:
        """The included template, for whatever `add_override` cannot do.

        A function that is changed through it is not published anew by itself, and executions run
        the version that was published.
        """
        return self._included

    def add_environment(self, name: str, value: str) -> None:
        """Give a variable to every worker, and publish their functions anew.

        Args:
            name: of the variable.
            value: of it; secrets belong into `@task(secrets=...)`.

        Raises:
            DefinitionError: the name is no name, or means something to Lambda or to Dagy.
        """
        if not is_variable(name):
            raise DefinitionError(
                f"DagyFlow {self.node.path}: no variable of a worker can be called {name!r}; a "
                "name is a letter and then at least one letter, digit or underscore, not one that "
                "Lambda sets itself, and does not begin with DAGY_"
            )
        if name not in self._environment:
            self._environment.append(name)
        for function in self._functions:
            if name not in self._variables(function):
                self._override(function, f"Environment.Variables.{name}", value)
        for definition in self._task_definitions:
            taken = self._variables(definition)
            if name not in taken:
                added = [each for each in self._environment if each not in taken]
                place = len(taken) + added.index(name)
                pair = {"Name": name, "Value": value}
                self._override(definition, f"ContainerDefinitions.0.Environment.{place}", pair)
        self._publish_anew()

    def add_override(self, resource: str, path: str, value: Any) -> None:
        """Override a property of a resource, and publish the functions anew.

        Args:
            resource: its logical id in the bundle's template.
            path: of the property, as `MemorySize` or `EphemeralStorage.Size`.
            value: of it.
        """
        self._override(resource, path, value)
        self._publish_anew()

    def grant_start_execution(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let somebody start executions of the flow, through its alias or without it.

        Args:
            grantee: a role, user, function or service.
        """
        arn = self._state_machine.state_machine_arn
        return iam.Grant.add_to_principal(
            grantee=grantee, actions=["states:StartExecution"], resource_arns=[arn, f"{arn}:*"]
        )

    def grant_read(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let somebody see executions: their histories, their logs, and large values.

        Args:
            grantee: as for `grant_start_execution`.
        """
        grant = self._state_machine.grant_read(grantee)
        for group in self._log_groups:
            grant = grant.combine(group.grant_read(grantee))
        for bucket in self._buckets:
            grant = grant.combine(bucket.grant_read(grantee))
        if self._key is not None:
            grant = grant.combine(self._key.grant_decrypt(grantee))
        return grant

    def metric_started(self, **options: Any) -> cloudwatch.Metric:
        """Return how many executions have started.

        Args:
            options: of `aws_cdk.aws_cloudwatch.MetricOptions`, as `period`.
        """
        return self._state_machine.metric_started(**options)

    def metric_succeeded(self, **options: Any) -> cloudwatch.Metric:
        """Return how many executions have succeeded; options as of `metric_started`."""
        return self._state_machine.metric_succeeded(**options)

    def metric_failed(self, **options: Any) -> cloudwatch.Metric:
        """Return how many executions have failed; options as of `metric_started`."""
        return self._state_machine.metric_failed(**options)

    def metric_timed_out(self, **options: Any) -> cloudwatch.Metric:
        """Return how many executions have timed out; options as of `metric_started`."""
        return self._state_machine.metric_timed_out(**options)

    def metric_throttled(self, **options: Any) -> cloudwatch.Metric:
        """Return how many executions were throttled; options as of `metric_started`."""
        return self._state_machine.metric_throttled(**options)

    def metric_duration(self, **options: Any) -> cloudwatch.Metric:
        """Return the milliseconds that executions take; options as of `metric_started`."""
        return self._state_machine.metric_time(**options)

    def _uploaded(self) -> dict[str, str]:
        """Make assets of what has to lie in S3; return the parameters that say where."""
        given: dict[str, str] = {}
        for parameter, file in self._bundle.uploads.items():
            asset = assets.Asset(
                self, parameter.removesuffix("Key"), path=str(self._bundle.path / file)
            )
            given |= {"ArtifactBucket": asset.s3_bucket_name, parameter: asset.s3_object_key}
        return given

    def _include(
        self, template: dict[str, Any], given: dict[str, Any]
    ) -> cloudformation_include.CfnInclude:
        ids = [each.node.id for each in self.node.scopes[len(Stack.of(self).node.scopes) :]]
        # As in any logical id of the CDK, `Default` counts for nothing.
        name = "-".join(_ILLEGAL.sub("-", each) for each in ids if each != "Default")
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "template.json"
            file.write_text(json.dumps(told_apart(template, name) if name else template))
            return cloudformation_include.CfnInclude(
                self,
                "Resource",
                template_file=str(file),
                parameters=given,
                preserve_logical_ids=not name,
            )

    def _made(self, name: str) -> CfnResource:
        return self._included.get_resource(name)

    def _of_type(self, kind: str) -> list[str]:
        return [name for name, made in self._resources.items() if made["Type"] == kind]

    def _function(self, name: str) -> lambda_.IFunction:
        return lambda_.Function.from_function_attributes(
            self,
            name,
            function_arn=self._made(name).get_att("Arn").to_string(),
            role=self._role(name, "Role"),
            same_environment=True,
        )

    def _task_definition(self, name: str) -> ecs.ITaskDefinition:
        return ecs.FargateTaskDefinition.from_fargate_task_definition_attributes(
            self,
            name,
            task_definition_arn=self._made(name).ref,
            network_mode=ecs.NetworkMode.AWS_VPC,
            task_role=self._role(name, "TaskRoleArn"),
        )

    def _role(self, worker: str, field: str) -> iam.IRole:
        """Return the role that a worker runs with: one of the stack's, or the user's own."""
        reference = self._resources[worker]["Properties"][field]
        if "Fn::GetAtt" in reference:
            name, _ = reference["Fn::GetAtt"]
            if name not in self._roles:
                self._roles[name] = iam.Role.from_role_name(self, name, self._made(name).ref)
                Aspects.of(self._roles[name]).add(_Lasting())
            return self._roles[name]
        if OWN_ROLE not in self._roles:
            own = self._settings.get("worker_role", reference)
            self._roles[OWN_ROLE] = (
                iam.Role.from_role_arn(self, OWN_ROLE, own) if isinstance(own, str) else own
            )
        return self._roles[OWN_ROLE]

    def _readable_buckets(self) -> list[s3.IBucket]:
        """Return the buckets of large values: the stack's own, or the user's."""
        given = self._settings.get("data_bucket")
        if isinstance(given, str):
            return [s3.Bucket.from_bucket_name(self, "OwnBucket", given)]
        if given is not None:
            return [given]
        return [
            s3.Bucket.from_bucket_name(self, name, self._made(name).ref)
            for name in self._of_type("AWS::S3::Bucket")
        ]

    def _own_key(self) -> kms.IKey | None:
        """Return the user's key, which those who write logs and tell of alarms have to use."""
        given = self._settings.get("kms_key")
        key = kms.Key.from_key_arn(self, "OwnKey", given) if isinstance(given, str) else given
        if key is not None:
            region = Stack.of(self).region
            key.grant_encrypt_decrypt(iam.ServicePrincipal(f"logs.{region}.amazonaws.com"))
            if self._settings.get("notify"):
                key.grant_encrypt_decrypt(iam.ServicePrincipal("cloudwatch.amazonaws.com"))
        return key

    def _variables(self, worker: str) -> list[str]:
        """Return the variables that the template gives to a function or a container."""
        properties = self._resources[worker]["Properties"]
        if "ContainerDefinitions" in properties:
            return [each["Name"] for each in properties["ContainerDefinitions"][0]["Environment"]]
        return list(properties.get("Environment", {}).get("Variables", ()))

    def _override(self, resource: str, path: str, value: Any) -> None:
        self._made(resource).add_property_override(path, value)
        self._overrides[f"{resource}.{path}"] = value

    def _publish_anew(self) -> None:
        """Publish functions as new versions: Lambda never changes one that is there."""
        stack = Stack.of(self)
        for name in self._of_type("AWS::Lambda::Version"):
            version = self._made(name)
            known = self._version_ids.setdefault(name, stack.resolve(version.logical_id))
            overrides = json.dumps(stack.resolve(self._overrides), sort_keys=True)
            changed = hashlib.sha256(f"{known}{overrides}".encode()).hexdigest()[:8]
            version.override_logical_id(known[:-8] + changed)


def _said(**values: Any) -> dict[str, Any]:
    """Return the arguments that were not left out."""
    return {name: value for name, value in values.items() if value is not None}


@jsii.implements(IAspect)
class _Lasting:
    """Lets a role keep what it was granted when another takes its place, as the role stays too."""

    def visit(self, node: IConstruct) -> None:
        if isinstance(node, iam.CfnPolicy):
            node.apply_removal_policy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)


_ILLEGAL = re.compile(r"[^A-Za-z0-9]+")
