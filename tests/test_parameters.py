"""Binding: every parameter gets a value that fits, or one message says all that is wrong."""

import pytest

from dagy import flow
from dagy.errors import ParameterError
from dagy.parameters import bind


@flow
def daily(date: str, limit: int = 10, ratio: float = 0.5, tags: list[str] | None = None):
    pass


def bound(given, **built):
    spec = daily.build(**built)
    return bind(spec.name, spec.parameters, given)


def test_defaults_fill_what_is_not_given():
    assert bound({"date": "2026-01-31"}) == {
        "date": "2026-01-31",
        "limit": 10,
        "ratio": 0.5,
        "tags": None,
    }


def test_a_bound_parameter_has_its_value_and_may_be_given_again_but_not_changed():
    assert bound({"date": "x"}, limit=3)["limit"] == 3
    assert bound({"date": "x", "limit": 3}, limit=3)["limit"] == 3
    with pytest.raises(ParameterError, match="'limit' was bound to 3 when the flow was built"):
        bound({"date": "x", "limit": 4}, limit=3)


def test_all_faults_are_in_one_message_with_the_nearest_name_and_what_the_flow_takes():
    with pytest.raises(ParameterError) as refusal:
        bound({"limt": 3, "ratio": "half"})
    message = str(refusal.value)
    assert message == (
        "flow 'daily': there is no parameter 'limt'; did you mean 'limit'?; "
        "parameter 'date' (str) is missing; "
        "parameter 'ratio' must be float, not 'half' (str)\n"
        "  It takes: date: str, limit: int = 10, ratio: float = 0.5, tags: list[str] | None = None"
    )


@pytest.mark.parametrize("value", [{1}, float("nan"), object()])
def test_a_value_that_is_not_json_is_refused(value):
    with pytest.raises(ParameterError, match="parameter 'date'"):
        bound({"date": value})


def test_types_are_not_checked_where_the_flow_says_so():
    @flow(validate_parameters=False)
    def loose(n: int):
        pass

    spec = loose.build()
    assert bind("loose", spec.parameters, {"n": "three"}) == {"n": "three"}
