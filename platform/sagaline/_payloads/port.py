"""The two seams: codecs, and stores of blobs."""

from __future__ import annotations

from typing import Protocol


class BlobsUnavailable(Exception):
    """The store of blobs does not work just now; what needed it is tried again."""


class Codec(Protocol):
    """Turns payloads into other bytes and back. Called from several threads."""

    @property
    def name(self) -> str:
        """What envelopes call it; readers find the codec by it."""
        ...

    def encode(self, data: bytes) -> tuple[str, bytes]:
        """The id of the key that was used, or "", and the bytes."""
        ...

    def decode(self, key: str, data: bytes) -> bytes:
        """The payload; raises KeyError when there is no such key, ValueError when the bytes are not what they were."""
        ...


class BlobStore(Protocol):
    """Keeps bytes by run and content. Called from several threads.

    Whatever is wrong with the store itself is raised as OSError, and tried again.
    """

    def put(self, run_id: str, digest: str, data: bytes) -> None:
        """Keeps ``data``, durably, when it returns. The same again changes nothing."""
        ...

    def get(self, run_id: str, digest: str) -> bytes:
        """The bytes; raises FileNotFoundError when they are not there."""
        ...

    def delete_run(self, run_id: str) -> None:
        """Forgets all blobs of a run; none is no error."""
        ...
