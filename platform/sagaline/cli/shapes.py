"""What --json prints: the public types as values of JSON, in a shape that stays. Fields are added, never changed."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import Any, cast

import msgspec

from sagaline.client import Failure


def plain(value: Any) -> Any:
    """The value as JSON has it: dataclasses and failures as objects, times as ISO 8601 in UTC."""
    if isinstance(value, Failure):
        return plain(msgspec.structs.asdict(value))
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds")
    if isinstance(value, dict):
        entries = cast("dict[Any, Any]", value)  # type: ignore[redundant-cast]  # pyright needs it
        return {str(name): plain(item) for name, item in entries.items()}
    if isinstance(value, list | tuple):
        items = cast("list[Any]", value)
        return [plain(item) for item in items]
    return value


STYLES = {"completed": "green", "compensated": "yellow", "failed": "red", "parked": "magenta", "running": "cyan"}
"""The colours of statuses."""
