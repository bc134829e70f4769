"""Due times: of expressions in zones, at both edges of daylight saving, and of intervals and calendars."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagaline import Calendar, ConfigurationError, Cron, Every
from sagaline._system.schedules.model import Definition
from sagaline._system.schedules.times import count, due_times, plan
from sagaline.client.schedule_types import Spec

HOUR_MS = 3_600_000
MARCH, OCTOBER = "2026-03-28T23:00:00", "2026-10-24T22:00:00"  # the days on which Berlin's clocks change, from midnight


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000)


def shown(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat().removesuffix("+00:00")


def define(*specs: Spec, **options: object) -> Definition:
    return Definition("report", [], tuple(spec.rule() for spec in specs), **options)  # type: ignore[arg-type]


def first(definition: Definition, after: str, number: int) -> list[str]:
    return [shown(at_ms) for at_ms in islice(due_times(definition, ms(after)), number)]


def within_a_day(definition: Definition, after: str) -> list[str]:
    begin = ms(after) - 1
    return [shown(at_ms) for at_ms in islice(due_times(definition, begin), 200) if at_ms <= begin + 24 * HOUR_MS]


def test_a_fixed_time_in_the_hour_that_is_skipped_is_due_when_it_would_end() -> None:
    """02:30 is not there on 29 March in Berlin: clocks go from 02:00 (01:00 UTC) to 03:00."""
    assert within_a_day(define(Cron("30 2 * * *", zone="Europe/Berlin")), MARCH) == ["2026-03-29T01:00:00"]
    assert first(define(Cron("30 2 * * *", zone="Europe/Berlin")), "2026-03-29T01:00:00", 1) == ["2026-03-30T00:30:00"]


def test_several_fixed_times_in_the_hour_that_is_skipped_are_due_once() -> None:
    assert within_a_day(define(Cron("0,20,40 2 * * *", zone="Europe/Berlin")), MARCH) == ["2026-03-29T01:00:00"]


def test_a_fixed_time_in_the_hour_that_comes_twice_is_due_the_first_time() -> None:
    """02:30 is there twice on 25 October in Berlin, at 00:30 and at 01:30 UTC."""
    daily = define(Cron("30 2 * * *", zone="Europe/Berlin"))
    assert within_a_day(daily, OCTOBER) == ["2026-10-25T00:30:00"]
    for after in ("2026-10-25T00:30:00", "2026-10-25T00:45:00", "2026-10-25T01:10:00", "2026-10-25T01:40:00"):
        assert first(daily, after, 1) == ["2026-10-26T01:30:00"]


@pytest.mark.parametrize("begin", [MARCH, OCTOBER])
def test_an_expression_for_every_hour_goes_by_the_hours_that_there_are(begin: str) -> None:
    found = within_a_day(define(Cron("15 * * * *", zone="Europe/Berlin")), begin)
    assert [at[14:16] for at in found] == ["15"] * 24
    assert len(set(found)) == 24


@pytest.mark.parametrize("begin", [MARCH, OCTOBER])
def test_an_interval_does_not_know_of_daylight_saving(begin: str) -> None:
    assert len(within_a_day(define(Every("30m", zone="Europe/Berlin")), begin)) == 48


def test_a_calendar_at_the_edges_of_daylight_saving() -> None:
    assert within_a_day(define(Calendar(hour=2, minute=30, zone="Europe/Berlin")), MARCH) == ["2026-03-29T01:00:00"]
    assert within_a_day(define(Calendar(hour=2, minute=30, zone="Europe/Berlin")), OCTOBER) == ["2026-10-25T00:30:00"]
    with_seconds = define(Calendar(hour=2, minute=30, second=5, zone="Europe/Berlin"))
    assert within_a_day(with_seconds, MARCH) == []
    assert within_a_day(with_seconds, OCTOBER) == ["2026-10-25T00:30:05", "2026-10-25T01:30:05"]


@pytest.mark.parametrize(
    ("specs", "expected"),
    [
        ([Cron("*/20 9 * * *")], ["2026-01-01T09:00:00", "2026-01-01T09:20:00", "2026-01-01T09:40:00"]),
        ([Cron("0 9 * * *", zone="Asia/Tokyo")], ["2026-01-02T00:00:00", "2026-01-03T00:00:00", "2026-01-04T00:00:00"]),
        ([Cron("0 0 29 2 *")], ["2028-02-29T00:00:00", "2032-02-29T00:00:00", "2036-02-29T00:00:00"]),
        ([Cron("*/30 0 0 1 * *")], ["2026-01-01T00:00:30", "2026-02-01T00:00:00", "2026-02-01T00:00:30"]),
        ([Every("36h")], ["2026-01-02T12:00:00", "2026-01-04T00:00:00", "2026-01-05T12:00:00"]),
        ([Every("1d", offset="90m")], ["2026-01-01T01:30:00", "2026-01-02T01:30:00", "2026-01-03T01:30:00"]),
        ([Every("1h"), Cron("30 1 * * *")], ["2026-01-01T01:00:00", "2026-01-01T01:30:00", "2026-01-01T02:00:00"]),
        ([Every("1h"), Cron("0 * * * *")], ["2026-01-01T01:00:00", "2026-01-01T02:00:00", "2026-01-01T03:00:00"]),
        ([Calendar()], ["2026-01-02T00:00:00", "2026-01-03T00:00:00", "2026-01-04T00:00:00"]),
        (
            [Calendar(hour=9, weekday="MON-FRI")],
            ["2026-01-01T09:00:00", "2026-01-02T09:00:00", "2026-01-05T09:00:00"],
        ),
        (
            [Calendar(day=13, weekday=5, hour=[9, 18])],
            ["2026-02-13T09:00:00", "2026-02-13T18:00:00", "2026-03-13T09:00:00"],
        ),
        (
            [Calendar(day=13, weekday="FRI", second="*", minute="*", hour="*", year=[2027, 2030])],
            ["2027-08-13T00:00:00", "2027-08-13T00:00:01", "2027-08-13T00:00:02"],
        ),
        ([Calendar(year=2027, month=1, day="1,2")], ["2027-01-01T00:00:00", "2027-01-02T00:00:00"]),
        (
            [Calendar(weekday=7, day="1-7", month=2)],
            ["2026-02-01T00:00:00", "2027-02-07T00:00:00", "2028-02-06T00:00:00"],
        ),
    ],
)
def test_due_times(specs: list[Spec], expected: list[str]) -> None:
    assert first(define(*specs), "2026-01-01T00:00:00", 3) == expected


def test_dates_are_excluded_in_the_zone_of_the_spec() -> None:
    """In Auckland 2 January begins at 11:00 UTC of the first."""
    definition = define(Every("6h", zone="Pacific/Auckland"), exclude=("2026-01-02", "2026-01-03"))
    assert first(definition, "2026-01-01T06:00:00", 2) == ["2026-01-03T12:00:00", "2026-01-03T18:00:00"]
    assert first(define(Cron("0 9 * * *"), exclude=("2026-01-01",)), "2026-01-01T00:00:00", 1) == [
        "2026-01-02T09:00:00"
    ]


def test_bounds() -> None:
    definition = define(Every("1h"), start_ms=ms("2026-01-01T05:00:00"), end_ms=ms("2026-01-01T07:00:00"))
    assert first(definition, "2026-01-01T00:00:00", 9) == [f"2026-01-01T0{hour}:00:00" for hour in (5, 6, 7)]


def test_a_plan_takes_what_is_due_and_counts_what_is_too_old() -> None:
    day = ms("2026-01-01T00:00:00")
    definition = define(Every("1h"))
    found = plan(definition, "job", day, day + 5 * HOUR_MS + 1, day + 2 * HOUR_MS, 100)
    assert (found.missed, len(found.due), found.upto_ms) == (2, 3, day + 5 * HOUR_MS)
    assert found.wake_ms == day + 6 * HOUR_MS
    some = plan(definition, "job", day, day + 5 * HOUR_MS, 0, 2)
    assert (len(some.due), some.wake_ms) == (2, day + 3 * HOUR_MS)


def test_a_long_outage_is_not_counted_to_its_end() -> None:
    day = ms("2026-01-01T00:00:00")
    now = day + 1_000 * 86_400_000
    found = plan(define(Every("1s")), "job", day, now, now - 10_000, 100)
    assert (found.missed, len(found.due), found.upto_ms) == (10_000, 10, now)
    assert count(define(Every("1s")), day, now, 50) == 51


@given(st.integers(0, 2**31), st.integers(0, 7_200), st.sampled_from(["*/7 * * * *", "0 3 * * *", "5 1,2 * * 0"]))
@settings(max_examples=60, deadline=None)
def test_jitter_keeps_the_order_and_asks_no_chance(after_s: int, jitter_s: int, cron: str) -> None:
    definition = define(Cron(cron, zone="Europe/Berlin"), jitter_ms=jitter_s * 1_000)
    upto, before = after_s * 1_000, 0
    for _ in range(5):
        found = plan(definition, "job", upto, upto, 0, 1)
        assert before < found.wake_ms
        taken = plan(definition, "job", upto, found.wake_ms, 0, 1)
        (due,) = taken.due
        assert due <= found.wake_ms <= due + jitter_s * 1_000
        assert plan(definition, "job", upto, found.wake_ms - 1, 0, 1).due == ()
        upto, before = taken.upto_ms, found.wake_ms


@given(
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"]),
    st.sampled_from(["30 2 * * *", "*/25 * * * *", "0,30 1-3 * * *", "15 */2 * * 0", "*/40 30 2 * * *"]),
    st.integers(1_700_000_000, 1_900_000_000),
    st.lists(st.integers(1, 5), min_size=4, max_size=10),
)
@settings(max_examples=150, deadline=None)
def test_due_times_do_not_depend_on_where_one_begins(zone: str, cron: str, begin_s: int, steps: list[int]) -> None:
    """What a schedule that wakes up at each of them sees, and one that catches up, is the same."""
    definition = define(Cron(cron, zone=zone))
    whole = list(islice(due_times(definition, begin_s * 1_000), sum(steps)))
    assert whole == sorted(set(whole))
    parts: list[int] = []
    for step in steps:
        parts += islice(due_times(definition, parts[-1] if parts else begin_s * 1_000), step)
    assert parts == whole
    for at_ms in whole[:5]:
        assert next(due_times(definition, at_ms - 1)) == at_ms


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Cron("0 2 * *"), "Expected cron to be five fields"),
        (lambda: Cron("61 * * * *"), "Bad minute"),
        (lambda: Cron("1L/2 * * * *"), "Expected cron"),
        (lambda: Cron("0 0 30 2 *"), "Bad day-of-month"),
        (lambda: Cron("*" * 300), "at most 255 bytes"),
        (lambda: Cron(7), "Expected cron to be text but got 7"),  # type: ignore[arg-type]
        (lambda: Cron("0 2 * * *", zone="Europe/Atlantis"), "Expected zone to be the name of an IANA time zone"),
        (lambda: Cron("0 2 * * *", zone="../etc/passwd"), "Expected zone"),
        (lambda: Cron("0 2 * * *", zone=""), "Expected zone"),
        (lambda: Cron("0 2 * * *", zone="America"), "Expected zone"),
        (lambda: Every("500ms"), "Expected every to be at least 1 second but got 500 ms"),
        (lambda: Every("soon"), "Expected every to be seconds as a number"),
        (lambda: Every(0), "Expected every to be above zero"),
        (lambda: Every("1h", offset="2h"), "Expected offset to be shorter than every"),
        (lambda: Calendar(hour=24), "Bad hour"),
        (lambda: Calendar(minute="a b"), "Expected minute to be a number, a list of numbers"),
        (lambda: Calendar(hour=None), "Expected hour to be a number"),  # type: ignore[arg-type]
        (lambda: Calendar(day=1, weekday="9"), "Expected weekday to be as in cron"),
        (lambda: Calendar(day=1, weekday="5L"), "without L and #"),
    ],
)
def test_what_is_no_spec_is_refused_where_it_is_written(make: object, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        make()  # type: ignore[operator]


def test_a_spec_says_where_it_is_written() -> None:
    with pytest.raises(ConfigurationError, match=r"test_times\.py:\d+"):
        Cron("nonsense")
