"""Published linters accept every template and definition, and do object to wrong ones."""

import copy
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from sfnx.testing import run

from dagy_compiler import compile_flow
from tests.asl_lint import problems
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


def definitions():
    for name, plan in plans():
        yield name, plan.machine.to_json()


@pytest.mark.parametrize(
    "definition", [d for _, d in definitions()], ids=[n for n, _ in definitions()]
)
def test_asl_validator_accepts_every_definition(definition):
    assert problems(definition) == ""


@pytest.mark.parametrize("payload", [5, 1.5, True, None, "text", [1], {}], ids=json.dumps)
def test_any_literal_may_be_the_payload_of_a_function(payload, tmp_path):
    flow = Flow("literal").service("call", "lambda:invoke", FunctionName="f", Payload=payload)
    flow.service("ask", "http:invoke", ApiEndpoint="https://a.org/", Method="GET", after=["call"])
    plan = compile_flow(flow.returns(output("ask")), mode="micro").plan
    assert problems(plan.machine.to_json()) == ""
    (tmp_path / "literal.json").write_text(json.dumps(stack_of(plan)))
    done = lint(tmp_path / "literal.json")
    assert (done.returncode, done.stdout) == (0, "")
    given = []
    run(plan.machine.to_json(), {}, lambda call: given.append(dict(call.arguments)) or {})
    assert given[0] == {"FunctionName": "f", "Payload": payload}


def test_asl_validator_objects_to_what_is_wrong():
    good = next(d for name, d in definitions() if name.endswith("micro"))
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


def lint(*files: Path) -> subprocess.CompletedProcess:
    command = [Path(sys.executable).parent / "cfn-lint", "--include-checks", "W", "I", "--", *files]
    return subprocess.run(command, capture_output=True, text=True)


def test_cfn_lint_accepts_every_template(tmp_path):
    files = []
    for name, plan in [*plans(), *places()]:
        file = tmp_path / f"{name}.json"
        hostile = replace(plan, spec=replace(plan.spec, name=HOSTILE))
        file.write_text(json.dumps(stack_of(hostile)))
        files.append(file)
    done = lint(*files)
    assert (done.returncode, done.stdout) == (0, "")


def places():
    """Plans whose stacks have more than one function in them, or containers."""
    yield "services-only", compile_flow(services_only(), mode="micro").plan
    for case in PLACED:
        for mode in ("nano", "micro", "large"):
            yield f"{case.__name__}-{mode}", planned(case(), mode)


def test_cfn_lint_objects_to_what_is_wrong(tmp_path):
    plan = compile_flow(CASES[0]()).plan
    made = stack_of(plan)
    made["Resources"]["WorkerFunction"]["Properties"]["Timeout"] = 6000
    (tmp_path / "wrong.json").write_text(json.dumps(made))
    assert "6000" in lint(tmp_path / "wrong.json").stdout
