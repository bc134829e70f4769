"""Due times: of cron expressions in time zones, and of intervals. Times are milliseconds since 1970.

Daylight saving is as in Debian's cron (cronsim): what is due at a fixed time in the hour that is skipped is due when
that hour would end, and what is due at a fixed time in the hour that comes twice is due once, the first time. An
expression whose hour or minute begins with ``*`` goes by the hours that there are; so does one with seconds.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from itertools import islice
from zoneinfo import ZoneInfo

from cronsim import CronSim

from sagaline._model.limits import cut
from sagaline._system.schedules.model import EVERY, Definition, Plan, Rule

_COUNTED = 10_000
"""Missed due times that are counted one by one after an outage."""
_LAST_MS = int(datetime(9000, 1, 1, tzinfo=UTC).timestamp()) * 1_000
_DAYS = 40_000
"""Days that are looked at for a due time: a century."""


def zone_of(name: str) -> ZoneInfo:
    """A time zone by its IANA name. Raises ValueError."""
    try:
        return ZoneInfo(name)
    except Exception as error:  # of what is no key: a directory, a path, an empty one
        raise ValueError(
            f"Expected zone to be the name of an IANA time zone, such as 'Europe/Berlin', but got "
            f"{cut(repr(name), 100)}."
        ) from error


def check_cron(expression: str) -> None:
    """Raises ValueError for what is no cron expression."""
    try:
        CronSim(expression, datetime(2026, 1, 1, tzinfo=UTC))
    except Exception as error:  # not only its own: an assertion for "1L/2"
        raise ValueError(
            f"Expected cron to be five fields (minute hour day month weekday), or six with seconds first, but got "
            f"{cut(repr(expression), 100)}: {error}."
        ) from error


def weekdays_of(text: str) -> tuple[int, ...]:
    """The weekdays that a field of a cron expression names, as Python counts them. Raises ValueError."""
    try:
        found = CronSim(f"0 0 * * {text}", datetime(2026, 1, 1, tzinfo=UTC)).weekdays
    except Exception as error:
        raise ValueError(f"Expected weekday to be as in cron but got {cut(repr(text), 100)}: {error}.") from error
    if not all(isinstance(day, int) for day in found):
        raise ValueError(f"Expected weekday without L and # where day is given too but got {cut(repr(text), 100)}.")
    return tuple(sorted({(day - 1) % 7 for day in found if isinstance(day, int)}))


def due_times(definition: Definition, after_ms: int) -> Iterator[int]:
    """The due times above ``after_ms``, in order, each once."""
    after_ms = max(after_ms, definition.start_ms - 1)
    before = after_ms
    for at_ms in heapq.merge(*(_of_rule(rule, after_ms, definition.exclude) for rule in definition.rules)):
        if at_ms > (definition.end_ms or _LAST_MS):
            return
        if at_ms > before:
            before = at_ms
            yield at_ms


def count(definition: Definition, after_ms: int, end_ms: int, most: int) -> int:
    """How many due times are above ``after_ms`` and not above ``end_ms``; stops behind ``most``."""
    listed = islice(due_times(definition, after_ms), most + 1)
    return sum(1 for at_ms in listed if at_ms <= end_ms)


def plan(definition: Definition, schedule: str, after_ms: int, now_ms: int, cut_ms: int, most: int) -> Plan:
    """What is due now of what comes after ``after_ms``, at most ``most``. Due times up to ``cut_ms`` are missed."""
    missed, due, upto_ms = 0, list[int](), after_ms
    times = due_times(definition, after_ms)
    at_ms = next(times, 0)
    while at_ms:
        if at_ms <= cut_ms:
            missed += 1
            if missed == _COUNTED:
                times = due_times(definition, cut_ms)
            upto_ms, at_ms = at_ms if missed < _COUNTED else cut_ms, next(times, 0)
            continue
        following = next(times, 0)
        fires_ms = at_ms + _jitter(definition.jitter_ms, schedule, at_ms, following)
        if fires_ms > now_ms or len(due) == most:
            return Plan(missed, tuple(due), upto_ms, fires_ms)
        due.append(at_ms)
        upto_ms, at_ms = at_ms, following
    return Plan(missed, tuple(due), upto_ms, 0)


def _jitter(most_ms: int, schedule: str, at_ms: int, following_ms: int) -> int:
    """How much later it fires: always the same of a schedule and due time, and before the next one is due."""
    if following_ms:
        most_ms = min(most_ms, following_ms - at_ms - 1)
    if most_ms <= 0:
        return 0
    return int.from_bytes(blake2b(f"{schedule}/{at_ms}".encode(), digest_size=8).digest()) % (most_ms + 1)


def _of_rule(rule: Rule, after_ms: int, exclude: tuple[str, ...]) -> Iterator[int]:
    zone = zone_of(rule.zone)
    excluded = frozenset(map(date.fromisoformat, exclude))
    return _every(rule, after_ms, zone, excluded) if rule.kind == EVERY else _cron(rule, after_ms, zone, excluded)


def _every(rule: Rule, after_ms: int, zone: ZoneInfo, excluded: frozenset[date]) -> Iterator[int]:
    at_ms = after_ms - (after_ms - rule.offset_ms) % rule.every_ms
    while (at_ms := at_ms + rule.every_ms) < _LAST_MS:
        if excluded and (day := datetime.fromtimestamp(at_ms / 1_000, zone).date()) in excluded:
            at_ms += (_begin_ms(day + timedelta(days=1), zone) - 1 - at_ms) // rule.every_ms * rule.every_ms
            continue
        yield at_ms


def _cron(rule: Rule, after_ms: int, zone: ZoneInfo, excluded: frozenset[date]) -> Iterator[int]:
    before = after_ms // 1_000
    skipped = 0
    times = CronSim(rule.cron, datetime.fromtimestamp(before, zone))
    while (found := next(times, None)) is not None and found.year < 9_000:
        at_s = int(found.timestamp())
        if at_s <= before:  # in the hour that comes twice, or again where the skipped one ends
            continue
        day = found.date()
        if not _is_wanted(rule, day) or day in excluded:
            skipped += 1
            if skipped > _DAYS or (rule.years and day.year > rule.years[-1]):
                return
            before = _begin_ms(day + timedelta(days=1), zone) // 1_000 - 1
            times = CronSim(rule.cron, datetime.fromtimestamp(before, zone))
            continue
        skipped, before = 0, at_s
        yield at_s * 1_000


def _is_wanted(rule: Rule, day: date) -> bool:
    return (not rule.weekdays or day.weekday() in rule.weekdays) and (not rule.years or day.year in rule.years)


def _begin_ms(day: date, zone: ZoneInfo) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * 1_000
