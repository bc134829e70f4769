"""What the exploration of the history topic's rules goes through: a log and two owners, and how a log reads by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from sagaline._log import Record
from sagaline._model.codec import decode
from sagaline._model.records import Claim, History, Positions

Log = tuple[tuple[bytes, bytes | None], ...]  # key and value by offset


@dataclass(frozen=True)
class Owner:
    """A process that holds, or believes to hold, the partition; ``sent`` has not landed yet."""

    epoch: int = -1
    position: int = 0
    runs: tuple[tuple[int, bool, tuple[bytes, ...]], ...] = ()
    sent: Log = ()
    kept: int = 0
    expected: int = 0

    def sends(self, *records: tuple[bytes, bytes | None], **changes: object) -> Owner:
        """The same owner with more on the way."""
        return replace(self, sent=(*self.sent, *records), **changes)  # type: ignore[arg-type]


@dataclass(frozen=True)
class World:
    """The log and the two owners."""

    log: Log
    owners: tuple[Owner, Owner]
    claims: int = field(default=0)

    def with_owner(self, which: int, owner: Owner) -> World:
        """The same world with one owner changed."""
        owners = (owner, self.owners[1]) if which == 0 else (self.owners[0], owner)
        return replace(self, owners=owners)


def records_of(log: Log) -> list[Record]:
    """A log as the port gives it."""
    return [Record("history", 0, offset, key, value) for offset, (key, value) in enumerate(log)]


def is_claim(value: bytes | None) -> bool:
    """True for a claim's value."""
    return value is not None and isinstance(decode(value), Claim)


def valid_records(log: Log) -> Iterator[tuple[bytes, bytes]]:
    """Records whose epoch is the offset of the latest claim: written down here once more, not taken from the product."""
    epoch = -1
    for offset, (key, value) in enumerate(log):
        if value is None:
            continue
        record = decode(value)
        if isinstance(record, Claim):
            epoch = offset
        elif isinstance(record, History | Positions) and record.epoch == epoch:
            yield key, value


def consumed_twice(log: Log) -> str:
    """An input that two valid records have consumed."""
    started: set[str] = set()
    for _, value in valid_records(log):
        record = decode(value)
        if isinstance(record, History) and record.first_event_id == 1:
            if record.run_id in started:
                return f"the input of {record.workflow_id} was consumed twice"
            started.add(record.run_id)
    return ""


def shown(log: Log) -> str:
    """A log for a person."""
    return "\n".join(
        f"  {offset} {key.decode()} {'tombstone' if value is None else type(decode(value)).__name__}"
        for offset, (key, value) in enumerate(log)
    )
