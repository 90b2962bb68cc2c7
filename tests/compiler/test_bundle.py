"""The bundle: complete, reproducible, replaced in one step, and never trusted when it is damaged."""

import hashlib
import importlib.machinery
import json
import os
import subprocess
import sys
import threading
import zipfile

import pytest

from dagy import FlowSpec, flow, task
from dagy.errors import BundleError, LimitError
from dagy_compiler import compile_flow
from dagy_compiler.artifact import artifact, code_hash, worker_package
from dagy_compiler.bundle import FlowSource, read_bundle, write_bundle

FILES = {
    "app.py", "artifact.zip", "cdk.json", "flow.json", "manifest.json", "state_machine.asl.json",
    "template.json",
}  # fmt: skip


@task
def double(n: int) -> int:
    return 2 * n


@flow
def daily(n: int = 1):
    return double(n)


@flow(name="Daily: ${x} {% 1 %} / ../étl")
def hostile():
    return double(1)


@pytest.fixture
def source(tmp_path):
    root = tmp_path / "source"
    (root / "lib").mkdir(parents=True)
    (root / "daily.py").write_text("import lib.deep\n")
    (root / "lib" / "deep.py").write_text("LIMIT = 3\n")
    return FlowSource(root, (root / "daily.py", root / "lib" / "deep.py"))


def write(source, directory, built=daily, mode="micro"):
    compiled = compile_flow(built.build(), mode=mode)
    return write_bundle(compiled, source, directory, python_version="3.12")


def contents(path):
    return {file.name: file.read_bytes() for file in path.iterdir()}


def test_a_bundle_holds_every_file_and_reads_back(source, tmp_path):
    bundle = write(source, tmp_path / "out")
    assert bundle.path == tmp_path / "out" / "daily"
    assert set(contents(bundle.path)) == FILES
    assert read_bundle(bundle.path) == bundle
    assert FlowSpec.from_json((bundle.path / "flow.json").read_text()) == bundle.spec.canonical()
    manifest = json.loads((bundle.path / "manifest.json").read_text())
    assert manifest["code_hash"] == code_hash(bundle.spec, source)
    for name, entry in manifest["files"].items():
        data = (bundle.path / name).read_bytes()
        assert entry == {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    assert "created" not in json.dumps(manifest)


def test_a_dockerfile_is_there_only_where_tasks_run_in_containers(source, tmp_path):
    bundle = write(source, tmp_path / "out", mode="medium")
    assert set(contents(bundle.path)) == {*FILES, "Dockerfile"}
    lines = (bundle.path / "Dockerfile").read_text().splitlines()
    assert "ARG BASE_IMAGE=public.ecr.aws/docker/library/python:3.12-slim" in lines
    assert "FROM ${BASE_IMAGE}" in lines
    assert 'ENTRYPOINT ["python", "-m", "dagy.container"]' in lines


def test_the_same_input_gives_the_same_bytes(source, tmp_path):
    first = contents(write(source, tmp_path / "one").path)
    for file in source.files:
        os.utime(file, (1, 1))
        file.chmod(0o600)
    umask = os.umask(0o077)
    try:
        second = contents(write(source, tmp_path / "two").path)
    finally:
        os.umask(umask)
    assert first == second


def test_other_code_has_another_hash(source):
    before = code_hash(daily.build(), source)
    assert before == code_hash(daily.build(), source)
    source.files[1].write_text("LIMIT = 4\n")
    assert code_hash(daily.build(), source) != before
    assert code_hash(daily.build(n=2), source) != code_hash(daily.build(), source)


def test_the_artifact_says_what_it_is_made_of(source, tmp_path):
    bundle = write(source, tmp_path / "out")
    with zipfile.ZipFile(bundle.path / "artifact.zip") as archive:
        metadata = json.loads(archive.read("metadata.json"))
        digests = {
            name: hashlib.sha256(archive.read(name)).hexdigest() for name in metadata["source"]
        }
    assert metadata["code_hash"] == bundle.manifest["code_hash"]
    assert metadata["spec_digest"] == bundle.spec.digest()
    assert metadata["source"] == digests
    assert list(digests) == ["daily.py", "lib/deep.py"]


def test_the_artifact_runs_with_nothing_but_the_standard_library(source, tmp_path):
    bundle = write(source, tmp_path / "out")
    with zipfile.ZipFile(bundle.path / "artifact.zip") as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "task")
    assert names == sorted(names)
    own = {"daily.py", "lib/deep.py", "_dagy/flow.json", "metadata.json", "dagy/worker/__init__.py"}
    assert own <= set(names)
    assert not any(name.startswith(("dagy/cli/", "dagy/history/")) for name in names)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'task')!r}); import daily; "
        "from dagy.worker import deployed_spec; print(deployed_spec().name)"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("daily\n", "")


@pytest.mark.parametrize("name", ["dagy.py", "metadata.json", "_dagy/x.py"])
def test_dagys_own_names_are_refused(source, name):
    (source.root / "_dagy").mkdir()
    (source.root / name).write_text("")
    with pytest.raises(BundleError, match=r"take the place of Dagy's own"):
        FlowSource(source.root, (source.root / name,)).contents()


