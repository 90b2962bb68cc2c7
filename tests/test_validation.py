"""Arguments arrive as the annotated type, or the body does not run and the message says why."""

import enum
import subprocess
import sys
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict
from uuid import UUID

import pytest
from pydantic import BaseModel, Field

from dagy import RunContext, flow, task
from dagy.errors import ParameterError
from dagy.testing import run_in_memory
from dagy.validation import Arguments


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Point:
    x: int
    at: date


class Row(TypedDict):
    n: int
    at: date


class Owner(BaseModel):
    name: str
    born: date | None = None


class Tree(TypedDict):
    children: "list[Tree]"


@pytest.mark.parametrize(
    ("annotation", "json", "arrives"),
    [
        (date, "2026-01-31", date(2026, 1, 31)),
        (datetime, "2026-01-31T12:00:00", datetime(2026, 1, 31, 12)),
        (Decimal, "1.10", Decimal("1.10")),
        (UUID, "00000000-0000-0000-0000-000000000001", UUID(int=1)),
        (Path, "/tmp/x", Path("/tmp/x")),
        (Colour, "red", Colour.RED),
        (Point, {"x": 1, "at": "2026-01-31"}, Point(1, date(2026, 1, 31))),
        (Row, {"n": 1, "at": "2026-01-31"}, {"n": 1, "at": date(2026, 1, 31)}),
        (Owner, {"name": "a"}, Owner(name="a")),
        (Literal["a", "b"], "a", "a"),
        (date | None, None, None),
        (int | date, "2026-01-31", date(2026, 1, 31)),
        (dict[str, list[Owner]], {"a": [{"name": "b"}]}, {"a": [Owner(name="b")]}),
        (set[int], [1, 2], {1, 2}),
        (frozenset[str], ["a"], frozenset({"a"})),
        (tuple[int, date], [1, "2026-01-31"], (1, date(2026, 1, 31))),
        (tuple[int, ...], [1, 2], (1, 2)),
        (float, 3, 3.0),
        (Annotated[int, Field(gt=0)], 3, 3),
        (Tree, {"children": []}, {"children": []}),
        (Any, {"as": "it is"}, {"as": "it is"}),
        ("not_there.At_all", {"as": "it is"}, {"as": "it is"}),
    ],
)
def test_json_arrives_as_the_annotated_type(annotation, json, arrives):
    def fn(value):
        return value

    fn.__annotations__["value"] = annotation
    (value,), _ = Arguments(fn, "task 'fn'", validate=True).convert([json], {})
    assert value == arrives
    assert type(value) is type(arrives)


def add(n: int, *more: int, at: date = date.min, rows: list[dict[str, float]] = (), **rest: str):
    pass


@pytest.mark.parametrize(
    ("args", "kwargs", "problem"),
    [
        (["5"], {}, "argument 'n' must be int, not '5' (str)"),
        ([True], {}, "argument 'n' must be int, not True (bool)"),
        ([1, 2, "x"], {}, "argument 'more' must be int: more[1] must be int, not 'x' (str)"),
        ([1], {"z": 5}, "argument 'rest' must be str: rest['z'] must be str, not 5 (int)"),
        ([1], {"more": 5}, "argument 'rest' must be str: rest['more'] must be str, not 5 (int)"),
        (
            [1],
            {"rows": [{}, {"a": "b"}]},
            "argument 'rows' must be list[dict[str, float]]: rows[1]['a'] must be float, "
            "not 'b' (str)",
        ),
        (
            [1],
            {"at": "31.1.2026"},
            "argument 'at' must be date, not '31.1.2026' (str): it is refused "
            "(Input should be a valid date in the format YYYY-MM-DD, input is too short)",
        ),
    ],
)
def test_what_does_not_fit_is_told_by_task_parameter_path_value_and_type(args, kwargs, problem):
    with pytest.raises(ParameterError) as refusal:
        Arguments(add, "task 'add'", validate=True).convert(args, kwargs)
    assert str(refusal.value) == f"task 'add': {problem}"


def test_a_wrong_model_is_told_by_its_path():
    def fn(owners: list[Owner]):
        pass

    with pytest.raises(ParameterError, match=r"owners\[1\]\['name'\] is refused .*, not 5 \(int\)"):
        Arguments(fn, "task 'fn'", validate=True).convert([[{"name": "a"}, {"name": 5}]], {})


def test_without_validation_json_passes_as_it_is():
    assert Arguments(add, "", validate=False).convert(["5"], {"at": 1}) == (["5"], {"at": 1})


def test_one_annotation_that_cannot_be_resolved_leaves_the_others_checked():
    def fn(a: "Missing", b: int):  # noqa: F821
        pass

    arguments = Arguments(fn, "task 'fn'", validate=True)
    assert arguments.convert([object], {})[0] == [object]
    with pytest.raises(ParameterError, match="'b' must be int"):
        arguments.convert([1, "x"], {})


def test_plain_annotations_import_no_pydantic_and_richer_ones_say_that_they_need_it():
    code = """
import sys
from datetime import date
from dagy.errors import MissingExtraError
from dagy.validation import Arguments

def plain(a: list[int], b: dict[str, float | None], *, c: tuple[str, ...]): pass
def rich(day: date): pass

Arguments(plain, "task 'plain'", validate=True).convert([[1], {"x": 2}], {"c": ["y"]})
Arguments(rich, "task 'rich'", validate=True)
assert "pydantic" not in sys.modules
sys.modules["pydantic"] = None
try:
    Arguments(rich, "task 'rich'", validate=True).convert(["2026-01-31"], {})
except MissingExtraError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("task 'rich': argument 'day' is annotated date, which takes pyd")


@task(on_completion=[lambda context, state: SEEN.append(context.parameters)])
def weekday(day: date) -> list:
    return [day.isoweekday(), RunContext.get().parameters == {"day": day}]


SEEN = []


def test_a_task_and_its_hooks_get_converted_arguments():
    @flow
    def daily(day: str):
        return weekday(day)

    assert run_in_memory(daily, day="2026-01-31").result == [6, True]
    assert [{"day": date(2026, 1, 31)}] == SEEN


def test_a_body_does_not_run_with_what_does_not_fit():
    ran = []

    @task
    def strict(n: int):
        ran.append(n)

    @task(validate_parameters=False)
    def loose(n: int):
        ran.append(n)

    @flow
    def both(n: str):
        loose(n)
        strict(n)

    run = run_in_memory(both, n="5")
    assert run.error.message == "task 'strict': argument 'n' must be int, not '5' (str)"
    assert ran == ["5"]


def test_a_stand_in_gets_what_the_task_would_get():
    @flow
    def daily(day: str):
        return weekday(day)

    run = run_in_memory(daily, day="2026-01-31", replace={"weekday": lambda day: day.year})
    assert run.result == 2026
