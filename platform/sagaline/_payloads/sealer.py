"""Seals payloads before they are written, and opens them before anybody's code sees them."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from sagaline._payloads.envelope import Header, is_sealed, read, write
from sagaline._payloads.port import BlobStore, BlobsUnavailable, Codec
from sagaline.errors import PayloadTooLarge, PayloadUnavailable

__all__ = ["NO_CODECS", "PLAIN", "Payloads", "Sealer", "describe", "is_sealed"]
_CACHE_BYTES = 32_000_000


@dataclass(frozen=True)
class Payloads:
    """What is done with payloads; the same for all workers and clients of a namespace.

    Every payload goes through the ``codecs``, in order. What is larger than ``threshold_bytes`` after that goes to
    ``blobs``, if there is such a store, and is deleted with its run. Reading finds the codecs by name, so a codec
    may be added, and a key changed, while old payloads stay readable.
    """

    codecs: Sequence[Codec] = ()
    blobs: BlobStore | None = None
    threshold_bytes: int = 65_536
    max_bytes: int = 64_000_000
    """Bytes of one payload at most, where there is a store for them."""


class Sealer:
    """``seal`` and ``open``. Both may do I/O, and may be called from several threads."""

    def __init__(self, payloads: Payloads) -> None:
        self._payloads = payloads
        self._codecs = {codec.name: codec for codec in payloads.codecs}
        self._cache: OrderedDict[str, bytes] = OrderedDict()  # plain payloads by the place of their blob
        self._cached_bytes = 0
        self._lock = threading.Lock()

    @property
    def has_blobs(self) -> bool:
        """True when large payloads leave the log."""
        return self._payloads.blobs is not None

    def touches(self, payload: bytes) -> bool:
        """True when sealing would change it."""
        return bool(self._codecs) or (self.has_blobs and len(payload) > self._payloads.threshold_bytes)

    def seal(self, run_id: str, payload: bytes) -> bytes:
        """The payload as it is written. Raises PayloadTooLarge, BlobsUnavailable."""
        if not self.touches(payload):
            return payload
        blobs = self._payloads.blobs
        if blobs is not None and len(payload) > self._payloads.max_bytes:
            raise PayloadTooLarge(
                f"Expected a payload of at most {self._payloads.max_bytes} bytes but it has {len(payload)}."
            )
        data, codecs = payload, list[tuple[str, str]]()
        for codec in self._payloads.codecs:
            key, data = codec.encode(data)
            codecs.append((codec.name, key))
        if blobs is None or len(data) <= self._payloads.threshold_bytes:
            return write(Header(1, len(payload), tuple(codecs)), data)
        digest = hashlib.sha256(data).hexdigest()
        try:
            blobs.put(run_id, digest, data)
        except OSError as error:
            raise BlobsUnavailable(f"a payload could not be stored: {error}") from error
        place = f"{run_id}/{digest}"
        self._remember(place, payload)
        return write(Header(1, len(payload), tuple(codecs), place), b"")

    def open(self, payload: bytes) -> bytes:
        """The plain payload. Raises PayloadUnavailable when it cannot be had, BlobsUnavailable."""
        if not is_sealed(payload):
            return payload
        try:
            header, data = read(payload)
        except ValueError as error:
            raise PayloadUnavailable(f"{error}.") from error
        known = self._cache.get(header.blob) if header.blob else None
        if known is not None:
            return known
        if header.blob:
            data = self._fetch(header)
        for name, key in reversed(header.codecs):
            data = self._decode(name, key, data)
        if header.blob:
            self._remember(header.blob, data)
        return data

    def _fetch(self, header: Header) -> bytes:
        run_id, _, digest = header.blob.partition("/")
        if self._payloads.blobs is None:
            raise PayloadUnavailable(
                f"Expected a store of blobs for a payload of {header.size} bytes but none is configured."
            )
        try:
            data = self._payloads.blobs.get(run_id, digest)
        except FileNotFoundError as error:
            raise PayloadUnavailable(
                f"Expected blob {header.blob} ({header.size} bytes) in the store but it is missing: put it back from a "
                f"backup, then `sagaline runs retry`."
            ) from error
        except OSError as error:
            raise BlobsUnavailable(f"a payload could not be read: {error}") from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise PayloadUnavailable(f"Expected blob {header.blob} to be as it was written but it is damaged.")
        return data

    def _decode(self, name: str, key: str, data: bytes) -> bytes:
        codec = self._codecs.get(name)
        if codec is None:
            raise PayloadUnavailable(f"Expected codec {name!r} to be configured for a payload but it is not.")
        try:
            return codec.decode(key, data)
        except KeyError as error:
            raise PayloadUnavailable(f"Expected key {key!r} of codec {name!r} but it is not here.") from error
        except ValueError as error:
            raise PayloadUnavailable(f"Expected a payload of codec {name!r} and key {key!r} but {error}.") from error

    def delete_run(self, run_id: str) -> None:
        """Deletes the blobs of a run. Raises BlobsUnavailable."""
        if self._payloads.blobs is None:
            return
        try:
            self._payloads.blobs.delete_run(run_id)
        except OSError as error:
            raise BlobsUnavailable(f"blobs of run {run_id} could not be deleted: {error}") from error

    def _remember(self, place: str, payload: bytes) -> None:
        """The newest stay in memory: what an activity has returned, its workflow is given at once."""
        if len(payload) > _CACHE_BYTES // 4:
            return
        with self._lock:
            if place not in self._cache:
                self._cache[place] = payload
                self._cached_bytes += len(payload)
            while self._cached_bytes > _CACHE_BYTES:
                self._cached_bytes -= len(self._cache.popitem(last=False)[1])


NO_CODECS = Payloads()
"""Payloads stay plain JSON on the log."""
PLAIN = Sealer(NO_CODECS)


def describe(payload: bytes) -> str:
    """A sealed payload in words, for readers without its key."""
    try:
        header, _ = read(payload)
    except ValueError as error:
        return f"<{error}>"
    by = ", ".join(f"{name} {key}".strip() for name, key in header.codecs) or "nothing"
    place = f", blob {header.blob}" if header.blob else ""
    return f"<sealed: {header.size} bytes, by {by}{place}>"
