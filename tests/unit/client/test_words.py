"""How things stand, in words."""

from __future__ import annotations

from datetime import UTC, datetime

from sagaline.client import words


def test_what_nothing_readable_dates_is_not_of_1970() -> None:
    assert words.clock(datetime.fromtimestamp(0, UTC)) == "unknown"
    assert words.clock(datetime(2026, 11, 25, 13, 40, 5, tzinfo=UTC)) == "2026-11-25 13:40:05 UTC"
