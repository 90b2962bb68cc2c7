"""Packages for Lambda: real wheels, for both processors, whatever machine this is."""

import zipfile

import pytest

from dagy.errors import BundleError
from dagy.packaging.requirements import Declared
from dagy.packaging.vendor import Target, layer

ELF_MACHINE = {62: "x86_64", 183: "arm64"}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGY_CACHE_DIR", str(tmp_path / "dagy-cache"))
    return tmp_path / "dagy-cache"


def machines(path):
    """What the compiled modules of a layer are compiled for, as ELF says it."""
    found = set()
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            assert name.startswith("python/")
            if name.endswith(".so"):
                header = archive.read(name)[:20]
                assert header[:4] == b"\x7fELF"
                found.add(ELF_MACHINE[int.from_bytes(header[18:20], "little")])
    return found


def quietly(_):
    pass


@pytest.mark.parametrize("architecture", ["x86_64", "arm64"])
def test_a_package_with_native_code_is_had_for_the_processor_and_python_of_the_target(architecture):
    declared = Declared("requirements.txt", ("markupsafe>=3.0",))
    target = Target(architecture, "3.13")
    made = layer(declared, target, told=quietly)
    assert machines(made.path) == {architecture}
    assert list(made.versions) == ["MarkupSafe"]
    with zipfile.ZipFile(made.path) as archive:
        names = archive.namelist()
        assert sum(entry.file_size for entry in archive.infolist()) == made.unzipped
    assert any("cpython-313" in name for name in names)
    assert not any(name.endswith((".pyc", "/RECORD", "/INSTALLER")) for name in names)
    # Made anew, it has the same bytes; and it need not be made anew.
    assert layer(declared, target, fresh=True, told=quietly) == made
    said = []
    assert layer(declared, target, told=said.append) == made
    assert said == []


def test_a_layer_that_was_damaged_in_the_cache_is_made_again():
    declared, target = Declared("requirements.txt", ("six",)), Target("arm64", "3.13")
    made = layer(declared, target, told=quietly)
    made.path.write_bytes(b"")
    assert layer(declared, target, told=quietly) == made
    assert zipfile.is_zipfile(made.path)


def wheel(folder, name, *requires):
    """A wheel of an empty package."""
    file = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{name}/__init__.py", "")
        info = f"{name}-1.0.dist-info"
        wanted = "".join(f"Requires-Dist: {each}\n" for each in requires)
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{wanted}"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(
            f"{info}/RECORD", f"{name}/__init__.py,,\n{info}/METADATA,,\n{info}/RECORD,,\n"
        )
    return file


def test_markers_are_those_of_the_target_and_not_of_this_machine(tmp_path):
    for name in ("of_arm", "of_intel", "of_windows", "old", "plain"):
        wheel(tmp_path, name)
    top = wheel(
        tmp_path, "top", "plain", "of_arm; platform_machine == 'aarch64'",
        "of_intel; platform_machine == 'x86_64'", "of_windows; sys_platform == 'win32'",
        "old; python_version < '3.13'",
    )  # fmt: skip
    lines = (str(top), f"--find-links {tmp_path}", "--no-index")
    packages = {
        architecture: set(
            layer(Declared("r", lines), Target(architecture, "3.13"), told=quietly).versions
        )
        for architecture in ("x86_64", "arm64")
    }
    assert packages == {"x86_64": {"top", "plain", "of_intel"}, "arm64": {"top", "plain", "of_arm"}}


def test_what_lambda_has_is_left_out_though_a_package_asks_for_it(tmp_path):
    for name in ("boto3", "botocore", "s3transfer"):
        wheel(tmp_path, name)
    top = wheel(tmp_path, "top", "boto3", "botocore", "s3transfer")
    lines = (str(top), f"--find-links {tmp_path}", "--no-index")
    made = layer(Declared("r", lines), Target("x86_64", "3.13"), told=quietly)
    assert list(made.versions) == ["top"]
    with zipfile.ZipFile(made.path) as archive:
        assert not [name for name in archive.namelist() if "boto" in name]


def test_what_only_compilers_read_is_left_out(tmp_path):
    top = wheel(tmp_path, "top")
    with zipfile.ZipFile(top, "a") as archive:
        for name in ("top/api.h", "top/fast.pyx", "top/tests/data.txt", "pandas/tests/big.py"):
            archive.writestr(name, "x")
    made = layer(Declared("r", (str(top),)), Target("x86_64", "3.13"), told=quietly)
    with zipfile.ZipFile(made.path) as archive:
        names = {name for name in archive.namelist() if ".dist-info" not in name}
    assert {"python/top/__init__.py", "python/top/tests/data.txt"} <= names
    assert not {name for name in names if name.endswith((".h", ".pyx"))}


def test_a_package_without_a_wheel_is_named_with_the_way_out(tmp_path):
    lines = ("of_sources_only==1.0", f"--find-links {tmp_path}", "--no-index")
    with pytest.raises(BundleError) as refusal:
        layer(Declared("requirements.txt", lines), Target("arm64", "3.13"), told=quietly)
    message = str(refusal.value)
    assert message.startswith(
        "requirements.txt: no wheel of of_sources_only==1.0 for Python 3.13 on Linux, arm64"
    )
    assert "--no-deps" in message
    assert len(message.splitlines()) < 10


def test_a_conflict_is_told_in_pips_words_on_one_screen(tmp_path):
    top, other = wheel(tmp_path, "top", "plain==1.0"), wheel(tmp_path, "other", "plain==2.0")
    wheel(tmp_path, "plain")
    lines = (str(top), str(other), f"--find-links {tmp_path}", "--no-index")
    with pytest.raises(BundleError) as refusal:
        layer(Declared("requirements.txt", lines), Target("arm64", "3.13"), told=quietly)
    assert "plain==2.0" in str(refusal.value)
    assert len(str(refusal.value).splitlines()) < 15


def test_a_flow_for_another_python_is_refused():
    declared = Declared("daily.py", ("six",), requires_python=">=3.14")
    with pytest.raises(
        BundleError, match=r"daily.py: asks for Python >=3.14, and the flow is built"
    ):
        layer(declared, Target("arm64", "3.13"), told=quietly)


def test_wheels_may_ask_for_no_newer_glibc_than_lambda_has():
    assert (Target("x86_64", "3.11").glibc, Target("x86_64", "3.12").glibc) == (26, 34)


FLOW = """# /// script
# dependencies = ["six", "no-such-package-of-dagy"]
# ///
from dagy import flow, task
@task
def one(): return 1
@flow
def single(): return one()
"""


def test_without_dependencies_nothing_is_resolved_and_with_no_deps_neither(dagy, tmp_path, cache):
    (tmp_path / "plain.py").write_text(FLOW.partition("# ///\n")[2])
    (tmp_path / "single.py").write_text(FLOW)
    for arguments in (["plain.py"], ["single.py", "--no-deps"]):
        done = dagy("build", *arguments)
        assert (done.returncode, done.stderr) == (0, "")
        assert not cache.exists()
    refused = dagy("build", "single.py")
    assert refused.returncode == 2
    assert "single.py: no wheel of no-such-package-of-dagy" in refused.stderr
    assert "Traceback" not in refused.stderr
