"""Which files go with a flow: found by reading the code, and told where they are left out."""

import os
import sys

import pytest

from dagy.errors import LoadError
from dagy.packaging.sources import innermost, sources_of


@pytest.fixture
def project(tmp_path):
    """Write files into a repository; names end at the first of several texts."""
    (tmp_path / ".git").mkdir()

    def write(**_):
        return tmp_path

    def files(contents):
        for name, text in contents.items():
            place = tmp_path / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        return tmp_path

    return files


def packed(root, file="daily.py", **options):
    """Names of what is packed besides the flow's own file, from the root; and what is left out."""
    found = sources_of(root / file, root, **options)
    assert found.files[0] == root / file
    names = [path.relative_to(innermost(path, found.roots)).as_posix() for path in found.files[1:]]
    return names, {each.name: each.why for each in found.left_out}


@pytest.mark.parametrize(
    "code",
    [
        "import lib.deep",
        "import lib.deep as other, json",
        "from lib import deep",
        "from lib.deep import LIMIT",
        "from lib.deep import *",
        "def extract():\n    from lib import deep",
        "class Job:\n    def run(self):\n        import lib.deep",
        "try:\n    import lib.deep\nexcept ImportError:\n    pass",
        "import importlib\nimportlib.import_module('lib.deep')",
        "from importlib import import_module\nimport_module('.deep', 'lib')",
        "from importlib import import_module\nimport_module(name='lib.deep')",
        "__import__('lib.deep')",
    ],
)
def test_a_local_module_is_found_however_it_is_imported_though_nothing_is_run(project, code):
    root = project(
        {"daily.py": code, "lib/__init__.py": "", "lib/deep.py": "1 / 0", "other.py": ""}
    )
    names, left_out = packed(root)
    if "'.deep', 'lib'" in code:  # of a package that is not the module's own
        assert list(left_out) == ["the module imported in daily.py:2"]
        return
    assert names == ["lib/__init__.py", "lib/deep.py"]
    assert left_out == {}


def test_imports_are_followed_from_module_to_module_and_out_of_packages(project):
    root = project(
        {
            "pack/__init__.py": "from . import first",
            "pack/flows/daily.py": "from ..steps.one import go",
            "pack/flows/__init__.py": "",
            "pack/steps/one.py": "from .two import x\nfrom ... import nothing",
            "pack/steps/__init__.py": "",
            "pack/steps/two.py": "import spaced.inner",
            "pack/first.py": "",
            "pack/unused.py": "",
            "spaced/inner.py": "import daily_cycle",
            "daily_cycle.py": "import pack.flows.daily",
        }
    )
    names, left_out = packed(root, "pack/flows/daily.py")
    assert names == [
        "daily_cycle.py", "pack/__init__.py", "pack/first.py", "pack/flows/__init__.py",
        "pack/steps/__init__.py", "pack/steps/one.py", "pack/steps/two.py", "spaced/inner.py",
    ]  # fmt: skip
    assert left_out == {}


def test_a_package_of_the_project_that_is_installed_from_its_sources_is_found_there(
    project, monkeypatch
):
    """As after `pip install -e .` of a project that keeps its package in `src`."""
    root = project(
        {
            "flows/daily.py": "import named_like_no_other.deep",
            "src/named_like_no_other/__init__.py": "",
            "src/named_like_no_other/deep.py": "",
            "pyproject.toml": "",
        }
    )
    monkeypatch.setattr(sys, "path", [*sys.path, str(root / "src")])
    found = sources_of(root / "flows/daily.py", root / "flows")
    assert found.roots == (root / "flows", root / "src")
    assert found.files[1:] == tuple(sorted((root / "src/named_like_no_other").iterdir()))


def test_modules_from_outside_the_project_are_left_out_and_told(
    project, tmp_path_factory, monkeypatch
):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "of_somebody_else.py").write_text("")
    root = project({"daily.py": "import of_somebody_else, json, pytest, dagy"})
    monkeypatch.setattr(sys, "path", [*sys.path, str(elsewhere)])
    names, left_out = packed(root)
    assert names == []
    assert left_out == {str(elsewhere / "of_somebody_else.py"): f"lies outside the project {root}"}


def test_a_name_that_is_made_when_the_code_runs_is_told(project):
    code = "import importlib\nfor n in ('a', 'b'):\n    importlib.import_module('plugins.' + n)"
    names, left_out = packed(project({"daily.py": code, "plugins/a.py": ""}))
    assert names == []
    [(name, why)] = left_out.items()
    assert name == "the module imported in daily.py:3"
    assert why.endswith("--include its file")
    names, _ = packed(project({}), include=["plugins"])
    assert names == ["plugins/a.py"]


