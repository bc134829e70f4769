"""What the client takes and gives of schedules. All of it is plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, Required, TypedDict, cast

from sagaline._model.failure import Failure
from sagaline._runtime.attributes import SearchValue
from sagaline._runtime.checks import shown
from sagaline._runtime.durations import Duration, milliseconds
from sagaline._runtime.frames import caller
from sagaline._system.schedules import model
from sagaline._system.schedules.checks import check_rule
from sagaline._system.schedules.times import weekdays_of
from sagaline.errors import ConfigurationError

Overlap = Literal["skip", "buffer_one", "buffer_all", "cancel_other", "terminate_other", "allow_all"]
"""What becomes of a due time while a run of the schedule is open. ``skip``: nothing begins; ``buffer_one``: it waits,
if none does; ``buffer_all``: it waits, behind at most 1,000 others; ``cancel_other``, ``terminate_other``: the open
runs are cancelled or terminated, and it begins when they have ended; ``allow_all``: it begins beside them, up to
1,000."""
Field = int | str | Sequence[int]
"""Of a Calendar: a number, several, or text as in cron ("*", "1-5", "*/15", "MON-FRI")."""


class Spec:
    """When a schedule is due: ``Cron``, ``Every`` or ``Calendar``."""

    def rule(self) -> model.Rule:
        """As it is sent. Raises ConfigurationError."""
        raise NotImplementedError

    def __post_init__(self) -> None:
        try:
            check_rule(self.rule())
        except ValueError as error:
            raise ConfigurationError(f"{error} ({caller()})") from None


@dataclass(frozen=True)
class Cron(Spec):
    """Due by a cron expression of five fields, or of six with seconds first, in an IANA time zone: ``Cron("0 2 * * *",
    zone="Europe/Berlin")``. docs/schedules.md has the syntax, and what daylight saving does. Raises
    ConfigurationError."""

    cron: str
    zone: str = "UTC"

    def rule(self) -> model.Rule:
        """As it is sent."""
        _require_text(cron=self.cron, zone=self.zone)
        return model.Rule(model.CRON, self.cron, self.zone, text=f"{self.cron} ({self.zone})")


@dataclass(frozen=True)
class Every(Spec):
    """Due each so often, counted from 1970 in UTC, and ``offset`` later: ``Every("1h", offset="5m")`` is due five
    minutes past each hour. ``zone`` says in which days dates are excluded. At least a second. Raises
    ConfigurationError."""

    every: Duration
    offset: Duration = 0
    zone: str = "UTC"

    def rule(self) -> model.Rule:
        """As it is sent."""
        _require_text(zone=self.zone)
        every_ms, offset_ms = milliseconds(self.every, "every"), milliseconds(self.offset, "offset", least_ms=0)
        text = f"every {self.every}" + (f", offset {self.offset}" if offset_ms else "")
        return model.Rule(model.EVERY, zone=self.zone, every_ms=every_ms, offset_ms=offset_ms, text=text)


@dataclass(frozen=True)
class Calendar(Spec):
    """Due when all fields fit: ``Calendar(hour=9, minute=30, weekday="MON-FRI", zone="America/New_York")``. By default
    at midnight of each day. Weekdays are as in cron: 0 and 7 are Sunday. Raises ConfigurationError."""

    hour: Field = 0
    minute: Field = 0
    second: Field = 0
    day: Field = "*"
    month: Field = "*"
    weekday: Field = "*"
    year: int | Sequence[int] | None = None
    zone: str = "UTC"

    def rule(self) -> model.Rule:
        """As it is sent: an expression in which day and weekday have to fit, not one of both as in cron."""
        _require_text(zone=self.zone)
        names = ("second", "minute", "hour", "day", "month", "weekday")
        second, minute, hour, day, month, weekday = (_field(name, getattr(self, name)) for name in names)
        weekdays: tuple[int, ...] = ()
        if weekday != "*" and not day.startswith("*"):
            weekdays, weekday = weekdays_of(weekday), "*"
        times = f"{minute} {hour} {day} {month} {weekday}"
        years = _years(self.year)
        fields = {name: getattr(self, name) for name in (*names, "year")}
        said = [f"{name}={value}" for name, value in fields.items() if value not in (0, "*", None)]
        text = f"calendar {' '.join(said) or 'daily'} ({self.zone})"
        return model.Rule(
            model.CRON, times if second == "0" else f"{second} {times}", self.zone, weekdays, years, text=text
        )


def _years(year: Any) -> tuple[int, ...]:
    if year is None:
        return ()
    given = list(cast("Sequence[Any]", year[:101])) if isinstance(year, list | tuple | range) else [year]
    if not 1 <= len(given) <= 100 or not all(isinstance(one, int) and 1970 <= one < 9_000 for one in given):
        raise ConfigurationError(
            f"Expected year to be a year, or a list of 1 to 100, but got {shown(cast('object', year))}."
        )
    return tuple(sorted(given))


def _require_text(**texts: object) -> None:
    for name, text in texts.items():
        if not isinstance(text, str):
            raise ConfigurationError(f"Expected {name} to be text but got {shown(text)}.")


def _field(name: str, value: Any) -> str:
    given = list(cast("Sequence[Any]", value)) if isinstance(value, list | tuple | range) else [value]
    if given and all(isinstance(number, int) and not isinstance(number, bool) for number in given):
        return ",".join(map(str, given))
    if not isinstance(value, str) or len(value.split()) != 1:
        raise ConfigurationError(
            f"Expected {name} to be a number, a list of numbers, or text as in cron but got "
            f"{shown(cast('object', value))}."
        )
    return value


class _Behaviour(TypedDict, total=False):
    """What a schedule is made with, and what may be changed of it."""

    overlap: Overlap
    catch_up: Duration
    jitter: Duration
    start_at: datetime | None
    end_at: datetime | None
    exclude: Sequence[date | str]
    pause_on_failure: bool
    run_timeout: Duration | None
    memo: Mapping[str, Any] | None
    search_attributes: Mapping[str, SearchValue] | None
    timeout: Duration | None


class ChangeOptions(_Behaviour, total=False):
    """What may be changed of a schedule; see ``ScheduleOptions``."""

    spec: Spec | Sequence[Spec]
    args: Sequence[Any]


class ScheduleOptions(_Behaviour, total=False):
    """How a schedule behaves.

    ``spec``: when it is due; of several, each due time once. ``overlap``: see Overlap; by default "skip".
    ``catch_up``: after an outage, due times that are older are missed, all others are offered (by default "1d").
    ``jitter``: each due time fires up to so much later, always the same of one, and before the next is due.
    ``start_at``, ``end_at``: nothing is due before and after; with a time zone. ``exclude``: dates on which nothing is
    due, in the zone of each spec. ``pause_on_failure``: it is paused when a run does not complete. ``run_timeout``: a
    run that has not ended by then is cancelled. ``memo``, ``search_attributes``: of each run, as for a start.
    ``paused`` and ``note``: whether it begins paused, and why. ``if_exists``: when there is a schedule of the id: it
    fails ("fail", the default), is changed to this one ("update"), or stays as it is ("keep"). ``timeout``: how long to
    wait for a worker's answer, by default "30s".
    """

    spec: Required[Spec | Sequence[Spec]]
    paused: bool
    note: str
    if_exists: Literal["fail", "update", "keep"]


@dataclass(frozen=True)
class ScheduledRun:
    """A run that a schedule began. ``kind``: for a due time ("due"), a trigger, or a backfill. ``status``: "running"
    until it is known to have ended; then as in Status, or "timed_out", "refused" (it did not begin), "lost" (what it
    came to is not known)."""

    workflow_id: str
    run_id: str
    kind: Literal["due", "trigger", "backfill"]
    due_at: datetime
    began_at: datetime
    status: str
    ended_at: datetime | None = None
    failure: Failure | None = None


@dataclass(frozen=True)
class ScheduleSummary:
    """A schedule in a list. ``specs``: when it is due, in words. ``failure``: why it is parked, which a defect of ours
    or a worker that is too old may be the reason of; None when it is not."""

    id: str
    workflow: str
    specs: str
    paused: bool
    failure: Failure | None = None


@dataclass(frozen=True)
class ScheduleDescription:
    """A schedule as it stands.

    ``next_due``: the next times, without jitter; none while it is paused. ``note``: why it is paused, or was resumed,
    ``by`` whom. ``open`` are runs that have not ended, ``recent`` the last 20 that have, ``waiting`` counts due times
    that wait for a run to end. Since it was made: ``fired``, runs that began; ``skipped`` by the overlap policy, or
    while it was paused; ``missed``, older than ``catch_up`` after an outage (of one outage 10,000 are counted);
    ``overflowed``, because too many waited or were open; ``refused``, because a run of that id was there.
    ``backfills`` counts ranges that are being backfilled. ``last_result`` is what the next run is handed.
    """

    id: str
    workflow: str
    args: list[Any]
    specs: tuple[str, ...]
    overlap: str
    paused: bool
    note: str
    by: str
    created_at: datetime
    next_due: tuple[datetime, ...]
    open: tuple[ScheduledRun, ...] = ()
    recent: tuple[ScheduledRun, ...] = ()
    waiting: int = 0
    backfills: int = 0
    fired: int = 0
    skipped: int = 0
    missed: int = 0
    overflowed: int = 0
    refused: int = 0
    last_result: Any = None
    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    """The other options that are not as by default, by name."""
