"""The codec: what crosses between tasks arrives as it left, and what cannot is refused by path."""

import enum
import json
import math
import os
import re
import sqlite3
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from dagy import FileArtifact, flow, register_codec, task
from dagy.errors import CodecError, DefinitionError
from dagy.testing import run_in_memory
from dagy.validation import Arguments
from dagy.values import from_text, to_text
from dagy.values.marks import parsed, spelled


@dataclass
class Owner:
    name: str
    tags: list = field(default_factory=list)
    born: date | None = None


class Model(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    conn: Any = None
    days: list[date] = Field(default=[], alias="Days")


class Pair(NamedTuple):
    a: int
    at: date


@dataclass
class Counts:
    by_day: dict[date, dict[int, str]]


class CountsModel(BaseModel):
    inner: Counts | None = None
    flags: dict[bool, float] = {}


class Own(NamedTuple):
    a: int
    b: int


class Colour(enum.Enum):
    RED = "red"


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text(), inner)
        | st.dictionaries(st.sampled_from(["$artifact", "$codec", "$$codec"]), inner)
    ),
)


@given(json_values)
def test_json_arrives_as_it_left(value):
    text = to_text(value)
    assert text.isascii()
    assert repr(from_text(text)) == repr(value)  # repr tells -0.0 from 0.0 and 1 from True
    assert repr(json.loads(text)) == repr(value)  # to who knows no marks too
    assert spelled(parsed(text)) == text


def test_a_tuple_comes_back_as_a_list():
    assert from_text(to_text((1, (2,)))) == [1, [2]]


def test_enums_that_are_json_cross_as_their_values():
    class Colour(enum.StrEnum):
        RED = "red"

    assert from_text(to_text([Colour.RED])) == ["red"]


@pytest.mark.parametrize(
    ("value", "path", "problem"),
    [
        ({"rows": [0, {"conn": sqlite3}]}, "['rows'][1]['conn']", "of type module"),
        ([{1, object()}], "[0]", "of type object"),
        (Owner("a", [sqlite3]), ".tags[0]", "of type module"),
        ({"o": Model(conn=sqlite3)}, "['o'].conn", "of type module"),
        (iter("ab"), "", "can be read only once"),
        (bytearray(b"x"), "", "return bytes(...)"),
        ([SecretStr("x")], "[0]", "a secret does not cross"),
        (Model(conn=SecretStr("x")), ".conn", "a secret does not cross"),
        ([np.datetime64(1, "ns")], "[0]", "round it to microseconds"),
        ([np.timedelta64(1, "ns")], "[0]", "round it to microseconds"),
        ([np.datetime64("NaT")], "[0]", "JSON has no such time"),
        ([np.longdouble(1)], "[0]", "return float(...)"),
        ([pd.Timestamp(1)], "[0]", "round it to microseconds"),
        ([pd.Timedelta(1)], "[0]", "round it to microseconds"),
        ([pd.NaT], "[0]", "which cannot cross"),
        ({"a": {2: "x"}}, "['a']", "has the key 2 (int)"),
        ([math.nan], "[0]", "is nan"),
        ({"x": math.inf}, "['x']", "is inf"),
        ([b"bytes"], "[0]", "a run keeps such a value in a file"),
        (FileArtifact("x"), "", "a run keeps such a value in a file"),
    ],
)
def test_what_cannot_cross_is_refused_by_path(value, path, problem):
    with pytest.raises(CodecError) as refusal:
        to_text(value)
    assert refusal.value.path == path
    assert problem in str(refusal.value)


def test_a_value_that_holds_itself_is_refused():
    loop = []
    loop.append(loop)
    with pytest.raises(CodecError, match="holds itself"):
        to_text(loop)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (date, date(2026, 1, 31)),
        (datetime, datetime(2026, 1, 31, 12, 30, 0, 5)),
        (timedelta, timedelta(days=1, seconds=0.5)),
        (Decimal, Decimal("1.10")),
        (UUID, UUID(int=1)),
        (Path, Path("/tmp/x")),
        (Colour, Colour.RED),
        (set[int], {3, 1, 2}),
        (frozenset[date], frozenset({date(2026, 1, 31)})),
        (Pair, Pair(1, date(2026, 1, 31))),
        (Owner, Owner("a", ["x", 1], date(2026, 1, 31))),
        (Model, Model(conn={"a": 1}, days=[date(2026, 1, 31)])),
        (dict[str, list[Owner]], {"a": [Owner("b")]}),
        (Counts, Counts({date(2026, 1, 31): {1: "a"}})),
        (CountsModel, CountsModel(inner=Counts({date(2026, 1, 31): {1: "a"}}), flags={True: 1.5})),
    ],
)
def test_what_pydantic_can_serialise_comes_back_as_what_it_was(annotation, value):
    def consumer(value):
        pass

    consumer.__annotations__["value"] = annotation
    arrived = from_text(to_text(value))
    (converted,), _ = Arguments(consumer, "", validate=True).convert([arrived], {})
    assert converted == value
    assert type(converted) is type(value)


