"""Keys of records and the partition of a workflow id."""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

# A run id is 32 hexadecimal digits, so no workflow id can make one kind of key look like the other.
_HISTORY_KEY = re.compile(rb"(.*)/([0-9a-f]{32})/([0-9]{1,18})/([0-9]{1,18})", re.DOTALL)
_words = struct.Struct("<I").iter_unpack
_NUMBERED_KEY = re.compile(rb"(refusals|positions)/([0-9]{1,18})/([0-9]{1,18})")


def partition_of(workflow_id: str, partitions: int) -> int:
    """The partition of a workflow id: murmur2 as Kafka's Java producer computes it, so that any client agrees."""
    return (murmur2(workflow_id.encode()) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """32-bit murmur2, seed 0x9747b28c. Source: org.apache.kafka.common.utils.Utils.murmur2."""
    multiplier, mask = 0x5BD1E995, 0xFFFFFFFF
    length = len(data)
    digest = 0x9747B28C ^ length
    whole = length & ~3
    for (word,) in _words(data[:whole]):
        word = word * multiplier & mask
        digest = (digest * multiplier & mask) ^ ((word ^ (word >> 24)) * multiplier & mask)
    if length & 3:
        digest = (digest ^ int.from_bytes(data[whole:], "little")) * multiplier & mask
    digest = (digest ^ (digest >> 13)) * multiplier & mask
    return digest ^ (digest >> 15)


def history_key(workflow_id: str, run_id: str, first_event_id: int, epoch: int) -> bytes:
    """Key of a history record. It holds the epoch: compaction must never keep a zombie's record for a valid one."""
    return f"{workflow_id}/{run_id}/{first_event_id}/{epoch}".encode()


def claim_key(claim_id: str) -> bytes:
    """Key of a claim, its own: a claim that compaction removed would make a zombie's records look valid."""
    return f"claim/{claim_id}".encode()


def is_claim_key(key: bytes) -> bool:
    """Whether a record with this key is a claim, whatever its bytes say. Contract: it is no history record's key."""
    return key.startswith(b"claim/")


def refusals_key(epoch: int, number: int) -> bytes:
    """Key of a record of refusals, unique by its writer's epoch and count."""
    return f"refusals/{epoch}/{number}".encode()


def positions_key(epoch: int, number: int) -> bytes:
    """Key of a record of positions, unique by its writer's epoch and count."""
    return f"positions/{epoch}/{number}".encode()


class HistoryKey(NamedTuple):
    """What the key of a history record says."""

    workflow_id: str
    run_id: str
    first_event_id: int
    epoch: int


class NumberedKey(NamedTuple):
    """What the key of a record of refusals or positions says."""

    kind: str
    epoch: int
    number: int


def parse_key(key: bytes) -> HistoryKey | NumberedKey | None:
    """The parts of a key on the history topic; None for claims and for keys that are not ours."""
    if (found := _HISTORY_KEY.fullmatch(key)) is not None:
        workflow_id, run_id, first, epoch = found.groups()
        return HistoryKey(workflow_id.decode(errors="replace"), run_id.decode(), int(first), int(epoch))
    if (found := _NUMBERED_KEY.fullmatch(key)) is not None:
        kind, epoch, number = found.groups()
        return NumberedKey(kind.decode(), int(epoch), int(number))
    return None
