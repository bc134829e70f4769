"""On the loop: what is in memory opens, what is not is named, and what is sealed is handed on to be stored."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from off_loop import OffLoop
from sealing import OTHER_RUN, RUN

from sagaline import PayloadUnavailable
from sagaline._payloads import BlobsUnavailable, LoopSealer, NotResident, Place, Sealer, blob_bytes, input_of, result_of
from sagaline.payloads import Payloads, Zlib

Put = tuple[Place, str, bytes]
LARGE = b'"' + b"0123456789" * 50 + b'"'


class Room:
    """A sealer for threads, one for the loop, and the puts that it has handed on."""

    def __init__(self, folder: Path, compressed: bool = False) -> None:
        codecs = (Zlib(),) if compressed else ()
        self.store = OffLoop(folder)
        self.payloads = Payloads(codecs=codecs, blobs=self.store, threshold_bytes=10)
        self.threads = Sealer(self.payloads)
        self.puts: list[Put] = []
        self.sealer = LoopSealer(self.threads, lambda *put: self.puts.append(put))

    async def stored(self, place: Place, payload: bytes) -> bytes:
        """Sealed by somebody with another memory."""
        return await asyncio.to_thread(Sealer(self.payloads).seal, place, payload)


@pytest.mark.parametrize("compressed", [False, True])
async def test_what_is_sealed_is_in_memory_until_it_is_stored_and_opens_everywhere_then(
    tmp_path: Path, compressed: bool
) -> None:
    room, place = Room(tmp_path, compressed), input_of(RUN)
    sealed = room.sealer.seal(place, LARGE)
    assert blob_bytes(sealed) == len(LARGE)
    assert (len(room.puts), room.store.calls) == (1, set())
    room.sealer.memory.cache.clear()
    assert room.sealer.open(place, sealed) == LARGE
    await asyncio.to_thread(room.threads.put, *room.puts[0])
    assert await asyncio.to_thread(Sealer(room.payloads).open, place, sealed) == LARGE


async def test_what_is_missing_is_named_at_once_and_held_when_it_was_fetched(tmp_path: Path) -> None:
    room = Room(tmp_path)
    wanted = [
        (place, await room.stored(place, LARGE)) for place in (input_of(RUN), result_of(RUN), input_of(OTHER_RUN))
    ]
    room.sealer.require([(input_of(RUN), b'"plain"'), (input_of(RUN), b"\0 no envelope")])
    with pytest.raises(NotResident) as caught:
        room.sealer.require([*wanted, wanted[0]])
    assert caught.value.payloads == tuple(wanted)
    lost = PayloadUnavailable("lost")
    room.sealer.hold({wanted[0]: LARGE, wanted[1]: lost, wanted[2]: BlobsUnavailable("down")})
    room.sealer.require(wanted)
    assert room.sealer.open(*wanted[0]) == LARGE
    with pytest.raises(PayloadUnavailable, match="lost"):
        room.sealer.open(*wanted[1])
    with pytest.raises(BlobsUnavailable, match="down"):
        room.sealer.open(*wanted[2])
    await asyncio.sleep(0)
    with pytest.raises(NotResident):
        room.sealer.open(*wanted[0])


async def test_what_is_required_stays_although_the_memory_that_is_shared_forgets_it(tmp_path: Path) -> None:
    room, place = Room(tmp_path), input_of(RUN)
    sealed = await asyncio.to_thread(room.threads.seal, place, LARGE)
    room.sealer.require([(place, sealed)])
    room.sealer.memory.cache.clear()  # a thread has stored much
    assert room.sealer.open(place, sealed) == LARGE
    await asyncio.sleep(0)
    with pytest.raises(NotResident):
        room.sealer.open(place, sealed)


async def test_what_the_store_will_never_take_is_told_when_it_is_sealed_again(tmp_path: Path) -> None:
    room, place = Room(tmp_path), input_of(RUN)
    room.sealer.seal(place, LARGE)
    with pytest.raises(BlobsUnavailable, match="hexadecimal"):
        await asyncio.to_thread(room.threads.put, Place(RUN, place.field), "no digest", LARGE)
    with pytest.raises(PayloadUnavailable, match="hexadecimal"):
        room.sealer.seal(place, LARGE)
    assert room.sealer.seal(place, LARGE), "whoever asks for it once more is given a try"
