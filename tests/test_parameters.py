"""Binding: every parameter gets a value that fits, or one message says all that is wrong."""

import enum
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from dagy import FlowSpec, flow, task
from dagy.cli.params import read_params
from dagy.errors import ParameterError
from dagy.parameters import bind
from dagy.testing import run_in_memory


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


@pytest.mark.parametrize("value", [float("nan"), object(), b"bytes"])
def test_a_value_that_is_not_json_is_refused(value):
    with pytest.raises(ParameterError, match="parameter 'date'"):
        bound({"date": value})


def test_types_are_not_checked_where_the_flow_says_so():
    @flow(validate_parameters=False)
    def loose(n: int):
        pass

    spec = loose.build()
    assert bind("loose", spec.parameters, {"n": "three"}) == {"n": "three"}


@dataclass
class Window:
    first: date
    days: int = 1


YEAR = Window(date(2026, 1, 1))


@task
def told(value: Any) -> Any:
    return value


@task
def shifted(day: date, window: Window) -> date:
    return max(day, window.first) + timedelta(days=window.days)


@flow
def dated(
    day: date,
    window: Window = YEAR,
    share: Decimal = Decimal("0.10"),
    ratio: float = 1,
):
    return [shifted(day, window), told(share), told(day), told(ratio)]


@pytest.mark.parametrize("day", [date(2026, 1, 31), "2026-01-31"])
def test_python_objects_and_their_defaults_travel_as_their_json(home, day):
    given = {"day": day, "window": Window(date(2026, 3, 1))}
    for run in (run_in_memory(dated, **given), dated.run_local(**given)):
        assert run.raise_on_failure().result == ["2026-03-02", "0.10", "2026-01-31", 1]


def test_the_spec_has_what_a_worker_needs_to_bind(home):
    spec = FlowSpec.from_json(dated.build().to_json())
    day, window, *_ = spec.parameters
    assert day == {"name": "day", "required": True, "type": "date", "accepts": ["string"]}
    assert window["default"] == {"first": "2026-01-01", "days": 1}
    with pytest.raises(ParameterError, match=r"'day' must be date, not 5 \(int\)"):
        bind("dated", spec.parameters, {"day": 5})


def test_on_the_laptop_they_are_checked_to_the_last(home):
    with pytest.raises(
        ParameterError, match=r"flow 'dated': parameter 'day' must be date, not 'x'"
    ):
        dated.run_local(day="x")
    with pytest.raises(ParameterError, match=r"window\['days'\] is refused"):
        dated.run_local("2026-01-31", {"first": "2026-01-31", "days": "1"})


def test_a_bound_parameter_is_what_its_annotation_says_while_the_graph_is_traced(home):
    @flow
    def weekly(start: date, pair: tuple[int, int] = (1, 2)):
        return [told(start + timedelta(days=n)) for n in range(2)], told(pair)

    spec = weekly.build("2026-01-31", pair=[3, 4])
    assert [run.args for run in spec.task_runs] == [["2026-01-31"], ["2026-02-01"], [[3, 4]]]
    assert weekly.build(date(2026, 1, 31)).parameters[0]["bound"] == "2026-01-31"


class Level(enum.Enum):
    LOW = 1
    HIGH = "2"


@flow
def typed(
    day: date | None = None,
    share: Decimal = Decimal(0),
    key: UUID | None = None,
    place: Path = Path(),
    else_place: Path | None = None,
    level: Level = Level.LOW,
    days: tuple[date, ...] = (),
    window: Window = YEAR,
    names: dict[int, str] | None = None,
):
    pass


@pytest.mark.parametrize(
    ("pair", "value"),
    [
        ("day=2026-01-31", "2026-01-31"),
        ("day=null", None),
        ("share=0.10", "0.10"),  # a float would have lost a digit
        ("share=3", 3),
        ("key=00000000000000000000000000000001", "00000000000000000000000000000001"),
        ("place=2026", "2026"),
        ("place=null", "null"),
        ("else_place=null", None),
        ("level=1", 1),
        ("level=2", "2"),
        ('days=["2026-01-31"]', ["2026-01-31"]),
        ('window={"first": "2026-01-31"}', {"first": "2026-01-31"}),
        ('names={"1": "a"}', {"1": "a"}),
    ],
)
def test_the_command_line_reads_a_text_as_the_annotation_has_it(pair, value):
    name = pair.partition("=")[0]
    given = read_params(typed, [pair], None)
    assert given == {name: value}
    assert bind("typed", typed.build().parameters, given, annotated=typed.annotated)[name] == value


def test_keys_that_an_annotation_names_may_be_other_than_text():
    @task
    def swapped(names: dict[int, str]) -> dict[str, int]:
        return {name: number for number, name in names.items()}

    @flow
    def swaps(names: dict[int, str]):
        return swapped(names)

    assert run_in_memory(swaps, names={1: "a"}).result == {"a": 1}
    with pytest.raises(ParameterError, match="must be dict\\[int, str\\]: names"):
        run_in_memory(swaps, names={"x": "a"})