def test_names_are_those_that_imports_know(source):
    root = source.root
    with pytest.raises(BundleError, match="lies outside"):
        FlowSource(root / "lib", (root / "daily.py",)).contents()
    both = FlowSource(root, source.files, others=(root / "lib",))
    assert list(both.contents()) == ["daily.py", "deep.py"]


def test_a_folder_above_the_flow_may_be_called_anything(tmp_path):
    root = tmp_path / ".env"
    root.mkdir()
    (root / "daily.py").write_text("")
    assert list(FlowSource(root, (root / "daily.py",)).contents()) == ["daily.py"]


def test_code_too_large_for_lambda_is_refused(source):
    with (source.root / "huge.bin").open("wb") as file:
        file.truncate(251 * 1024 * 1024)
    huge = FlowSource(source.root, (source.root / "huge.bin",))
    with pytest.raises(LimitError, match=r"bytes unzipped, and Lambda accepts 262,144,000"):
        artifact(daily.build(), huge)


def test_rebuilding_replaces_the_folder_and_leaves_nothing_beside_it(source, tmp_path):
    write(source, tmp_path / "out", mode="nano")
    (tmp_path / "out" / "daily" / "stray").write_text("of the last build")
    bundle = write(source, tmp_path / "out")
    assert set(contents(bundle.path)) == FILES
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["daily"]
    assert read_bundle(bundle.path).manifest["execution_mode"] == "micro"


def test_what_is_not_a_bundle_is_never_replaced(source, tmp_path):
    precious = tmp_path / "out" / "daily" / "thesis.txt"
    precious.parent.mkdir(parents=True)
    precious.write_text("years of work")
    with pytest.raises(BundleError, match="is not a bundle; move it away"):
        write(source, tmp_path / "out")
    assert precious.read_text() == "years of work"


def test_the_bundle_of_another_flow_is_never_replaced_and_stacks_have_names_of_their_own(
    source, tmp_path
):
    stacks = []
    for name in ("load eu", "load/eu", "日本", "日本語", "load-eu", "load_eu"):
        made = flow(name=name)(daily.fn)
        folder = tmp_path / name.replace("/", "+")
        compiled = compile_flow(made.build(), mode="nano")
        bundle = write_bundle(compiled, source, folder, python_version="3.12")
        stacks.append(bundle.manifest["stack_name"])
        if name == "load/eu":
            with pytest.raises(BundleError, match="bundle of another flow, 'load eu'"):
                write_bundle(compiled, source, tmp_path / "load eu", python_version="3.12")
    assert len(set(stacks)) == len(stacks)
    assert stacks[-1] == "dagy-load-eu"


def test_a_folder_that_cannot_be_written_is_one_clear_error(source, tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(BundleError, match="cannot be written"):
        write(source, tmp_path / "out")


def test_many_builds_at_once_leave_a_whole_bundle(source, tmp_path):
    failures = []

    def build():
        try:
            write(source, tmp_path / "out", mode="nano")
        except BundleError as error:
            failures.append(error)

    threads = [threading.Thread(target=build) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert set(contents(read_bundle(tmp_path / "out" / "daily").path)) == FILES


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: (path / "flow.json").unlink(), "flow.json: No such file or directory; build"),
        (lambda path: (path / "artifact.zip").write_bytes(b""), "artifact.zip: has changed since"),
        (lambda path: (path / "manifest.json").write_text("{"), "manifest.json: is damaged"),
        (lambda path: (path / "manifest.json").write_text("[]"), "manifest.json: is damaged"),
        (
            lambda path: (path / "manifest.json").unlink(),
            "is not a bundle: it has no manifest.json",
        ),
    ],
)
def test_a_damaged_bundle_is_refused_naming_the_file(source, tmp_path, change, message):
    path = write(source, tmp_path / "out").path
    change(path)
    with pytest.raises(BundleError) as refusal:
        read_bundle(path)
    assert message in str(refusal.value)


def test_a_bundle_of_another_version_is_refused(source, tmp_path):
    path = write(source, tmp_path / "out").path
    manifest = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps(manifest | {"manifest_version": 99}))
    with pytest.raises(BundleError, match="is of version 99"):
        read_bundle(path)


def test_hostile_names_stay_text(source, tmp_path):
    bundle = write(source, tmp_path / "out", built=hostile)
    assert bundle.path.parent == tmp_path / "out"
    for name in ("template.json", "state_machine.asl.json", "app.py"):
        text = (bundle.path / name).read_text()
        assert "${x}" not in text
        assert "{% 1 %}" not in text
    assert bundle.manifest["stack_name"].isascii()
    compile((bundle.path / "app.py").read_text(), "app.py", "exec")


def test_the_worker_package_is_small():
    package = worker_package()
    assert sum(len(data) for name, data in package.items() if name.endswith(".py")) < 550_000


def test_the_worker_is_compiled_already_and_says_where_it_runs_in_tracebacks(tmp_path):
    name = f"dagy/worker/__pycache__/code.{sys.implementation.cache_tag}.pyc"
    compiled = worker_package()[name]
    assert compiled == worker_package()[name]
    assert str(tmp_path.home()).encode() not in compiled
    (tmp_path / "code.pyc").write_bytes(compiled)
    loader = importlib.machinery.SourcelessFileLoader("code", str(tmp_path / "code.pyc"))
    assert loader.get_code("code").co_filename == "/var/task/dagy/worker/code.py"
