"""The two seams: codecs, and stores of blobs."""

from __future__ import annotations

from typing import Protocol


class BlobsUnavailable(Exception):
    """The store of blobs, or a codec's store of keys, does not work just now; what needed it is tried again."""


class Codec(Protocol):
    """Turns payloads into other bytes and back.

    Contract:

    - Both methods are called from several threads.
    - ``context`` names the run, the field and the codecs of the payload. A codec that encrypts authenticates it (as
      associated data) and does not store it: then a payload opens only where it was written.
    - An outage, for example of a store of keys, is raised as OSError and tried again.
    """

    @property
    def name(self) -> str:
        """What envelopes call it, in at most 64 characters; readers find the codec by it."""
        ...

    @property
    def encrypts(self) -> bool:
        """True when nobody can make its bytes without the key. With such a codec configured, payloads that did not
        go through one are refused (``Payloads.allow_plain``)."""
        ...

    def encode(self, data: bytes, context: bytes) -> tuple[str, bytes]:
        """The id of the key that was used, in at most 255 characters, or "", and the bytes."""
        ...

    def decode(self, key: str, data: bytes, context: bytes, limit: int) -> bytes:
        """The payload. Raises KeyError when there is no such key, ValueError when the bytes are not what they were, or
        would become more than ``limit`` bytes, which is to be noticed before they do."""
        ...


class BlobStore(Protocol):
    """Keeps bytes by run and content. Called from several threads.

    Run ids are 32 and digests 64 hexadecimal digits. Whatever is wrong with the store itself is raised as OSError, and
    tried again; ValueError says that what is asked for can never be right.
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
