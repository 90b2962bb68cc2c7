"""Finding a flow in a file: every way it can go wrong has a message that says what to do."""

import sys

import pytest

from dagy.errors import LoadError
from dagy.loader import check_importable, load_flow, loaded_flow

ONE = """
from dagy import flow, task

@task
def double(n: int) -> int:
    return 2 * n

@flow
def quadruple(n: int = 1):
    return double(double(n))
"""


@pytest.fixture
def write(tmp_path, request, monkeypatch):
    """Write a module under a name that no other test uses; imports are undone afterwards."""
    import sys

    known = set(sys.modules)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def make(text, name=None, folder=""):
        unique = f"flow_{abs(hash(request.node.nodeid))}" if name is None else name
        file = tmp_path / folder / f"{unique}.py"
        file.parent.mkdir(exist_ok=True, parents=True)
        file.write_text(text)
        return str(file)

    yield make
    for name in set(sys.modules) - known:
        del sys.modules[name]


def test_a_file_with_one_flow_needs_no_name(write, tmp_path):
    file = write(ONE)
    loaded = load_flow(file)
    assert loaded.flow.name == "quadruple"
    assert loaded.root == tmp_path
    assert [str(path) for path in loaded.files] == [file]
    assert load_flow(f"{file}:quadruple").flow is loaded.flow
    check_importable(loaded.flow, loaded.flow.trace({}))


def test_local_modules_that_were_imported_go_with_the_file(write, tmp_path):
    write("from helpers_of_test.deep import LIMIT", folder="helpers_of_test", name="__init__")
    deep = write("LIMIT = 3", folder="helpers_of_test", name="deep")
    write("unused = 1", name="unused")
    loaded = load_flow(write("import helpers_of_test\n" + ONE))
    names = [path.relative_to(tmp_path).as_posix() for path in loaded.files]
    assert names[1:] == ["helpers_of_test/__init__.py", "helpers_of_test/deep.py"]
    assert str(loaded.files[2]) == deep


def test_a_module_inside_a_package_is_imported_as_such(write, tmp_path):
    write("", folder="package_of_test", name="__init__")
    write("LIMIT = 3", folder="package_of_test", name="limits")
    file = write("from .limits import LIMIT\n" + ONE, folder="package_of_test", name="flows")
    loaded = load_flow(file)
    assert loaded.root == tmp_path
    assert loaded.flow.build().import_path == "package_of_test.flows:quadruple"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "import nothing_of_this_name",
            "ModuleNotFoundError: No module named 'nothing_of_this_name'",
        ),
        ("x = 1\nx = 1 / 0", "ZeroDivisionError: division by zero"),
        ("def broken(:\n  pass", "SyntaxError"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
    ],
)
def test_a_file_that_does_not_import_is_shown_with_its_line(write, text, message):
    with pytest.raises(LoadError) as refusal:
        load_flow(write(text))
    assert "cannot be imported: " + message in str(refusal.value)
    assert ".py:" in str(refusal.value)


def test_a_file_without_a_flow(write):
    with pytest.raises(LoadError, match="there is no flow in it; decorate a function with @flow"):
        load_flow(write("x = 1"))


def test_a_file_that_is_not_there_or_is_not_python(tmp_path):
    for name in ("missing.py", "missing", ""):
        with pytest.raises(LoadError, match="there is no such Python file"):
            load_flow(str(tmp_path / name))


TWO = ONE + "\n@flow(name='daily etl')\ndef other():\n    pass\n"


def test_several_flows_are_listed(write):
    file = write(TWO)
    with pytest.raises(LoadError) as refusal:
        load_flow(file)
    assert f"{file}:quadruple\n  {file}:daily etl" in str(refusal.value)
    assert load_flow(f"{file}:other").flow.name == load_flow(f"{file}:daily etl").flow.name
    with pytest.raises(LoadError, match="no flow 'quadrupel' in it; did you mean 'quadruple'"):
        load_flow(f"{file}:quadrupel")


def test_flows_of_one_name_are_told_apart_by_their_variables(write):
    file = write(ONE + "\nagain = flow(name='quadruple')(lambda: 3)\n")
    listed = r"say which:\n.*:quadruple\n.*:again  \(.*\.py:\d+, called 'quadruple'\)"
    with pytest.raises(LoadError, match=listed):
        load_flow(file)
    assert load_flow(f"{file}:again").flow.fn() == 3
    file = write(TWO + "\nagain = flow(name='daily etl')(lambda: 3)\n", name="more")
    with pytest.raises(LoadError, match=r"(?s):other  \(.*:again  \(") as refusal:
        load_flow(f"{file}:daily etl")
    assert "quadruple" not in str(refusal.value)