def test_data_of_a_package_goes_with_it_where_the_code_reads_it_as_a_resource(project):
    root = project(
        {
            "daily.py": "import pkgutil, lib\n"
            "from importlib import resources\n"
            "resources.files('queries').joinpath('a.sql')\n"
            "resources.files(lib)\n"
            "resources.files('pandas')\n",
            "queries/__init__.py": "",
            "queries/a.sql": "select 1",
            "queries/more/b.sql": "select 2",
            "lib/__init__.py": "import pkgutil\npkgutil.get_data(__name__, 'x.json')",
            "lib/x.json": "{}",
        }
    )
    names, _ = packed(root)
    assert names == [
        "lib/__init__.py", "lib/x.json", "queries/__init__.py", "queries/a.sql",
        "queries/more/b.sql",
    ]  # fmt: skip


def test_a_file_that_a_module_names_and_that_is_not_packed_is_told(project):
    root = project({"daily.py": "open('data/rows.csv')\nx = 'no.file'", "data/rows.csv": "1"})
    names, left_out = packed(root)
    assert names == []
    assert left_out == {
        "data/rows.csv": "is named in daily.py:1 and not packed; --include it if a task reads it"
    }
    assert packed(root, include=["data"]) == (["data/rows.csv"], {})
    assert packed(root, exclude=["data/*.csv"]) == ([], {})


def test_patterns_take_and_leave_files_and_folders(project):
    root = project(
        {"daily.py": "import lib", "lib.py": "", "data/a.csv": "", "data/b/c.csv": "", "d.txt": ""}
    )
    assert packed(root, include=["data", "*.txt"])[0] == [
        "d.txt",
        "data/a.csv",
        "data/b/c.csv",
        "lib.py",
    ]
    assert packed(root, include=["**/*.csv"], exclude=["data/b"])[0] == ["data/a.csv", "lib.py"]
    assert packed(root, exclude=["lib.py"])[0] == []
    for pattern, message in [("*.nothing", "matches no file"), ("/etc/*", "is to be a path from")]:
        with pytest.raises(LoadError, match=message):
            packed(root, include=[pattern])


def test_patterns_may_climb_as_far_as_imports_start_and_no_further(project):
    root = project({"pack/__init__.py": "", "pack/daily.py": "", "data.csv": "", "../far.csv": ""})
    assert packed(root, "pack/daily.py", include=["../*.csv"])[0] == [
        "data.csv",
        "pack/__init__.py",
    ]
    with pytest.raises(LoadError, match="must stay within"):
        packed(root, "pack/daily.py", include=["../../*.csv"])


@pytest.mark.parametrize(
    "name",
    [
        ".env", ".env.local", "prod.env", "server.pem", "id_rsa", "id_ed25519.pub", "credentials",
        "credentials.json", "gcp_credentials.json", "secrets.toml", ".aws/config", "tls.KEY",
        "service-account-prod.json", ".netrc",
    ],
)  # fmt: skip
def test_what_looks_like_a_secret_is_never_packed(project, name):
    root = project({"daily.py": "", name: "x"})
    names, left_out = packed(root, include=["**/*"])
    assert names == []
    assert left_out == {name: "looks like a secret; name it in a task's secrets instead"}


def test_a_private_key_is_known_by_its_beginning_and_a_module_may_be_called_secrets(project):
    key = "-----BEGIN OPENSSH PRIVATE KEY-----\n"
    root = project(
        {"daily.py": "import secrets_\nimport credentials", "credentials.py": "", "k.txt": key}
    )
    names, left_out = packed(root, include=["*.txt"])
    assert names == ["credentials.py"]
    assert list(left_out) == ["k.txt"]


def test_links_are_left_out_and_told_wherever_they_lead(project, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "passwords.csv").write_text("")
    root = project({"daily.py": "import linked", "real.py": ""})
    (root / "linked.py").symlink_to(root / "real.py")
    (root / "folder").symlink_to(elsewhere)
    names, left_out = packed(root, include=["folder/*.csv"])
    assert names == []
    assert left_out == {
        "linked.py": "is a symbolic link, which may lead anywhere",
        "folder/passwords.csv": "is a symbolic link by way of folder, which may lead anywhere",
    }


def test_folders_of_tools_are_left_out_as_one_and_caches_without_a_word(project):
    root = project(
        {
            "daily.py": "", ".git/config": "", ".git/objects/aa": "", "x/__pycache__/a.pyc": "",
            "node_modules/a/b.js": "", "data.txt": "", ".venv/lib/c.py": "",
        }
    )  # fmt: skip
    names, left_out = packed(root, include=["**/*"])
    assert names == ["data.txt"]
    assert left_out == dict.fromkeys(
        [".git/", ".venv/", "node_modules/"], "is of tools, and no part of a flow"
    )


def test_the_same_files_are_found_whatever_is_loaded_and_from_wherever(project, monkeypatch):
    root = project({"daily.py": "import one", "one.py": "", "two.py": ""})
    before = packed(root)
    monkeypatch.setattr(sys, "path", [*sys.path, str(root)])
    monkeypatch.chdir(os.path.dirname(root))
    __import__("two")
    try:
        assert packed(root) == before
    finally:
        del sys.modules["two"]
