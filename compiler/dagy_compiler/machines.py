"""The state machines of a stack, the outermost and those nested in it, each with a role of its own.

A role may do what the states of its machine do: invoke their functions, run their containers, call
their services, and start the machines that are nested directly in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from dagy.spec import FlowSpec
from dagy_compiler.cloudformation import (
    DefinitionLocation,
    Json,
    Resource,
    StateMachine,
    Statement,
    lasting,
    ref,
    sub,
)
from dagy_compiler.fargate import Containers
from dagy_compiler.functions import Worker
from dagy_compiler.iam import arn, statements
from dagy_compiler.nested_states import part_id
from dagy_compiler.placement import Placement
from dagy_compiler.plan import Plan
from dagy_compiler.program import Step, nested_in, units_of
from dagy_compiler.roles import Attached, Identity, role
from dagy_compiler.service_policies import permissions_of
from dagy_compiler.stack import Stack
from dagy_compiler.versions import machine_version, version_id

OUTERMOST = "StateMachine"
"""The logical id of the machine that is the flow."""

DISTRIBUTED = '"Mode": "DISTRIBUTED"'
"""In the JSON of a definition: nothing but a field can be it, as a text's quotes are escaped."""


@dataclass(frozen=True)
class Machine:
    """One state machine of a stack.

    Attributes:
        id: its logical id.
        file: the file of the bundle that has its definition.
        definition: as JSON values.
        spec: the flow, with only the task runs that this machine runs.
        parts: logical ids of the machines that are nested in it or in each other.
    """

    id: str
    file: str
    definition: dict[str, Any]
    spec: FlowSpec
    parts: tuple[str, ...] = ()

    @cached_property
    def text(self) -> str:
        """The definition as JSON."""
        return json.dumps(self.definition)

    @cached_property
    def names(self) -> set[str]:
        """What the deployment puts something in the place of."""
        return set(re.findall(r"\$\{(\w+)\}", self.text))

    @property
    def starts(self) -> list[str]:
        """The logical ids of the machines that are nested directly in it."""
        return [part for part in self.parts if f"{part}Arn" in self.names]

    def places(self, places: Sequence[Placement]) -> list[Placement]:
        """Return those of some functions or task definitions that its states run on."""
        return [place for place in places if f"{place.name}Arn" in self.names]


def machines_of(plan: Plan) -> list[Machine]:
    """Return the machines of a flow, the outermost first.

    Args:
        plan: after the last pass.
    """
    assert plan.machine is not None
    assert plan.program is not None
    scopes = {OUTERMOST: plan.program.body.steps}
    scopes |= {part_id(each.name): each.body.steps for each in nested_in(plan.program.body.steps)}
    definitions = {OUTERMOST: ("state_machine.asl.json", plan.machine)}
    for name, part in plan.parts.items():
        definitions[part_id(name)] = (f"state_machine.{name}.asl.json", part)
    return [
        Machine(
            machine_id,
            file,
            machine.to_json(),
            _spec_of(plan, scopes[machine_id]),
            tuple(map(part_id, plan.parts)),
        )
        for machine_id, (file, machine) in definitions.items()
    ]


def key_parameter(machine: str) -> str:
    """Return the parameter of a template that has the key of a machine's definition."""
    return f"{machine}Key"


