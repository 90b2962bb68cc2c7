"""The bundle's CDK app, synthesized by the real aws-cdk-lib, makes the resources of the template."""

import json
import os
import subprocess
import sys
from pathlib import Path

from dagy.loader import load_flow
from dagy_compiler import compile_flow
from dagy_compiler.bundle import FlowSource, write_bundle
from tests.cdk.conftest import UNPACKED

AIRPORTS = Path(__file__).parents[2] / "examples" / "airports" / "airports.py"


def without_code(resource):
    """A resource without where its code is: the template's parameters, or the CDK's asset."""
    properties = {key: value for key, value in resource["Properties"].items() if key != "Code"}
    return resource["Type"], properties


def test_the_app_makes_the_resources_of_the_template_with_no_node_on_the_path(tmp_path):
    loaded = load_flow(str(AIRPORTS))
    compiled = compile_flow(loaded.flow.build(), mode="micro")
    source = FlowSource(loaded.root, loaded.files[:1])
    bundle = write_bundle(compiled, source, tmp_path, python_version="3.12").path

    done = subprocess.run(
        [sys.executable, "app.py"],
        cwd=bundle,
        capture_output=True,
        text=True,
        env={
            "PATH": "/nonexistent",
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "CDK_OUTDIR": str(tmp_path / "cdk.out"),
            "HOME": str(tmp_path),
            **UNPACKED,
        },
    )
    assert done.returncode == 0, done.stderr

    manifest = json.loads((bundle / "manifest.json").read_text())
    synthesized = json.loads(
        (tmp_path / "cdk.out" / f"{manifest['stack_name']}.template.json").read_text()
    )
    template = json.loads((bundle / "template.json").read_text())
    assert {name: without_code(r) for name, r in synthesized["Resources"].items()} == {
        name: without_code(r) for name, r in template["Resources"].items()
    }
    assert set(synthesized["Outputs"]) == set(template["Outputs"])
    code = synthesized["Resources"]["WorkerFunction"]["Properties"]["Code"]
    assert code["S3Key"].endswith(".zip")
    assert os.listdir(bundle)


def test_without_the_extra_the_error_names_the_command_that_installs_it(tmp_path):
    # A finder that knows no aws_cdk, as on a machine without the extra.
    code = (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'aws_cdk':\n"
        "            raise ModuleNotFoundError(name, name='aws_cdk')\n"
        "sys.meta_path.insert(0, Absent())\n"
        "import dagy_cdk\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 1
    assert "MissingExtraError: dagy_cdk needs the package" in done.stderr
    assert 'pip install "dagy[cdk]"' in done.stderr
