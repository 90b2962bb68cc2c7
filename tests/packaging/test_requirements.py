"""Where a flow's packages are declared, and how that is read."""

import pytest

from dagy.errors import BundleError
from dagy.packaging.requirements import declared_by

SCRIPT = """
# /// script
# requires-python = ">=3.12"
# dependencies = [
#   "polars>=1",   # frames
#   "boto3",
# ]
# ///
"""


@pytest.fixture
def read(tmp_path):
    """Write a project, and return what its flow declares."""

    def run(flow="flows/daily.py", **files):
        (tmp_path / flow).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / flow).write_text("")
        for name, text in files.items():
            place = tmp_path / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        return declared_by(tmp_path / flow, tmp_path)

    return run


def test_a_flow_that_declares_nothing_needs_nothing(read):
    found = read(**{"pyproject.toml": "[tool.ruff]\n"})
    assert (found.origin, found.lines, found.left_out) == (None, (), ())


def test_script_metadata_comes_before_files(read):
    found = read(**{"flows/daily.py": SCRIPT, "requirements.txt": "numpy"})
    assert (found.origin, found.requirements) == ("daily.py", ["polars>=1"])
    assert found.requires_python == ">=3.12"


@pytest.mark.parametrize(
    ("files", "origin"),
    [
        ({"requirements.txt": "numpy"}, "requirements.txt"),
        ({"requirements.txt": "numpy", "pyproject.toml": "[project]\ndependencies = ['x']"}, "requirements.txt"),
        ({"pyproject.toml": "[project]\ndependencies = ['numpy']"}, "pyproject.toml"),
        ({"flows/pyproject.toml": "[project]\ndependencies = ['numpy']", "requirements.txt": "x"}, "flows/pyproject.toml"),
        ({"flows/pyproject.toml": "[tool.ruff]", "requirements.txt": "numpy"}, "requirements.txt"),
    ],
)  # fmt: skip
def test_the_nearest_file_upwards_that_declares_any_is_read(read, files, origin):
    found = read(**files)
    assert (found.origin, found.requirements) == (origin, ["numpy"])


def test_what_lambda_has_and_dagy_itself_are_not_packaged(read):
    found = read(**{"requirements.txt": "dagy[cdk]>=0.1\nBoto3==1.38\nbotocore\nnumpy\n"})
    assert found.requirements == ["numpy"]
    assert [each.name for each in found.left_out] == ["Boto3==1.38", "botocore"]
    assert {each.why for each in found.left_out} == {
        "is in Lambda's runtime, in the version that is there"
    }


def test_requirements_are_read_as_pip_reads_them(read, tmp_path):
    found = read(
        **{
            "requirements.txt": "# all\n-r more/base.txt\n--index-url https://example.org/simple\n"
            "--no-binary :all:\nnumpy==2.0 ; python_version < '3.13'  # pinned\n"
            "pandas==2.2 \\\n  --hash=sha256:abc\n-e .\n./wheels/own-1.0-py3-none-any.whl\n",
            "more/base.txt": "requests\n-c limits.txt\n",
            "more/limits.txt": "urllib3<3\n",
            "wheels/own-1.0-py3-none-any.whl": "",
        }
    )
    assert found.lines == (
        "requests",
        f"-c {tmp_path}/more/limits.txt",
        "--index-url https://example.org/simple",
        "numpy==2.0 ; python_version < '3.13'",
        "pandas==2.2   --hash=sha256:abc",
        f"{tmp_path}/wheels/own-1.0-py3-none-any.whl",
    )
    assert found.names == {"requests", "numpy", "pandas", "own"}
    assert [each.name for each in found.left_out] == ["."]


def test_what_is_the_same_requirement_has_the_same_key(read, tmp_path):
    before = read(**{"requirements.txt": "numpy\n-c limits.txt", "limits.txt": "numpy<3"}).key
    assert read(**{"requirements.txt": "# the same\nnumpy\n-c limits.txt"}).key == before
    assert read(**{"limits.txt": "numpy<2"}).key != before


def test_a_package_is_added_unless_it_is_there(read):
    found = read(**{"requirements.txt": "Pydantic==2.10"})
    assert found.also("pydantic>=2.10") == found
    assert read(**{"requirements.txt": "numpy"}).also("pydantic>=2.10").requirements == [
        "numpy",
        "pydantic>=2.10",
    ]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"requirements.txt": "\nnumpy = 2"}, "requirements.txt:2: 'numpy = 2' is no requirement"),
        ({"requirements.txt": "-r gone.txt"}, "gone.txt: cannot be read"),
        ({"requirements.txt": "-r requirements.txt"}, "includes itself"),
        ({"requirements.txt": "./gone.whl"}, "requirements.txt:1: there is no file"),
        ({"pyproject.toml": "[project"}, "is no TOML"),
        ({"pyproject.toml": "[project]\ndynamic = ['dependencies']"}, "are dynamic"),
        ({"flows/daily.py": SCRIPT + SCRIPT}, "several blocks of script metadata"),
        ({"flows/daily.py": "# /// script\n# x = \n# ///\n"}, "script metadata is no TOML"),
    ],
)
def test_a_declaration_that_cannot_be_read_is_named(read, files, message):
    with pytest.raises(BundleError) as refusal:
        read(**files)
    assert message in str(refusal.value)
