"""What a record may be, the same on every log, so that what works embedded works on Kafka."""

from __future__ import annotations

from collections.abc import Mapping

from sagaline._model.limits import RECORD_LIMIT


def record_bytes(key: bytes | None, value: bytes | None, headers: Mapping[str, bytes] | None = None) -> int:
    """Bytes of a record on the log."""
    size = len(key or b"") + len(value or b"")
    return size + sum(len(name) + len(content) for name, content in headers.items()) if headers else size


def size_error(
    limit: int, key: bytes | None, value: bytes | None, headers: Mapping[str, bytes] | None = None
) -> str | None:
    """Why the log does not take a record of this size; None when it does."""
    size = len(key or b"") + len(value or b"") if not headers else record_bytes(key, value, headers)
    return None if size <= limit else f"Expected a record of at most {limit} bytes but this one has {size}."


def publish_error(
    partitions: int,
    partition: int | None,
    key: bytes,
    value: bytes | None,
    headers: Mapping[str, bytes] | None,
) -> str | None:
    """Why a record cannot be published: its size, or a partition that there is not. None when it can."""
    if partition is not None and not 0 <= partition < partitions:
        return f"Expected a partition from 0 to {partitions - 1} but got {partition}."
    return size_error(RECORD_LIMIT, key, value, headers)
