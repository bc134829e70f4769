"""Dead letters: whole or in part, tried again until they are there, and cheap in a flood."""

from __future__ import annotations

import asyncio
import hashlib
import time
from typing import Any

import pytest
from scripted_log import Published, ScriptedLog
from virtual_time import virtual

from sagaline._host.partition.guard import Guard
from sagaline._host.partition.lost import Lost
from sagaline._host.publishing.deadletters import DeadLetters, send_to_dead_letters
from sagaline._log import COMMANDS, DEADLETTERS, RESULTS, Record
from sagaline._model.codec import decode
from sagaline._model.limits import MESSAGE_BYTES, RECORD_BYTES
from sagaline._model.records import DeadLetter


def origin_of(letter: Published) -> DeadLetter:
    found: Any = decode(letter.headers["sagaline-dead-letter"])
    return found


def size_of(letter: Published) -> int:
    headers = sum(len(name) + len(value) for name, value in letter.headers.items())
    return len(letter.key) + len(letter.value or b"") + headers


def room(log: Any) -> tuple[DeadLetters, list[Lost]]:
    lost: list[Lost] = []
    return DeadLetters(log, lambda: 7, Guard(lost.append)), lost


@virtual
async def test_what_fits_is_kept_byte_for_byte() -> None:
    log: Any = ScriptedLog()
    send_to_dead_letters(log, Record(COMMANDS, 3, 41, b"id", b"not ours"), "no header", lambda: 7)
    (letter,) = log.published
    assert (letter.topic, letter.partition, letter.key, letter.value) == (DEADLETTERS, 3, b"id", b"not ours")
    assert origin_of(letter) == DeadLetter("scripted.commands", 3, 41, "no header", 7, 8, "")
    assert letter.headers["__connect.errors.offset"] == b"41"


@virtual
async def test_what_is_too_large_is_kept_in_part_with_the_size_and_hash_of_the_whole() -> None:
    """Fault 13: it was refused by the log for ever, and pinned the position and retention."""
    log: Any = ScriptedLog()
    whole = bytes(range(256)) * 4_000
    send_to_dead_letters(log, Record(COMMANDS, 0, 5, b"k" * 500_000, whole), "é" * 1_000_000, lambda: 7)
    (letter,) = log.published
    assert letter.value
    assert whole.startswith(letter.value)
    assert len(letter.value) > RECORD_BYTES * 0.9
    assert size_of(letter) <= RECORD_BYTES
    origin = origin_of(letter)
    assert (origin.size, origin.sha256) == (len(whole), hashlib.sha256(whole).hexdigest())
    assert len(origin.cause.encode()) <= MESSAGE_BYTES
    assert "more bytes were cut" in origin.cause


@virtual
async def test_the_position_stays_at_the_first_letter_that_is_not_there() -> None:
    log: Any = ScriptedLog()
    log.held = True
    letters, _ = room(log)
    for offset in (3, 5, 8):
        letters.bury(Record(COMMANDS, 0, offset, b"", b"x"), "bad")
    letters.bury(Record(RESULTS, 0, 1, b"", b"x"), "bad")
    assert (letters.settled(COMMANDS, 10), letters.settled(RESULTS, 2)) == (3, 1)
    log.release(1)
    assert (letters.settled(COMMANDS, 10), letters.settled(RESULTS, 2)) == (5, 1)
    log.release()
    assert (letters.settled(COMMANDS, 10), letters.settled(RESULTS, 2)) == (10, 2)
    assert letters.bytes_waiting == 0


@pytest.mark.parametrize("trouble", ["broker is down", OSError("disk"), ZeroDivisionError("anything")])
@virtual
async def test_one_that_fails_is_tried_again_and_holds_no_other_up(trouble: str | Exception) -> None:
    log: Any = ScriptedLog()
    letters, lost = room(log)
    failures = iter([trouble] * 4)
    log.fate = lambda record: next(failures, None) if record.value == b"first" else None
    letters.bury(Record(COMMANDS, 0, 3, b"", b"first"), "bad")
    letters.bury(Record(COMMANDS, 0, 4, b"", b"second"), "bad")
    await asyncio.sleep(0.1)
    assert [letter.value for letter in log.landed] == [b"second"]
    assert letters.settled(COMMANDS, 5) == 3
    await asyncio.sleep(60)
    assert [letter.value for letter in log.landed] == [b"second", b"first"]
    assert letters.settled(COMMANDS, 5) == 5
    assert letters.bytes_waiting == 0
    assert not lost


@virtual
async def test_a_closed_room_sends_nothing() -> None:
    log: Any = ScriptedLog()
    log.fate = lambda record: "broker is down"
    letters, _ = room(log)
    letters.bury(Record(COMMANDS, 0, 3, b"", b"first"), "bad")
    letters.close()
    await asyncio.sleep(60)
    assert len(log.published) == 1


@virtual
async def test_a_flood_of_poison_costs_the_same_for_each(caplog: pytest.LogCaptureFixture) -> None:
    """Fault 17: the settled position was the least of a list, and each letter was searched in it: eight times as many
    took up to 64 times as long."""
    caplog.set_level("CRITICAL")

    async def flood(count: int) -> float:
        log: Any = ScriptedLog()
        log.held = True
        letters, _ = room(log)
        began = time.process_time()
        for offset in range(count):
            letters.bury(Record(COMMANDS, 0, offset, b"", b"x"), "bad")
            assert letters.settled(COMMANDS, offset + 1) == 0
        assert letters.bytes_waiting > count * 100, "counts, so that reading pauses"
        while letters.settled(COMMANDS, count) < count:
            log.release(10)
        assert letters.bytes_waiting == 0
        return time.process_time() - began

    await flood(1_000)
    small = min([await flood(2_500) for _ in range(3)])
    large = min([await flood(20_000) for _ in range(3)])
    assert large < small * 8 * 5, f"eight times as many took {large / small:.0f} times as long"
