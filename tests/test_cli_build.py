"""`dagy build` and `dagy inspect`, as a user types them."""

import json
import subprocess
import sys

import pytest

FLOW = """
from pathlib import Path
from dagy import flow, task

@task(retries=2, retry_delay_seconds=5)
def extract(n: int) -> int:
    return n

@task
def add(*numbers: int) -> int:
    return sum(numbers)

@flow
def daily(n: int = 3):
    return add(extract(n), extract(1))

@flow
def shaped(n: int):
    return [extract(i) for i in range(n)]

def inside():
    @task
    def hidden():
        pass
    return hidden

kept = [inside()]

@flow
def local_only():
    kept[0]()
"""


@pytest.fixture(autouse=True)
def files(tmp_path):
    (tmp_path / "flows.py").write_text(FLOW)
    (tmp_path / "rows.csv").write_text("1,2\n")


def test_build_writes_the_bundle_and_prints_what_is_in_it(dagy, tmp_path):
    done = dagy("build", "flows.py:daily", "-m", "micro", "--include", "*.csv")
    assert done.returncode == 0, done.stderr
    built = "Built daily (micro) in dagy-build/daily: 3 calls of the worker in 5 states"
    assert done.stdout.splitlines()[0] == built
    assert done.stdout.splitlines()[-1] == "To see the machine: dagy inspect dagy-build/daily"
    assert (tmp_path / "dagy-build" / "daily" / "template.json").exists()
    again = json.loads(dagy("build", "flows.py:daily", "--json", "-o", "out").stdout)
    assert again["flow"] == "daily"
    assert again["execution_mode"] == "nano"


def test_build_binds_parameters(dagy, tmp_path):
    done = dagy("build", "flows.py:shaped", "--param", "n=2", "--flow-version", "v7")
    assert done.returncode == 0, done.stderr
    spec = json.loads((tmp_path / "dagy-build" / "shaped" / "flow.json").read_text())
    assert len(spec["task_runs"]) == 2
    assert spec["version"] == "v7"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["flows.py:shaped"], "the parameter 'n' is not a number while flow 'shaped'"),
        (["flows.py:daily", "-m", "mikro"], "no execution mode 'mikro'; did you mean 'micro'?"),
        (["flows.py:daily", "--fuse", "chain"], "no such way to fuse; did you mean 'chains'?"),
        (["flows.py:local_only"], "task 'hidden' (flows.py:22) is defined inside a function"),
        (["flows.py:daily", "--include", "*.txt"], "--include *.txt: matches no file"),
        (["flows.py:daily", "--include", "../*"], "must stay within"),
        (["flows.py:daily", "-o", "flows.py"], "cannot be written"),
    ],
)
def test_a_users_mistake_exits_with_2_and_one_message(dagy, arguments, message):
    done = dagy("build", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("output_format", "part"),
    [
        ("outline", "retries after 5 s (2 times)"),
        ("asl", '"QueryLanguage": "JSONata"'),
        ("mermaid", "flowchart TD"),
        ("dot", "digraph"),
        ("json", '"schema_version": 3'),
    ],
)
def test_inspect_shows_a_flow_and_its_bundle_alike(dagy, output_format, part):
    shown = dagy("inspect", "flows.py:daily", "-m", "micro", "--format", output_format)
    assert part in shown.stdout, shown.stderr
    assert dagy("build", "flows.py:daily", "-m", "micro").returncode == 0
    from_bundle = dagy("inspect", "dagy-build/daily", "--format", output_format)
    if output_format != "json":  # apart from created_at
        assert from_bundle.stdout == shown.stdout
    assert part in from_bundle.stdout


def test_inspect_shows_a_part_of_what_is_split(dagy, tmp_path):
    (tmp_path / "wide.py").write_text(
        "from dagy import flow, task\n\n\n@task\ndef one(n):\n    return n\n\n\n@flow\n"
        "def wide():\n    return [one(n) for n in range(1_500)]\n"
    )
    asl = ("inspect", "wide.py", "-m", "micro", "--format", "asl")
    whole = dagy(*asl)
    assert "it runs other machines, which --part shows: from-one, " in whole.stderr
    assert '"StateMachineArn": "${PartFromOneArn}"' in whole.stdout
    part = json.loads(dagy(*asl, "--part", "from-one").stdout)
    assert part["Comment"].endswith("part from-one")
    wrong = dagy(*asl, "--part", "from-two")
    assert "there is no such part; did you mean 'from-one'?" in wrong.stderr
    assert "give it --format asl" in dagy(*asl[:4], "--part", "from-one").stderr


def test_inspect_after_a_pass(dagy):
    done = dagy("inspect", "flows.py:daily", "-m", "micro", "--after", "structure")
    assert done.stdout == "series\n  parallel\n    extract\n    extract-2\n  add\n"
    wrong = dagy("inspect", "flows.py:daily", "--after", "structrue")
    assert wrong.returncode == 2
    assert "did you mean 'structure'?" in wrong.stderr


