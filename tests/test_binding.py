"""The quick way to bind a call is `inspect.Signature.bind`, or the same error."""

import inspect

import pytest

from dagy.binding import Binding


def plain(a, b, c=3): ...
def by_position(a, /, b=2): ...
def by_name(a, *, b=2): ...
def more(a, *rest, **named): ...
def nothing(): ...


FUNCTIONS = [plain, by_position, by_name, more, nothing]
CALLS = [((1,) * count, dict.fromkeys(named, 9)) for count in range(4) for named in ("", "b", "ax")]


def outcome(bind):
    try:
        return dict(bind())
    except TypeError as error:
        return str(error)


@pytest.mark.parametrize("fn", FUNCTIONS, ids=lambda fn: fn.__name__)
@pytest.mark.parametrize("call", CALLS, ids=str)
def test_a_call_is_bound_as_python_binds_it(fn, call):
    args, kwargs = call
    signature = inspect.signature(fn)
    assert outcome(lambda: Binding(signature).arguments(args, kwargs)) == outcome(
        lambda: signature.bind(*args, **kwargs).arguments
    )
