"""Why a partition has to be claimed anew, as data: what follows depends on the kind, the text is for people."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """What is in doubt."""

    SUPERSEDED = "superseded"
    """Another worker has claimed the partition."""
    PRODUCER = "producer"
    """An append may or may not have landed: the producer is given up, and everything that waits for it."""
    STORE = "store"
    """The local state cannot be read or written."""
    HISTORY = "history"
    """History holds what the state does not know: it is read again."""
    LOG = "log"
    """The log does not answer."""
    PAYLOADS = "payloads"
    """The store of blobs does not answer."""
    INPUT = "input"
    """An input made the engine fail; it will be set aside."""
    RUN = "run"
    """A run made the engine fail; it will be parked."""
    ENGINE = "engine"
    """Something unexpected was raised that no input or run is known to be to blame for."""
    CLOSED = "closed"
    """The worker stops or has given the partition away."""


class Lost(NamedTuple):
    """The kind, and the cause in words."""

    kind: Kind
    text: str

    def __str__(self) -> str:
        return self.text


def in_doubt(cause: str) -> Lost:
    """An append may or may not have landed."""
    return Lost(Kind.PRODUCER, f"an append is in doubt: {cause}")