def test_inspect_explains(dagy):
    done = dagy("inspect", "flows.py:daily", "-m", "micro", "--explain")
    assert done.stdout.startswith("flow daily, mode micro: ")
    assert "on lambda, 1024 MB, by mode micro" in done.stdout
    for_scripts = dagy("inspect", "flows.py:daily", "-m", "micro", "--explain", "--json")
    found = json.loads(for_scripts.stdout)
    assert found["estimate"]["transitions"] >= found["estimate"]["task_runs"]
    wrong = dagy("inspect", "flows.py:daily", "--explain", "--after", "emit")
    assert "an explanation has one form" in wrong.stderr
    wrong = dagy("inspect", "flows.py:daily", "--json")
    assert "--json goes with --explain" in wrong.stderr


def test_inspect_refuses_what_it_cannot_show(dagy, tmp_path):
    assert dagy("build", "flows.py:daily").returncode == 0
    (tmp_path / "dagy-build" / "daily" / "state_machine.asl.json").write_text("{}")
    damaged = dagy("inspect", "dagy-build/daily")
    assert damaged.returncode == 2
    assert "state_machine.asl.json: has changed since the bundle was built" in damaged.stderr
    assert dagy("inspect", "dagy-build").returncode == 2
    wrong = dagy("inspect", "flows.py:daily", "--format", "svg")
    assert "the formats are outline, asl, mermaid, dot, json" in wrong.stderr


def test_build_says_that_nothing_is_cached_on_aws(dagy, tmp_path):
    (tmp_path / "cached.py").write_text(
        "from dagy import flow, task\n"
        "@task(cache=True)\n"
        "def slow(): return 1\n"
        "@flow\n"
        "def single(): return slow()\n"
    )
    done = dagy("build", "cached.py")
    assert done.returncode == 0
    assert "nothing is cached on AWS in this version of Dagy; there slow will run" in done.stderr


def test_pydantic_goes_along_where_annotations_take_it(dagy, tmp_path):
    (tmp_path / "dated.py").write_text(
        "from datetime import date\n"
        "from dagy import flow, task\n"
        "@task\n"
        "def plain(day: str, rows: list[int]): return day\n"
        "@task\n"
        "def rich(day: date): return day.year\n"
        "@flow\n"
        "def dated(day: str): return [plain(day, []), rich(day)]\n"
    )
    without = dagy("build", "dated.py", "--no-deps")
    assert without.returncode == 0
    assert "the annotations of rich take pydantic, and --no-deps ships no package" in without.stderr
    done = dagy("build", "dated.py", "--list")
    assert done.returncode == 0, done.stderr
    assert "bytes unzipped, as the annotations of tasks ask" in done.stdout
    assert "\n  pydantic 2." in done.stdout


CROSSED = """
import time
from dagy import flow, task

@task
def short():
    return 1

@task
def long():
    time.sleep(0.3)

@task(expected_seconds=60)
def after_short(x):
    time.sleep(0.2)

@task
def after_both(x, y):
    pass

@flow
def crossed():
    one, other = short(), long()
    after_short(one)
    after_both(one, other)
"""


def test_a_machine_is_arranged_by_what_tasks_expect_or_took(dagy, home, tmp_path):
    """after_short may run beside long, or beside after_both: which is better, durations tell."""
    (tmp_path / "crossed.py").write_text(CROSSED)
    shown = ["inspect", "crossed.py", "-m", "micro", "--after", "structure"]
    expected = dagy(*shown)
    assert expected.stdout.splitlines()[-3:] == ["  parallel", "    after_short", "    after_both"]
    refused = dagy(*shown, "--profile-from-history")
    assert refused.returncode == 2
    assert "no task run of the flow crossed" in refused.stderr
    assert dagy("run", "crossed.py").returncode == 0
    measured = dagy(*shown, "--profile-from-history")
    assert measured.stdout.splitlines()[-1] == "  after_both"
    built = dagy("build", "crossed.py", "-m", "micro", "--profile-from-history")
    assert "arranged by the durations of 4 of 4 task runs" in built.stdout


def test_building_loads_neither_the_cdk_nor_boto3_nor_what_resolves_packages(tmp_path, home):
    code = (
        "import sys\n"
        "from dagy.cli.app import app\n"
        "try:\n"
        "    app(['build', 'flows.py:daily', '-m', 'micro'])\n"
        "finally:\n"
        "    slow = {'aws_cdk', 'boto3', 'botocore', 'constructs', 'duckdb', 'jsii', 'pip'}\n"
        "    print('loaded:', sorted(slow & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Built daily")
    assert done.stderr == "loaded: []\n"
