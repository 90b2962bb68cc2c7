"""Names that Step Functions accepts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy_compiler.limits import STATE_NAME_CHARACTERS
from dagy_compiler.names import UniqueNames, neutral, state_name, variable, variable_base


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("extract", "extract"),
        ("extract-2", "extract-2"),
        ("été", "été"),
        ("a\tb\nc", "a-b-c"),
        ("", "-"),
        ("{% $x %}", "{ % $x % }"),
        ("${AWS::Region}", "$ {AWS::Region}"),
    ],
)
def test_a_state_keeps_its_name_if_that_is_legal(wanted, name):
    assert state_name(wanted) == name


def test_long_names_are_cut_and_still_told_apart():
    one, two = state_name("x" * 90 + "1"), state_name("x" * 90 + "2")
    assert len(one) == len(two) == 80
    assert one != two
    assert one.startswith("x" * 70)


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("extract-2", "r_extract_2"),
        ("a.b", "r_a_b"),
        ("3", "r_3"),
        ("été", "r_ete"),
        ("日本", "r___"),
    ],
)
def test_a_variable_is_an_ascii_identifier(wanted, name):
    assert variable(variable_base(wanted), 0) == name


@given(st.text(max_size=120), st.integers(0, 50))
def test_whatever_things_are_called_names_are_legal(text, depth):
    name = state_name(text)
    assert 1 <= len(name.encode("utf-16-le", "surrogatepass")) // 2 <= 80
    assert name.isprintable()
    assert "{%" not in name
    assert "${" not in name
    identifier = variable(variable_base(text), depth)
    assert len(identifier) <= 80
    assert identifier.isascii()
    assert identifier.isidentifier()


@given(st.text(alphabet="{%}$", max_size=12))
def test_neutral_text_is_never_an_expression_or_a_substitution(text):
    assert not any(mark in neutral(text) for mark in ("{%", "%}", "${"))


def test_a_name_is_given_once():
    names = UniqueNames("-", 10)
    assert names.claim_all(["a", "a", "a-2", "a", "0123456789", "0123456789"]) == [
        "a",
        "a-2",
        "a-2-2",
        "a-3",
        "0123456789",
        "01234567-2",
    ]


@pytest.mark.parametrize("wanted", ["x" * 100, "\U0001f680" * 60, "x" + "\U0001f680" * 60])
def test_numbered_names_keep_to_the_limit_too_however_their_characters_are_counted(wanted):
    names = UniqueNames("-", STATE_NAME_CHARACTERS)
    given = [names.claim(state_name(wanted)) for _ in range(12)]
    assert len(set(given)) == 12
    assert max(len(name.encode("utf-16-le")) for name in given) <= 2 * STATE_NAME_CHARACTERS
