"""Published linters accept every template and definition, and do object to wrong ones."""

import copy
import json
from dataclasses import replace

import pytest
from sfnx.testing import run

from dagy_compiler import compile_flow
from tests.asl_lint import problems
from tests.cfn_lint import complaints
from tests.compiler.cases import CASES, PLACED, services_only
from tests.compiler.flows import Flow, output
from tests.compiler.stacks import stack_of
from tests.compiler.test_template import planned

HOSTILE = "${AWS::AccountId} {{resolve:ssm:x}} {% $x %} \"'\\ <&> ünïcode " + "x" * 300


def plans():
    for case in CASES:
        for mode in ("nano", "micro"):
            name = case.__name__.replace("_", "-")
            yield f"{name}-{mode}", compile_flow(case(), mode=mode).plan


def places():
    """Plans whose stacks have more than one function in them, or containers."""
    yield "services-only", compile_flow(services_only(), mode="micro").plan
    for case in PLACED:
        for mode in ("nano", "micro", "large"):
            yield f"{case.__name__}-{mode}", planned(case(), mode)


PLANS = dict(plans())
PLACES = dict(places())


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_asl_validator_accepts_every_definition(plan):
    assert problems(plan.machine.to_json()) == ""


@pytest.mark.parametrize("payload", [5, 1.5, True, None, "text", [1], {}], ids=json.dumps)
def test_any_literal_may_be_the_payload_of_a_function(payload):
    flow = Flow("literal").service("call", "lambda:invoke", FunctionName="f", Payload=payload)
    flow.service("ask", "http:invoke", ApiEndpoint="https://a.org/", Method="GET", after=["call"])
    plan = compile_flow(flow.returns(output("ask")), mode="micro").plan
    assert problems(plan.machine.to_json()) == ""
    assert complaints(stack_of(plan)) == []
    given = []
    run(plan.machine.to_json(), {}, lambda call: given.append(dict(call.arguments)) or {})
    assert given[0] == {"FunctionName": "f", "Payload": payload}


def test_asl_validator_objects_to_what_is_wrong():
    good = next(plan for name, plan in PLANS.items() if name.endswith("micro")).machine.to_json()
    first = next(iter(good["States"]))
    for change in (
        {"Arguemnts": {}},
        {"Type": "Tsak"},
        {"Next": "nowhere"},
        {"TimeoutSeconds": "x"},
    ):
        wrong = copy.deepcopy(good)
        wrong["States"][first] |= change
        assert problems(wrong) != "", change


@pytest.mark.parametrize("plan", (PLANS | PLACES).values(), ids=PLANS | PLACES)
def test_cfn_lint_accepts_every_template(plan):
    hostile = replace(plan, spec=replace(plan.spec, name=HOSTILE))
    assert complaints(stack_of(hostile)) == []


def test_cfn_lint_objects_to_what_is_wrong():
    plan = compile_flow(CASES[0]()).plan
    made = stack_of(plan)
    made["Resources"]["WorkerFunction"]["Properties"]["Timeout"] = 6000
    assert any("6000" in each for each in complaints(made))
