"""Seals payloads before they are written, and opens them before anybody's code sees them."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Iterable

from cachetools import LRUCache

from sagaline._model.limits import cut
from sagaline._payloads.envelope import BOUND, MARK, UNBOUND, Header, context_of, is_sealed, read, write
from sagaline._payloads.options import NO_CODECS, Payloads
from sagaline._payloads.places import Place, is_run_id
from sagaline._payloads.port import BlobsUnavailable
from sagaline.errors import PayloadTooLarge, PayloadUnavailable

_log = logging.getLogger("sagaline.payloads")
_CACHE_BYTES = 32_000_000
_ENCODED_EXTRA_BYTES = 65_536
"""What a codec may add to a payload that it does not make smaller."""
_REFUSED_PUTS = 1_000
_CacheKey = tuple[Place, Header]
Sealed = tuple[Place, bytes]
"""A payload as it stands on the log, and its place."""


class Memory:
    """What several sealers share."""

    def __init__(self) -> None:
        self.cache: LRUCache[_CacheKey, bytes] = LRUCache(_CACHE_BYTES, getsizeof=len)  # plain payloads of blobs
        self.lock = threading.Lock()
        self.refused_puts: LRUCache[Place, Exception] = LRUCache(_REFUSED_PUTS)
        """What the store of blobs said will never be right, found out too late for the run that it is of."""


class Sealer:
    """``seal`` and ``open``. Both may do I/O, and may be called from several threads.

    Contract: both raise what they say and nothing else, whatever the bytes are and whatever a codec or a store raises.
    """

    def __init__(self, payloads: Payloads, memory: Memory | None = None) -> None:
        self.payloads = payloads
        self.is_plain = not payloads.codecs and payloads.blobs is None
        """Sealing changes nothing, whatever the payload."""
        self._codecs = {codec.name: codec for codec in payloads.codecs}
        self._only_encrypted = payloads.encrypts and not payloads.allow_plain
        self.memory = memory or Memory()

    @property
    def has_blobs(self) -> bool:
        """True when large payloads leave the log."""
        return self.payloads.blobs is not None

    @property
    def max_bytes(self) -> int:
        """Bytes of one payload at most, before anything is done with it."""
        return self.payloads.max_bytes

    def touches(self, payload: bytes) -> bool:
        """True when sealing would change it."""
        if self.is_plain:
            return False
        return bool(self._codecs) or len(payload) > self.payloads.threshold_bytes

    def is_open(self, payload: bytes) -> bool:
        """True when opening it changes nothing: it is plain, and plain payloads are taken."""
        return payload[:1] != MARK and not self._only_encrypted

    def seal(self, place: Place, payload: bytes) -> bytes:
        """The payload as it is written at its place. Raises PayloadTooLarge, PayloadUnavailable, BlobsUnavailable."""
        if not self.touches(payload):
            return payload
        if len(payload) > self.payloads.max_bytes:
            raise PayloadTooLarge(
                f"Expected a payload of at most {self.payloads.max_bytes} bytes but it has {len(payload)}."
            )
        header = Header(BOUND, len(payload), tuple((codec.name, "") for codec in self.payloads.codecs))
        try:
            header, data = self._encode(place, header, payload)
            if self.payloads.blobs is None or len(data) <= self.payloads.threshold_bytes:
                return write(header, data)
            header = self._store(place, header, data)
            self._remember(place, header, payload)
            return write(header, b"")
        except OSError as error:
            raise BlobsUnavailable(f"a payload could not be stored: {cut(str(error))}") from error
        except Exception as error:
            raise PayloadUnavailable(
                f"Expected to seal {place.field} of run {place.run_id} but {_told(error)}."
            ) from error

    def require(self, payloads: Iterable[Sealed]) -> None:
        """Before anything is decided: these will be opened. Who reads them when they are asked for needs nothing."""

    def _encode(self, place: Place, header: Header, payload: bytes) -> tuple[Header, bytes]:
        context, data = context_of(place, header), payload
        keys: list[tuple[str, str]] = []
        for codec in self.payloads.codecs:
            key, data = codec.encode(data, context)
            keys.append((codec.name, key))
        return Header(header.version, header.size, tuple(keys)), data

    def _store(self, place: Place, header: Header, data: bytes) -> Header:
        if self.payloads.blobs is None or not is_run_id(place.run_id):
            raise ValueError(f"blobs belong to runs, and {place.run_id[:64]!r} is no run id")
        digest = hashlib.sha256(data).hexdigest()
        self._keep(place, digest, data)
        return Header(header.version, header.size, header.codecs, f"{place.run_id}/{digest}")

    def _keep(self, place: Place, digest: str, data: bytes) -> None:
        if self.payloads.blobs is not None:
            self.payloads.blobs.put(place.run_id, digest, data)

    def put(self, place: Place, digest: str, data: bytes) -> None:
        """Stores a blob that was sealed on the loop. Raises BlobsUnavailable; of a blob that the store refuses for
        good its run hears when it is sealed again."""
        try:
            self._keep(place, digest, data)
        except OSError as error:
            raise BlobsUnavailable(f"a payload could not be stored: {cut(str(error))}") from error
        except Exception as error:
            self.memory.refused_puts[place] = error
            raise BlobsUnavailable(f"a payload could not be stored: {_told(error)}") from error

    def open(self, place: Place, payload: bytes) -> bytes:
        """The plain payload of its place. Raises PayloadUnavailable when it cannot be had, BlobsUnavailable."""
        if not is_sealed(payload):
            if self._only_encrypted:
                raise PayloadUnavailable(_refused("is not encrypted"))
            return payload
        try:
            header, data = read(payload)
        except ValueError as error:
            raise PayloadUnavailable(f"{error}.") from error
        self._refuse(place, header)
        with self.memory.lock:
            known = self.memory.cache.get((place, header)) if header.blob else None
        if known is not None:
            return known
        try:
            plain = self._decode(place, header, self._fetch(header) if header.blob else data)
        except OSError as error:
            raise BlobsUnavailable(f"a payload could not be read: {cut(str(error))}") from error
        if len(plain) != header.size:
            raise PayloadUnavailable(f"Expected a payload of {header.size} bytes but it has {len(plain)}.")
        if header.blob:
            self._remember(place, header, plain)
        return plain

    def _refuse(self, place: Place, header: Header) -> None:
        """What the header alone forbids. Raises PayloadUnavailable."""
        if header.size > self.payloads.max_bytes:
            raise PayloadUnavailable(
                f"Expected a payload of at most {self.payloads.max_bytes} bytes but it says that it has {header.size}."
            )
        if header.blob and header.blob.partition("/")[0] != place.run_id:
            raise PayloadUnavailable(f"Expected a blob of run {place.run_id} but the payload names one of another run.")
        encrypted = False
        for name, _ in header.codecs:
            codec = self._codecs.get(name)
            if codec is None:
                raise PayloadUnavailable(f"Expected codec {name!r} to be configured for a payload but it is not.")
            encrypted = encrypted or codec.encrypts
        if self._only_encrypted and not encrypted:
            raise PayloadUnavailable(_refused("went through no codec that encrypts"))
        if encrypted and header.version == UNBOUND and not self.payloads.allow_version_1:
            raise PayloadUnavailable(
                "Expected an encrypted payload that is bound to its place but it is of an earlier release: "
                "allow_version_1=True takes it."
            )

    def _fetch(self, header: Header) -> bytes:
        run_id, _, digest = header.blob.partition("/")
        if self.payloads.blobs is None:
            raise PayloadUnavailable(
                f"Expected a store of blobs for a payload of {header.size} bytes but none is configured."
            )
        try:
            data = self.payloads.blobs.get(run_id, digest)
        except FileNotFoundError as error:
            raise PayloadUnavailable(
                f"Expected blob {header.blob} ({header.size} bytes) in the store but it is missing: put it back from a "
                f"backup, then `sagaline runs retry`."
            ) from error
        except OSError:
            raise
        except Exception as error:
            raise PayloadUnavailable(f"Expected blob {header.blob} but {_told(error)}.") from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise PayloadUnavailable(f"Expected blob {header.blob} to be as it was written but it is damaged.")
        return data

    def _decode(self, place: Place, header: Header, data: bytes) -> bytes:
        context = context_of(place, header)
        last = len(header.codecs) - 1
        for number, (name, key) in enumerate(reversed(header.codecs)):
            limit = header.size if number == last else self.payloads.max_bytes + _ENCODED_EXTRA_BYTES
            data = self._decode_one(name, key, data, context, limit)
        return data

    def _decode_one(self, name: str, key: str, data: bytes, context: bytes, limit: int) -> bytes:
        try:
            decoded = self._codecs[name].decode(key, data, context, limit)
        except KeyError as error:
            raise PayloadUnavailable(f"Expected key {key!r} of codec {name!r} but it is not here.") from error
        except OSError:
            raise
        except Exception as error:
            raise PayloadUnavailable(
                f"Expected a payload of codec {name!r} and key {key!r} but {_told(error)}."
            ) from error
        if len(decoded) > limit:
            raise PayloadUnavailable(
                f"Expected codec {name!r} to give at most {limit} bytes but it gave {len(decoded)}."
            )
        return decoded

    def delete_run(self, run_id: str) -> None:
        """Deletes the blobs of a run. Raises BlobsUnavailable."""
        if self.payloads.blobs is None:
            return
        if not is_run_id(run_id):
            _log.error(
                "Expected the id of a run whose blobs are to be deleted but got %r: nothing is deleted", run_id[:64]
            )
            return
        try:
            self.payloads.blobs.delete_run(run_id)
        except Exception as error:
            raise BlobsUnavailable(f"blobs of run {run_id} could not be deleted: {_told(error)}") from error

    def _remember(self, place: Place, header: Header, payload: bytes) -> None:
        """The newest stay in memory: what an activity has returned, its workflow is given at once."""
        if len(payload) <= _CACHE_BYTES // 4:
            with self.memory.lock:
                self.memory.cache[place, header] = payload


PLAIN = Sealer(NO_CODECS)


def _told(error: Exception) -> str:
    return cut(f"{error}" or type(error).__name__, 500)


def _refused(what: str) -> str:
    return (
        f"Expected an encrypted payload but it {what}, and a codec that encrypts is configured: if it is of a run from "
        f"before that, set Payloads(..., allow_plain=True) until the last of them is retired."
    )


def blob_bytes(payload: bytes) -> int:
    """Bytes of the plain payload, if it is in a blob; 0 when it is not, or is no envelope at all."""
    try:
        header, _ = read(payload)
    except ValueError:
        return 0
    return max(header.size, 1) if header.blob else 0


def describe(payload: bytes) -> str:
    """A sealed payload in words, for readers without its key."""
    try:
        header, _ = read(payload)
    except ValueError as error:
        return f"<{error}>"
    by = ", ".join(f"{name} {key}".strip() for name, key in header.codecs) or "nothing"
    place = f", blob {header.blob}" if header.blob else ""
    return f"<sealed: {header.size} bytes, by {by}{place}>"