def test_a_file_whose_name_cannot_be_imported_is_refused_with_a_better_one(write):
    with pytest.raises(
        LoadError, match="a name with a dot in it cannot be imported; call it my_flow.py"
    ):
        load_flow(write(ONE, name="my.flow"))


def test_a_file_named_like_a_module_that_is_loaded_already(write):
    with pytest.raises(
        LoadError, match="another module is called 'json' already .* rename the file"
    ):
        load_flow(write(ONE, name="json"))


LOCAL = """
from dagy import flow, task

def make():
    @task
    def hidden():
        pass
    return hidden

kept = [make(), task(lambda: 1, name="anonymous"), task(make, name="gone")]
named = make()
del make

@flow
def uses_hidden(): kept[0]()

@flow
def uses_lambda(): kept[1]()

@flow
def uses_gone(): kept[2]()

@flow
def uses_named(): named()

@task
def fetch(): pass

def note(context, state): pass

@flow
def uses_a_copy(): fetch.with_options(name="once", on_failure=[note])()

@flow
def uses_a_copy_in_data(): fetch.with_options(name="once", retries=3)()

hooked = [flow(name="hooked", on_failure=[note])(lambda: fetch())]

@flow
def placeholder(): pass
"""


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("uses_hidden", "task 'hidden' .* is defined inside a function"),
        ("uses_lambda", "task 'anonymous' .* is defined inside a function"),
        ("uses_gone", "task 'gone' .* cannot be imported as"),
        ("uses_a_copy", "task 'once' .* has hooks, or functions among its options"),
    ],
)
def test_tasks_that_a_worker_could_not_import_are_refused(write, name, problem):
    flow = load_flow(f"{write(LOCAL)}:{name}").flow
    with pytest.raises(LoadError, match=problem):
        check_importable(flow, flow.trace({}))


def test_a_task_that_its_module_has_under_another_name_is_found_by_that_name(write):
    flow = load_flow(f"{write(LOCAL)}:uses_named").flow
    traced = flow.trace({})
    check_importable(flow, traced)
    assert traced.spec.tasks["hidden"].import_path.endswith(":named")


def test_options_that_are_data_need_no_name_of_their_own_and_hooks_of_a_flow_do(write):
    loaded = load_flow(f"{write(LOCAL)}:uses_a_copy_in_data")
    check_importable(loaded.flow, loaded.flow.trace({}))
    [hooked] = sys.modules[loaded.flow.fn.__module__].hooked
    with pytest.raises(LoadError, match="flow 'hooked' .* is defined inside a function"):
        check_importable(hooked, hooked.trace({}))


def test_modules_that_a_task_imports_when_it_runs_belong_to_the_flow_too(write, tmp_path):
    (tmp_path / "lazy").mkdir()
    (tmp_path / "lazy" / "__init__.py").write_text("")
    (tmp_path / "lazy" / "deep.py").write_text("from . import deeper\n")
    (tmp_path / "lazy" / "deeper.py").write_text("")
    loaded = load_flow(
        str(
            write(
                "from dagy import flow, task\n"
                "@task\n"
                "def extract():\n"
                "    from lazy.deep import deeper\n"
                "@flow\n"
                "def daily(): extract()\n"
            )
        )
    )
    assert [file.relative_to(loaded.root).as_posix() for file in loaded.files[1:]] == [
        "lazy/__init__.py",
        "lazy/deep.py",
        "lazy/deeper.py",
    ]


def test_a_flow_that_is_there_is_found_with_its_files(write):
    file = write(ONE)
    assert loaded_flow(load_flow(file).flow) == load_flow(file)


def test_a_package_that_the_file_declares_and_that_is_not_here_is_named_with_the_command(write):
    file = write(
        "# /// script\n# dependencies = ['no-package-of-dagy>=1', 'pytest']\n# ///\n"
        "import no_package_of_dagy\n" + ONE
    )
    with pytest.raises(LoadError) as refusal:
        load_flow(file)
    message = str(refusal.value)
    assert "ModuleNotFoundError: No module named 'no_package_of_dagy'" in message
    assert "declares no-package-of-dagy>=1, not installed here" in message
    assert message.endswith("pip install 'no-package-of-dagy>=1'")


def test_the_line_of_a_mistake_is_named_once(write):
    file = write(ONE + "once = double.with_options(retries=-1)")
    with pytest.raises(LoadError) as refusal:
        load_flow(file)
    assert str(refusal.value).count("once = double.with_options(retries=-1)") == 1
