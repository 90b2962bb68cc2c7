"""The packages of a flow in its stack: layers of functions, archives of containers, and how large."""

import hashlib
import json
import re
import zipfile

import pytest

from dagy import flow, task
from dagy.errors import LimitError
from dagy.packaging.vendor import Layer
from dagy_compiler import compile_flow
from dagy_compiler.bundle import FlowSource, read_bundle, rebuild, write_bundle
from dagy_compiler.bundle_files import Packages
from dagy_compiler.limits import UNZIPPED_BYTES
from dagy_compiler.versions import Code
from tests.compiler.cases import plain_chain
from tests.compiler.flows import Flow
from tests.compiler.stacks import of_type, stack_of

SHA = {"x86_64": "86" * 32, "arm64": "a6" * 32}


@task
def double(n: int) -> int:
    return 2 * n


@flow
def daily(n: int = 1):
    return double(n)


def layers(*architectures, size=1000):
    return {
        each: Layer(each, None, SHA[each], {"pandas": size, "six": 10}, {"pandas": "3", "six": "1"})
        for each in architectures
    }


def code(found, functions=None):
    return Code("c0de" * 16, "a41f" * 16, found, found if functions is None else functions)


def planned(spec, mode="micro"):
    return compile_flow(spec, mode=mode).plan


def two_processors():
    spec = Flow().task("load").task("train", architecture="arm64")
    return spec.returns()


def test_each_function_has_the_layer_of_its_processor():
    stack = stack_of(planned(two_processors()), code(layers("x86_64", "arm64")))
    attached = {
        function["Architectures"][0]: function["Layers"]
        for function in of_type(stack, "AWS::Lambda::Function").values()
    }
    assert attached == {
        "x86_64": [{"Ref": "DependenciesX866486868686"}],
        "arm64": [{"Ref": "DependenciesArm64a6a6a6a6"}],
    }
    made = of_type(stack, "AWS::Lambda::LayerVersion")
    assert made["DependenciesArm64a6a6a6a6"]["CompatibleArchitectures"] == ["arm64"]
    assert made["DependenciesArm64a6a6a6a6"]["Content"] == {
        "S3Bucket": {"Ref": "ArtifactBucket"},
        "S3Key": {"Ref": "DependenciesArm64Key"},
    }
    assert {"DependenciesX8664Key", "DependenciesArm64Key"} <= set(stack["Parameters"])


def test_without_packages_there_is_nothing_of_layers():
    stack = stack_of(planned(plain_chain()))
    assert "Layer" not in json.dumps(stack)
    assert "Dependencies" not in json.dumps(stack)


def test_other_packages_make_another_version_of_a_function():
    def version(digest):
        found = {"x86_64": Layer("x86_64", None, digest, {}, {})}
        [name] = of_type(stack_of(planned(plain_chain()), code(found)), "AWS::Lambda::Version")
        return name

    assert version("ab" * 32) == version("ab" * 32) != version("cd" * 32)


def test_a_container_fetches_the_packages_of_its_processor_and_may_read_nothing_else():
    stack = stack_of(planned(two_processors(), "large"), code(layers("x86_64", "arm64")))
    definitions = of_type(stack, "AWS::ECS::TaskDefinition").values()
    assert len(definitions) == 2
    for definition in definitions:
        [container] = definition["ContainerDefinitions"]
        given = {each["Name"]: each["Value"] for each in container["Environment"]}
        arm = definition["RuntimePlatform"]["CpuArchitecture"] == "ARM64"
        assert given["DAGY_DEPENDENCIES_SHA256"] == SHA["arm64" if arm else "x86_64"]
        key = "DependenciesArm64Key" if arm else "DependenciesX8664Key"
        assert given["DAGY_DEPENDENCIES_KEY"] == {"Ref": key}
    roles = json.dumps(of_type(stack, "AWS::IAM::Role"))
    keys = set(re.findall(r"\$\{ArtifactBucket\}/\$\{(\w+)\}", roles))
    assert keys == {"ArtifactKey", "DependenciesX8664Key", "DependenciesArm64Key"}


@pytest.fixture
def build(tmp_path):
    """Write the bundle of a flow with a package of a size; return it."""
    (tmp_path / "daily.py").write_text("")
    archive = tmp_path / "packages.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("python/pandas/__init__.py", "")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()

    def run(spec, mode, size):
        found = Layer("x86_64", archive, digest, {"pandas": size}, {"pandas": "3.1"})
        return write_bundle(
            compile_flow(spec, mode=mode),
            FlowSource(tmp_path, (tmp_path / "daily.py",)),
            tmp_path / "out",
            python_version="3.12",
            packages=Packages("requirements.txt", ["pandas>=3"], {"x86_64": found}),
        )

    return run


def test_a_bundle_has_the_archive_and_says_what_is_in_it(build):
    bundle = read_bundle(build(daily.build(), "micro", 1000).path)
    assert bundle.uploads == {
        "ArtifactKey": "artifact.zip",
        "DependenciesX8664Key": "dependencies.x86_64.zip",
    }
    assert bundle.manifest["dependencies"] == {
        "origin": "requirements.txt",
        "requirements": ["pandas>=3"],
        "packages": {"x86_64": {"pandas": {"version": "3.1", "bytes": 1000}}},
    }
    with zipfile.ZipFile(bundle.path / "artifact.zip") as archive:
        assert json.loads(archive.read("metadata.json"))["dependencies"] == ["pandas>=3"]


def test_a_bundle_that_is_built_anew_from_itself_has_the_same_packages(build, tmp_path):
    bundle = build(daily.build(), "micro", 1000)
    again = rebuild(bundle, tmp_path / "again", mode="nano")
    assert again.manifest["dependencies"] == bundle.manifest["dependencies"]
    assert (
        again.manifest["files"]["dependencies.x86_64.zip"]
        == (bundle.manifest["files"]["dependencies.x86_64.zip"])
    )


def test_packages_too_large_for_lambda_are_refused_naming_the_largest_and_the_way_out(build):
    with pytest.raises(LimitError) as refusal:
        build(plain_chain(), "micro", UNZIPPED_BYTES)
    message = str(refusal.value)
    assert "its packages (x86_64) take 262,144,000 bytes and its code" in message
    assert "  pandas                     262.1 MB\n" in message
    assert "--execution-mode small or larger" in message


@pytest.mark.parametrize(("size", "has_layer"), [(1000, True), (UNZIPPED_BYTES, False)])
def test_in_containers_packages_may_be_of_any_size(build, size, has_layer):
    bundle = build(plain_chain(), "small", size)
    stack = json.loads((bundle.path / "template.json").read_text())
    assert "dependencies.x86_64.zip" in bundle.sizes
    functions = of_type(stack, "AWS::Lambda::Function").values()
    assert [("Layers" in function) for function in functions] == [has_layer] * len(functions)
    dockerfile = (bundle.path / "Dockerfile").read_text()
    assert "COPY dependencies.*.zip /tmp/" in dockerfile
    assert dockerfile.endswith("\n")
