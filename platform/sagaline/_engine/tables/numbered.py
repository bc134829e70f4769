"""Keys of the rows that know a record of positions or refusals: they sort as the records were written."""

from __future__ import annotations


def numbered_key(prefix: bytes, epoch: int, number: int) -> bytes:
    """The record's epoch and its number in it."""
    return prefix + b"%016x/%016x" % (epoch, number)


def numbered_of(key: bytes) -> tuple[int, int]:
    """Epoch and number of such a key."""
    return int(key[2:18], 16), int(key[19:], 16)
