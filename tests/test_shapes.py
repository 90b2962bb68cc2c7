"""Shapes: what an annotation accepts as data, and what checks and converts by it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Annotated, Any, Literal, NotRequired, Optional, TypedDict, Union

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, TypeAdapter, ValidationError

from dagy.annotations import accepted
from dagy.shapes import MisfitError, converter, fits, is_shape
from dagy.validation import _for_pydantic


class Row(TypedDict):
    n: int
    note: NotRequired[str]


@pytest.mark.parametrize(
    ("annotation", "shape"),
    [
        (int, ["integer"]),
        (float, ["number"]),
        (None, ["null"]),
        (list, ["array"]),
        (list[Any], ["array"]),
        (list[int], [{"array": ["integer"]}]),
        (Sequence[str], [{"array": ["string"]}]),
        (Iterable[int], ["array", "string", "object"]),
        (tuple, [{"tuple_of": None}]),
        (tuple[int, ...], [{"tuple_of": ["integer"]}]),
        (tuple[int, str], [{"tuple": [["integer"], ["string"]]}]),
        (dict[str, Any], ["object"]),
        (Mapping[str, list[bool]], [{"object": [{"array": ["boolean"]}]}]),
        (Row, [{"fields": {"n": ["integer"], "note": ["string"]}, "required": ["n"]}]),
        (int | str, ["integer", "string"]),
        (Optional[int], ["integer", "null"]),  # noqa: UP045
        (Literal["a", 1, None], [{"const": "a"}, {"const": 1}, {"const": None}]),
        (Annotated[int, "how many"], ["integer"]),
        (Any, None),
        (int | object, None),
    ],
)
def test_the_shape_of_plain_annotations_is_exact(annotation, shape):
    assert accepted(annotation) == (shape, True)


@pytest.mark.parametrize(
    ("annotation", "shape"),
    [
        (date, ["string"]),
        (list[date], [{"array": ["string"]}]),
        (set[int], ["array"]),
        (date | None, ["string", "null"]),
        (Annotated[int, Field(gt=0)], ["integer"]),
        (dict[int, str], [{"object": ["string"]}]),
        (complex, None),
        ("a comment", None),
    ],
)
def test_the_shape_of_richer_annotations_is_as_much_as_is_sure(annotation, shape):
    assert accepted(annotation) == (shape, False)


# Not Literal[1]: pydantic takes True for it, and Dagy does not.
ANNOTATIONS = st.recursive(
    st.sampled_from([int, float, str, bool, None, Any, Row, Literal["a", "n"]]),
    lambda inner: st.one_of(
        inner.map(lambda one: list[one]),
        inner.map(lambda one: tuple[one, ...]),
        st.tuples(inner, inner).map(lambda two: tuple[two[0], two[1]]),
        inner.map(lambda one: dict[str, one]),
        st.tuples(inner, inner).map(lambda two: Union[two[0], two[1]]),  # noqa: UP007
    ),
    max_leaves=4,
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | st.sampled_from(["a", "b"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["n", "note"]), inner)
    ),
    max_leaves=6,
)


@given(ANNOTATIONS, VALUES)
def test_shapes_accept_what_pydantic_accepts(annotation, value):
    found = accepted(annotation)
    try:
        TypeAdapter(_for_pydantic(annotation)).validate_json(json.dumps(value), strict=True)
    except ValidationError:
        assert not fits(value, found.shape)
    else:
        assert fits(value, found.shape)


@given(ANNOTATIONS, VALUES)
def test_what_is_converted_is_json_still_and_the_given_value_is_as_it_was(annotation, value):
    before = repr(value)
    try:
        converted = converter(accepted(annotation).shape)(value)
    except MisfitError:
        pass
    else:
        assert json.loads(json.dumps(converted)) == value
    assert repr(value) == before


@given(ANNOTATIONS)
def test_what_an_annotation_accepts_is_a_shape(annotation):
    shape = accepted(annotation).shape
    assert shape is None or is_shape(json.loads(json.dumps(shape)))


@pytest.mark.parametrize(
    "data",
    [None, "integer", ["int"], [1], [{"array": "integer"}], [{"fields": {}}], [{"tuple": None}]],
)
def test_other_data_is_none(data):
    assert not is_shape(data)


def test_an_integer_becomes_a_float_only_where_no_integer_is_accepted():
    assert repr(converter(["number"])(3)) == "3.0"
    assert repr(converter(["number", "integer"])(3)) == "3"
    with pytest.raises(MisfitError):
        converter(["number"])(10**400)