@pytest.mark.parametrize(
    ("value", "json"),
    [
        (np.datetime64("2026-01-31"), "2026-01-31"),
        (np.datetime64("2026-01-31T12:00", "ns"), "2026-01-31T12:00:00"),
        (np.timedelta64(90, "s"), "PT1M30S"),
        (pd.Timestamp("2026-01-31T12:00"), "2026-01-31T12:00:00"),
        (pd.Timedelta(90, "s"), "PT1M30S"),
    ],
)
def test_times_of_numpy_and_pandas_cross_as_python_has_them(value, json):
    assert from_text(to_text([value])) == [json]


@task
def by_number() -> dict[int, str]:
    return {1: "a"}


@task
def first(names: dict[int, str]) -> str:
    return names[1]


@flow
def numbered():
    names = by_number()
    return [first(names), names]


def test_keys_may_be_other_than_text_where_the_task_says_what_it_returns():
    assert run_in_memory(numbered).result == ["a", {"1": "a"}]


def test_two_keys_that_would_be_one_are_refused():
    with pytest.raises(CodecError, match="value has two keys that JSON spells '1'"):
        to_text({1: "a", "1": "b"}, any_keys=True)
    with pytest.raises(CodecError, match=r"has the key \(1, 2\) \(tuple\)"):
        to_text({(1, 2): "a"}, any_keys=True)


def test_a_set_is_the_same_text_in_every_process():
    code = "from dagy.values import to_text; print(to_text(set('abcdefgh')))"
    texts = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, stdout=-1
        ).stdout
        for seed in "123"
    }
    assert texts == {b'["a","b","c","d","e","f","g","h"]\n'}


def test_plain_json_imports_no_pydantic_and_what_needs_it_says_so():
    code = """
import sys
from datetime import date
from dagy.values import from_text, to_text
from_text(to_text([{"a": (1, 2.5)}, {1, 2}]))
assert "pydantic_core" not in sys.modules
sys.modules["pydantic_core"] = None
try:
    to_text({"day": date.min})
except Exception as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("value['day'] is of type datetime.date: it takes pydantic")


def test_a_registered_type_comes_back_by_itself_wherever_it_is():
    register_codec(
        Fraction,
        name="fraction",
        encode=lambda value: [value.numerator, value.denominator],
        decode=lambda data: Fraction(*data),
    )

    @task
    def third() -> dict:
        return {"rows": [Fraction(1, 3)]}

    @task
    def double(value: Fraction) -> Fraction:
        return value * 2

    @flow
    def fractions():
        return double(third()["rows"][0])

    assert run_in_memory(fractions).result == Fraction(2, 3)


def test_the_codec_in_the_documentation_works():
    docs = Path(__file__).parents[1] / "docs" / "values.md"
    [code] = re.findall(r"```python\n(from fractions.*?)```", docs.read_text(), re.DOTALL)
    exec(code, {})
    assert from_text(to_text([Fraction(1, 3)])) == [Fraction(1, 3)]


def test_codecs_that_make_no_sense_are_refused():
    with pytest.raises(DefinitionError, match="could need a codec"):
        register_codec(dict, name="dict", encode=list, decode=dict)
    register_codec(Own, name="pair", encode=list, decode=lambda data: Own(*data))
    with pytest.raises(DefinitionError, match="'pair' is the name of the codec of tests.test_val"):
        register_codec(Owner, name="pair", encode=list, decode=list)
    with pytest.raises(CodecError, match="by the codec 'gone', and none of that name"):
        from_text('{"$codec":{"name":"gone","data":1}}')
    with pytest.raises(CodecError, match="cannot read what it wrote"):
        from_text('{"$codec":{"name":"pair","data":[1,2,3]}}')
