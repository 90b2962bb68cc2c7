"""Schedules: what people write is what EventBridge Scheduler does."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dagy.errors import ScheduleError
from dagy.schedules import parse_schedule
from dagy.schedules.cron import parse_cron
from dagy.schedules.times import times
from tests.aws_cron import AwsCron, instants, walked

# Clocks that change in the north, in the south, by half an hour, and at midnight; and one that does not.
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago",
         "Africa/Casablanca", "Asia/Beirut", "UTC"]  # fmt: skip
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]


@st.composite
def parts(draw, low, high, names=()):
    def written(value):
        named = names and draw(st.booleans()) and value - (1 if high == 12 else 0) < len(names)
        return names[value - (1 if high == 12 else 0)] if named else str(value)

    first = draw(st.integers(low, high - 1))
    kind = draw(st.sampled_from(["one", "range", "step"]))
    if kind == "one":
        return written(first)
    last = draw(st.integers(first + 1, high))
    span = f"{first}-{last}" if kind == "step" else f"{written(first)}-{written(last)}"
    return span if kind == "range" else f"{span}/{draw(st.integers(1, last - first))}"


@st.composite
def fields(draw, low, high, names=(), most=3):
    if draw(st.integers(0, 2)) == 0:
        step = draw(st.integers(0, (high - low) // 2))
        return f"*/{step}" if step else "*"
    return ",".join(draw(st.lists(parts(low, high, names), min_size=1, max_size=most)))


sparse = st.lists(st.integers(0, 59), min_size=1, max_size=2, unique=True)
days = st.tuples(fields(1, 31), fields(1, 12, MONTHS), fields(0, 6, WEEKDAYS)).map(" ".join)


def parsed(text, zone):
    """The schedule; one that cannot be is left out."""
    try:
        return parse_schedule(text, zone)
    except ScheduleError as error:
        assume("must both hold" not in str(error) and "never fires" not in str(error))
        raise


@settings(max_examples=600)
@given(
    minutes=sparse,
    hours=st.lists(st.integers(0, 23), min_size=1, max_size=2, unique=True),
    rest=days,
    zone=st.sampled_from(ZONES),
    year=st.integers(2024, 2032),
)
def test_over_five_years_it_fires_when_cron_does(minutes, hours, rest, zone, year):
    text = f"{','.join(map(str, minutes))} {','.join(map(str, hours))} {rest}"
    schedule = parsed(text, zone)
    start, end = datetime(year, 1, 1), datetime(year + 5, 1, 1)
    cron = takewhile(lambda moment: moment < end, CronSim(text, start - timedelta(minutes=1)))
    expected = instants(cron, ZoneInfo(zone))

    locals_ = {
        moment for each in schedule.expressions for moment in AwsCron(each).between(start, end)
    }
    assert instants(locals_, ZoneInfo(zone)) == expected

    first = start.replace(tzinfo=ZoneInfo(zone)) - timedelta(minutes=1)
    ours = times(schedule.when, ZoneInfo(zone), first)
    last = end.replace(tzinfo=ZoneInfo(zone))
    assert {moment.astimezone(UTC) for moment in takewhile(lambda m: m < last, ours)} == expected


CHANGES = [
    ("Europe/Berlin", datetime(2026, 3, 29, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 25, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 8, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, tzinfo=UTC)),
    ("America/Santiago", datetime(2026, 9, 6, tzinfo=UTC)),
]


@settings(max_examples=300)
@given(clock=st.tuples(fields(0, 59), fields(0, 23)), rest=days, change=st.sampled_from(CHANGES))
def test_every_minute_around_a_change_of_clocks(clock, rest, change):
    zone, day = change
    text = f"{' '.join(clock)} {rest}"
    schedule = parsed(text, zone)
    start, end = day - timedelta(hours=26), day + timedelta(hours=50)
    expected = walked(schedule.expressions, ZoneInfo(zone), start, end)
    # What comes for the second time as the walk begins has come before it.
    ours = times(schedule.when, ZoneInfo(zone), start - timedelta(seconds=1))
    assert {moment.astimezone(UTC) for moment in takewhile(lambda m: m < end, ours)} == expected

    local = start.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    until = end.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    cron = takewhile(lambda m: m < until, CronSim(text, local - timedelta(minutes=1)))
    assert instants(cron, ZoneInfo(zone)) == expected


@pytest.mark.parametrize(
    ("text", "expressions"),
    [
        ("0 9 * * 1-5", ("cron(0 9 ? * 2-6 *)",)),
        ("0 9 * * MON-FRI", ("cron(0 9 ? * 2-6 *)",)),
        ("0 0 * * 0", ("cron(0 0 ? * 1 *)",)),
        ("0 0 * * 7", ("cron(0 0 ? * 1 *)",)),
        ("0 0 * * sat-sun", ("cron(0 0 ? * 1,7 *)",)),
        ("*/15 * * * *", ("cron(0/15 * * * ? *)",)),
        ("5/15 * * * *", ("cron(5/15 * * * ? *)",)),
        ("@daily", ("cron(0 0 * * ? *)",)),
        ("@weekly", ("cron(0 0 ? * 1 *)",)),
        ("0 9 1 * mon", ("cron(0 9 1 * ? *)", "cron(0 9 ? * 2 *)")),
        ("0 9 30 feb mon", ("cron(0 9 ? 2 2 *)",)),
        ("0 9 1-31 * mon", ("cron(0 9 * * ? *)",)),
        ("0 9 */1 * mon", ("cron(0 9 ? * 2 *)",)),
        ("0 9 1 * *", ("cron(0 9 1 * ? *)",)),
        ("rate(1 hours)", ("rate(1 hour)",)),
        ("RATE( 5  minute )", ("rate(5 minutes)",)),
    ],
)
def test_what_eventbridge_is_given(text, expressions):
    assert parse_schedule(text).expressions == expressions


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("0 9 * * 1-5", "at 09:00, on Monday to Friday (Europe/Berlin)"),
        ("*/15 * * * *", "every 15 minutes, every day (Europe/Berlin)"),
        ("0 * * * *", "every hour, every day (Europe/Berlin)"),
        (
            "0 */6 1,15 * *",
            "at 00:00, 06:00, 12:00 and 18:00, on the 1st and the 15th (Europe/Berlin)",
        ),
        ("0 */2 * * *", "every 2 hours from 00:00, every day (Europe/Berlin)"),
        (
            "*/10 8-17 * * 1-5",
            "every 10 minutes from 08:00 to 17:59, on Monday to Friday (Europe/Berlin)",
        ),
        ("0 9 13 * fri", "at 09:00, on the 13th or on Friday (Europe/Berlin)"),
        ("0 0 1 jan *", "at 00:00, on the 1st, in January (Europe/Berlin)"),
        ("1-3 * * * *", "at minute 1 to 3 of every hour, every day (Europe/Berlin)"),
        ("rate(1 day)", "every day, counted from the deployment"),
        ("rate(5 minutes)", "every 5 minutes, counted from the deployment"),
    ],
)
def test_what_it_means(text, meaning):
    assert parse_schedule(text, "Europe/Berlin").meaning == meaning


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("61 * * * *", "the minute '61' is not 0 to 59"),
        ("* 24 * * *", "the hour '24' is not 0 to 23"),
        ("* * 0 * *", "the day of the month '0' is not 1 to 31"),
        ("* * * * 8", "the weekday '8' is not 0 to 7"),
        ("* * * jam *", "there is no month 'jam'; did you mean 'jan'?"),
        ("* * * * mo", "there is no weekday 'mo'; did you mean 'mon'?"),
        ("*/90 * * * *", "for every 90 minutes write rate(90 minutes)"),
        ("*/0 * * * *", "no number of at least 1"),
        ("*/-5 * * * *", "no number of at least 1"),
        ("30-10 * * * *", "goes backwards"),
        ("* * * * 5-0", "Sunday at the end is 7"),
        ("* * * * 1/2", "write 1-6/2"),
        ("* * * *", "it has 4 fields, not five"),
        ("0 9 ? * 2-6 *", "with six it is AWS's own form"),
        ("cron(0 9 ? * 2-6 *)", "that is AWS's own form"),
        ("0 9 L * *", "which cron does not have"),
        ("0 0 30 2 *", "it never fires"),
        ("0 0 */2 * 1", "must both hold"),
        ("@dayly", "did you mean '@daily'?"),
        ("@reboot", "no machine here that boots"),
        ("rate(0 minutes)", "at least 1"),
        ("rate(5)", "rate(VALUE UNIT)"),
        ("1,,2 * * * *", "the minute '' is not"),
        ("٣ * * * *", "is not 0 to 59"),
        ("9" * 5000 + " * * * *", "is not 0 to 59"),
        ("", "it has 0 fields"),
    ],
)
def test_what_means_nothing_is_refused_with_the_reason(text, told):
    with pytest.raises(ScheduleError) as raised:
        parse_schedule(text)
    assert told in str(raised.value)


@pytest.mark.parametrize(
    ("zone", "told"),
    [("europe/berlin", "'Europe/Berlin'"), ("Europe/Berln", "did you mean 'Europe/Berlin'"),
     ("../../etc/passwd", "no time zone"), ("", "no time zone"), ("Europe", "no time zone")],
)  # fmt: skip
def test_a_time_zone_that_does_not_exist_is_refused(zone, told):
    with pytest.raises(ScheduleError, match="no time zone") as raised:
        parse_schedule("@daily", zone)
    assert told in str(raised.value)


def test_the_next_times_are_by_the_clocks_of_the_zone():
    schedule = parse_schedule("30 2 * * *", "Europe/Berlin")
    after = datetime(2026, 3, 27, 12, tzinfo=UTC)
    told = [moment.isoformat() for moment in schedule.next_times(after, 3)]
    # On the 29th there is no 02:30.
    assert told == [
        "2026-03-28T02:30:00+01:00",
        "2026-03-30T02:30:00+02:00",
        "2026-03-31T02:30:00+02:00",
    ]


def test_the_hour_that_comes_twice_is_served_once():
    schedule = parse_schedule("30 2 * * *", "Europe/Berlin")
    after = datetime(2026, 10, 24, 12, tzinfo=UTC)
    told = [moment.isoformat() for moment in schedule.next_times(after, 2)]
    assert told == ["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"]


def test_a_rate_counts_hours_whatever_the_clocks_do():
    schedule = parse_schedule("rate(1 day)", "Europe/Berlin")
    after = datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert schedule.next_times(after, 1)[0] == after + timedelta(hours=24)


def test_the_29th_of_february_comes():
    [time] = parse_schedule("0 0 29 2 *").next_times(datetime(2096, 3, 1, tzinfo=UTC), 1)
    assert time.year == 2104


def test_an_expression_is_never_too_long_for_eventbridge():
    odd = ",".join(str(n) for n in range(60) if n % 4 not in {0, 3} or n == 3)
    days = ",".join(str(n) for n in range(1, 32) if n % 3)
    text = f"{odd} {','.join(str(n) for n in range(24) if n % 3)} {days} 1,2,4,5,7,8,10,11 *"
    [expression] = parse_schedule(text).expressions
    AwsCron(expression)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text):
    with suppress(ScheduleError):
        parse_schedule(text)


def test_names_are_read_in_any_case():
    assert parse_cron("0 0 * JAN Mon") == parse_cron("0 0 * jan mon")