def state_machine(
    stack: Stack,
    machine: Machine,
    functions: Sequence[Worker],
    containers: Containers | None,
    *,
    inline: bool,
    description: str | None,
) -> dict[str, Resource]:
    """Return a machine with its role and its version, by logical id.

    Args:
        stack: of the machine.
        machine: the machine.
        functions: of the stack.
        containers: likewise, if there are any.
        inline: whether the template holds the definition.
        description: of the version.

    Raises:
        LimitError: the role is larger than IAM accepts.
    """
    invoked = [worker for worker in functions if f"{worker.name}Arn" in machine.names]
    run = machine.places(containers.places) if containers else []
    substitutions: Json = {f"{worker.name}Arn": ref(worker.version) for worker in invoked}
    if containers and run:
        substitutions |= containers.substitutions(run)
    substitutions |= {f"{part}Arn": ref(version_id(part)) for part in machine.starts}
    own = _role(stack, machine, invoked, containers)
    location = DefinitionLocation(bucket=ref("ArtifactBucket"), key=ref(key_parameter(machine.id)))
    properties = StateMachine(
        # A part has a name that no other has had: it may come again when it is gone.
        state_machine_name=stack.machine_name if machine.id == OUTERMOST else None,
        role_arn=own.arn,
        definition=machine.definition if inline else None,
        definition_s3_location=None if inline else location,
        definition_substitutions=substitutions or None,
        **stack.around_machines,
    )
    needed = list(own.attached)
    if machine.id == OUTERMOST:
        # These policies name machines, and the outermost one names the versions of all others.
        needed += [policy for worker in functions for policy in worker.role.attached]
        needed += containers.policies if containers else []
    return {
        **own.resources,
        machine.id: (
            Resource(type=_TYPE, properties=properties)
            if machine.id == OUTERMOST
            else lasting(_TYPE, properties)
        ),
        **machine_version(machine.id, description, needed),
    }


_TYPE = "AWS::StepFunctions::StateMachine"


def _spec_of(plan: Plan, steps: tuple[Step, ...]) -> FlowSpec:
    if not plan.parts:
        return plan.spec
    assert plan.units is not None
    own = {run for unit in units_of(steps) for run in plan.units[unit].task_runs}
    return replace(plan.spec, task_runs=[run for run in plan.spec.task_runs if run.id in own])


def _role(
    stack: Stack, machine: Machine, functions: list[Worker], containers: Containers | None
) -> Identity:
    policies = {}
    if functions:
        # Any version of a function, for executions under way run on earlier ones.
        versions = [sub(f"${{{worker.name}.Arn}}:*") for worker in functions]
        policies["InvokeWorker"] = [Statement(action=["lambda:InvokeFunction"], resource=versions)]
    run = machine.places(containers.places) if containers else []
    if containers and run:
        policies["RunContainers"] = containers.run_statements(run)
    if machine.starts:
        policies["RunParts"] = _run_parts(machine.starts)
    own = stack.settings.state_machine_role
    # Whoever brings a role knows what it has to allow.
    called = [] if own else statements(permissions_of(machine.spec))
    if called:
        policies["CallServices"] = called
    around = [*stack.use_key(), *stack.trace()]
    if around:
        policies["KeepAndTrace"] = around
    items = "RunItems" if machine.id == OUTERMOST else f"{machine.id}Items"
    return role(
        stack,
        f"{machine.id}Role",
        "states.amazonaws.com",
        policies,
        own=own,
        attached=([Attached(items, _run_items(machine.id))] if DISTRIBUTED in machine.text else ()),
    )


def _run_parts(parts: list[str]) -> list[Statement]:
    """Let a machine start others, and wait for them or stop them.

    Whoever may start a machine may start every version of it. Step Functions developer guide, "IAM
    policies for AWS Step Functions" (StartExecution, synchronous) and "Authorization for versions
    and aliases", read 2026-11.
    """
    rule = arn("events", "rule/", "StepFunctionsGetEventsForStepFunctionsExecutionRule")
    return [
        Statement(action=["states:StartExecution"], resource=[ref(part) for part in parts]),
        Statement(
            action=["states:DescribeExecution", "states:StopExecution"],
            resource=[sub(f"{_EXECUTIONS}:${{{part}.Name}}:*") for part in parts],
        ),
        Statement(
            action=["events:PutTargets", "events:PutRule", "events:DescribeRule"], resource=[rule]
        ),
    ]


def _run_items(machine: str) -> list[Statement]:
    """Let a state machine run the items of distributed maps: executions of its own.

    Step Functions developer guide, "IAM policies for using Distributed Map states", read 2026-11.
    Apart from its role, which the state machine depends on.
    """
    items = f"{_EXECUTIONS}:${{{machine}.Name}}"
    return [
        Statement(action=["states:StartExecution"], resource=[ref(machine)]),
        Statement(
            action=["states:DescribeExecution", "states:StopExecution"],
            resource=[sub(f"{items}:*")],
        ),
        Statement(action=["states:RedriveExecution"], resource=[sub(f"{items}/*")]),
    ]


_EXECUTIONS = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:execution"
