"""What --json prints: the public types as values of JSON, in a shape that stays. Fields are added, never changed."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import Any

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
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


STYLES = {"completed": "green", "compensated": "yellow", "failed": "red", "parked": "magenta", "running": "cyan"}
"""The colours of statuses."""
