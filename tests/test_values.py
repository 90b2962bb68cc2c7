"""The codec: what crosses between tasks arrives as it left, and what cannot is refused by path."""

import enum
import math
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy.errors import CodecError
from dagy.values import from_text, to_text

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(json_values)
def test_json_arrives_as_it_left(value):
    text = to_text(value)
    assert text.isascii()
    assert repr(from_text(text)) == repr(value)  # repr tells -0.0 from 0.0 and 1 from True


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
        ([{1, 2}], "[0]", "of type set"),
        ({"a": {2: "x"}}, "['a']", "has the key 2 (int)"),
        ([math.nan], "[0]", "is nan"),
        ({"x": math.inf}, "['x']", "is inf"),
        (b"bytes", "", "of type bytes"),
    ],
)
def test_what_is_not_json_is_refused_by_path(value, path, problem):
    with pytest.raises(CodecError) as refusal:
        to_text(value)
    assert refusal.value.path == path
    assert problem in str(refusal.value)


def test_a_value_that_holds_itself_is_refused():
    loop = []
    loop.append(loop)
    with pytest.raises(CodecError, match="holds itself"):
        to_text(loop)
