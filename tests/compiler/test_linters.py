"""Published linters accept every template and definition, and do object to wrong ones."""

import copy
import json
import subprocess
import sys
from pathlib import Path

import pytest

from dagy_compiler import compile_flow
from dagy_compiler.template import template
from tests.asl_lint import problems
from tests.compiler.cases import CASES

HOSTILE = "${AWS::AccountId} {{resolve:ssm:x}} {% $x %} \"'\\ <&> ünïcode " + "x" * 300


def definitions():
    for case in CASES:
        for mode in ("nano", "micro"):
            name = case.__name__.replace("_", "-")
            yield f"{name}-{mode}", compile_flow(case(), mode=mode).definition()


@pytest.mark.parametrize(
    "definition", [d for _, d in definitions()], ids=[n for n, _ in definitions()]
)
def test_asl_validator_accepts_every_definition(definition):
    assert problems(definition) == ""


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
    for name, definition in definitions():
        file = tmp_path / f"{name.replace(' ', '-')}.json"
        file.write_text(json.dumps(template(HOSTILE, definition, python_version="3.12")))
        files.append(file)
    done = lint(*files)
    assert (done.returncode, done.stdout) == (0, "")


def test_cfn_lint_objects_to_what_is_wrong(tmp_path):
    definition = next(definition for _, definition in definitions())
    made = template("daily", definition, python_version="3.12")
    made["Resources"]["WorkerFunction"]["Properties"]["Timeout"] = 6000
    (tmp_path / "wrong.json").write_text(json.dumps(made))
    assert "6000" in lint(tmp_path / "wrong.json").stdout
