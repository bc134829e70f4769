"""Payloads for the event loop: what is in memory is opened there, and the store of blobs is never called."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence

from sagaline._payloads.envelope import Header
from sagaline._payloads.places import Place
from sagaline._payloads.port import BlobsUnavailable
from sagaline._payloads.sealer import Sealed, Sealer, blob_bytes
from sagaline.errors import PayloadUnavailable

Opened = Mapping[Sealed, "bytes | PayloadUnavailable | BlobsUnavailable"]
"""The plain payload of each, or why there is none."""


class NotResident(BlobsUnavailable):
    """Payloads are in the store of blobs and not in memory. ``goes_on``: those that were fetched before are used up.

    Contract: whoever raises it has changed nothing, so that the same can be done again, from its beginning, when they
    have been fetched. Who does not know it takes it for an outage.
    """

    def __init__(self, payloads: Sequence[Sealed], goes_on: bool = False) -> None:
        super().__init__(f"{len(payloads)} payloads are not in memory")
        self.payloads, self.goes_on = tuple(payloads), goes_on
        self.ahead: Sequence[Sealed] = ()
        """What will be needed soon, and may be fetched at the same time."""


Later = Callable[[NotResident, Callable[[], None]], None]
"""Does something again when the payloads that it lacked are in memory."""


class _Elsewhere(Exception):
    """The blob is not in memory."""


class LoopSealer(Sealer):
    """``open`` raises NotResident instead of reading a blob, and ``seal`` hands blobs to ``put``, which stores them
    later: until then they are in memory. Called on the loop only.

    What ``sealer``, which threads use, has opened or stored lately is in memory here too.
    """

    def __init__(self, sealer: Sealer, put: Callable[[Place, str, bytes], None]) -> None:
        super().__init__(sealer.payloads, sealer.memory)
        self._put = put
        self.unwritten: dict[str, bytes] = {}
        """Blobs that are not stored yet, by their place in the store."""
        self._held: dict[Sealed, bytes | PayloadUnavailable | BlobsUnavailable] = {}

    def hold(self, opened: Opened) -> None:
        """These are in memory until whatever runs has returned to the loop."""
        if opened and not self._held:
            asyncio.get_running_loop().call_soon(self._held.clear)
        self._held.update(opened)

    def open(self, place: Place, payload: bytes) -> bytes:
        """See Sealer. Raises NotResident too."""
        if self._held and (opened := self._held.get((place, payload))) is not None:
            if isinstance(opened, bytes):
                return opened
            raise opened
        try:
            return super().open(place, payload)
        except _Elsewhere:
            raise NotResident([(place, payload)]) from None

    def missing(self, payloads: Iterable[Sealed]) -> list[Sealed]:
        """Those that are not in memory; the others are held. What is wrong with them shows when they are opened."""
        missing: dict[Sealed, None] = {}
        for place, payload in payloads:
            if blob_bytes(payload):
                try:
                    self.hold({(place, payload): self.open(place, payload)})
                except NotResident:
                    missing[place, payload] = None
                except (BlobsUnavailable, PayloadUnavailable):
                    pass
        return list(missing)

    def require(self, payloads: Iterable[Sealed]) -> None:
        """Raises NotResident with all that are not in memory: from here on the others are, until the loop goes on."""
        if missing := self.missing(payloads):
            raise NotResident(missing)

    def _fetch(self, header: Header) -> bytes:
        if self.payloads.blobs is None:
            return super()._fetch(header)
        data = self.unwritten.get(header.blob)
        if data is None:
            raise _Elsewhere
        return data

    def _keep(self, place: Place, digest: str, data: bytes) -> None:
        if (error := self.memory.refused_puts.pop(place, None)) is not None:
            raise error
        self.unwritten[f"{place.run_id}/{digest}"] = data
        self._put(place, digest, data)
