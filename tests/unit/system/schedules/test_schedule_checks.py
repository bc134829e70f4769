"""What a schedule cannot be: refused where it is written, and by the worker, for other programs write topics too."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from schedule_sagas import WORKFLOWS, report

from sagaline import ConfigurationError, Cron, Every, InvalidInput, RequestRefused
from sagaline._runtime.registration import registry_of
from sagaline._system.schedules import model
from sagaline._system.schedules.checks import why_not
from sagaline._system.schedules.model import Definition, Rule, State
from sagaline.testing import Environment

HOURLY = Every("1h")
SAID: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"spec": []}, ConfigurationError, "Expected 1 to 20 specs but got 0"),
    ({"spec": [HOURLY] * 21}, ConfigurationError, "Expected 1 to 20 specs but got 21"),
    ({"spec": "0 2 * * *"}, ConfigurationError, "Expected spec to be Cron"),
    ({"spec": None}, ConfigurationError, "Expected spec to be Cron"),
    ({"overlap": "never"}, ConfigurationError, "Expected overlap to be one of skip, buffer_one"),
    ({"catch_up": "soon"}, ConfigurationError, "Expected catch_up to be seconds"),
    ({"jitter": -1}, ConfigurationError, "Expected jitter to be above zero"),
    ({"run_timeout": "200000d"}, ConfigurationError, "Expected run_timeout of at most 100 years"),
    ({"start_at": datetime(2026, 1, 1)}, InvalidInput, "Expected start_at to be a datetime with a time zone"),
    ({"end_at": datetime(1970, 1, 2, tzinfo=UTC), "start_at": datetime(2026, 1, 1, tzinfo=UTC)}, ConfigurationError, "Expected end_at to be later"),
    ({"end_at": datetime(2026, 1, 1, 0, 30, tzinfo=UTC)}, ConfigurationError, "still to come but there is none"),
    ({"exclude": ["25.12.2026"]}, ConfigurationError, "Expected exclude to be dates such as '2026-12-25'"),
    ({"exclude": ["2026-12-25"] * 1_001}, ConfigurationError, "at most 1,000 dates in exclude"),
    ({"exclude": "2026-12-25"}, ConfigurationError, "Expected exclude to be a list"),
    ({"exclude": [7]}, ConfigurationError, "Expected exclude to be dates"),
    ({"pause_on_failure": 1}, ConfigurationError, "Expected pause_on_failure to be True or False"),
    ({"paused": "yes"}, ConfigurationError, "Expected paused to be True or False"),
    ({"note": 7}, InvalidInput, "Expected note to be text"),
    ({"memo": {"a": "b" * 20_000}}, ConfigurationError, "Expected memo to have at most 16,000 bytes"),
    ({"search_attributes": {"": 1}}, InvalidInput, "the name of a search attribute"),
    ({"search_attributes": {f"a{n}": n for n in range(50)}}, ConfigurationError, "at most 50 search attributes"),
    ({"if_exists": "replace"}, ConfigurationError, "Expected if_exists to be one of fail, update, keep"),
]  # fmt: skip


async def test_what_makes_no_sense_is_refused_and_named() -> None:
    async with Environment(workflows=WORKFLOWS) as env:
        schedules = env.client.schedules
        for options, kind, message in SAID:
            with pytest.raises(kind, match=message):
                await schedules.create("job", report, "EU", **{"spec": HOURLY, **options})
        for name in ("", " ", "a" * 201, "a\nb", 7):
            with pytest.raises(InvalidInput, match="the id of a schedule"):
                await schedules.create(name, report, "EU", spec=HOURLY)  # type: ignore[arg-type]
        with pytest.raises(InvalidInput, match="region"):
            await schedules.create("job", report, 7, spec=HOURLY)  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match="the arguments of the runs to have at most 64,000 bytes"):
            await schedules.create("job", report, "a" * 70_000, spec=HOURLY)
        assert await schedules.list() == []


async def test_a_range_that_makes_no_sense_is_refused() -> None:
    async with Environment(workflows=WORKFLOWS) as env:
        schedules = env.client.schedules
        await schedules.create("job", report, "EU", spec=Cron("* * * * *"))
        at = [datetime(2025, month, 1, tzinfo=UTC) for month in (1, 2, 12)]
        for start, end, message, kind in (
            (at[1], at[0], "in this order, and in the past", "InvalidRange"),
            (at[0], datetime(2027, 1, 1, tzinfo=UTC), "in this order, and in the past", "InvalidRange"),
            (at[0], at[2], "at most 10,000 due times between start and end", "InvalidRange"),
        ):
            with pytest.raises(RequestRefused, match=message) as caught:
                await schedules.backfill("job", start, end)
            assert caught.value.type == kind
        with pytest.raises(InvalidInput, match="Expected end to be a datetime"):
            await schedules.backfill("job", at[0], "2025-01-02")  # type: ignore[arg-type]
        await schedules.pause("job")  # so that they stay
        for _ in range(model.BACKFILLS):
            await schedules.backfill("job", at[0], at[0])
        with pytest.raises(RequestRefused, match="at most 10 backfills") as caught:
            await schedules.backfill("job", at[0], at[0])
        assert caught.value.type == "TooManyBackfills"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": ""}, "the id of a schedule"),
        ({"rules": ()}, "1 to 20 specs"),
        ({"rules": (Rule("cron", cron="nonsense"),)}, "five fields"),
        ({"rules": (Rule("moon"),)}, "a spec of cron or every"),
        ({"rules": (Rule("every", every_ms=1),)}, "at least 1 second"),
        ({"rules": (Rule("every", every_ms=5_000, zone="Nowhere"),)}, "IANA time zone"),
        ({"jitter_ms": -1}, "not to be below zero"),
        ({"overlap": "never"}, "one of skip"),
        ({"workflow": "reprot"}, "the worker knows"),
        ({"args": []}, "region"),
    ],
)
def test_a_worker_refuses_what_another_program_has_written(change: dict[str, Any], message: str) -> None:
    definition = Definition("report", ["EU"], (HOURLY.rule(),))
    state = State(change.pop("id", "job"), msgspec.structs.replace(definition, **change))
    assert message in why_not(registry_of(WORKFLOWS, []), state, 0)
    assert why_not(registry_of(WORKFLOWS, []), State("job", definition), 0) == ""
