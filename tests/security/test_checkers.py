"""cfn-lint finds nothing; cdk-nag and checkov nothing but what `docs/security.md` explains, all of it."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.cfn_lint import complaints
from tests.security.stacks import bundles

ROOT = Path(__file__).parents[2]
CHECKOV = Path(os.environ.get("DAGY_TEST_CHECKOV", ROOT / ".venv-checkov")) / "bin" / "checkov"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return bundles(tmp_path_factory.mktemp("bundles"))


def explained(checker):
    """The findings of a checker that the documentation gives a reason for."""
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    return {
        found[1]
        for found in re.finditer(r"^\| `([A-Za-z0-9_-]+)` \|.{20,}\|$", text, re.MULTILINE)
        if found[1].startswith(checker)
    }


def test_checkov_finds_what_is_explained(built):
    files = [each for path in built.values() for each in ("-f", path / "template.json")]
    done = subprocess.run(
        [
            CHECKOV,
            "--framework",
            "cloudformation",
            "--skip-download",
            "--quiet",
            "-o",
            "json",
            *files,
        ],
        capture_output=True,
        text=True,
    )
    assert done.stdout, done.stderr
    results = json.loads(done.stdout)["results"]
    found = {each["check_id"] for each in results["failed_checks"]}
    assert found == explained("CKV")


def test_cfn_lint_finds_nothing(built):
    for bundle in built.values():
        template = json.loads((bundle / "template.json").read_text(encoding="utf-8"))
        assert complaints(template) == []


def test_cdk_nag_finds_what_is_explained(built, tmp_path):
    from aws_cdk import App, Stack, Validations
    from cdk_nag import AwsSolutionsChecks

    import dagy_cdk  # finds the Node that the CDK runs on

    app = App(outdir=str(tmp_path))
    for name, bundle in built.items():
        dagy_cdk.DagyFlow(Stack(app, name), "Default", bundle=bundle)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
    report = json.loads((tmp_path / "validation-report.json").read_text())
    violations = {each["pluginName"]: each["violations"] for each in report["pluginReports"]}
    found = {each["ruleName"].partition("[")[0] for each in violations.pop("AwsSolutions")}
    assert found == explained("AwsSolutions")
    # The CDK's own rules find nothing.
    assert not any(violations.values())
