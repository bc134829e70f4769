"""What is done with payloads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sagaline._model.limits import CODEC_NAME_CHARS, CODECS
from sagaline._payloads.port import BlobStore, Codec
from sagaline.errors import ConfigurationError


@dataclass(frozen=True)
class Payloads:
    """What is done with payloads; the same for all workers and clients of a namespace.

    Every payload goes through the ``codecs``, in order. What is larger than ``threshold_bytes`` after that goes to
    ``blobs``, if there is such a store, and is deleted with its run. Reading finds the codecs by name, so a codec
    may be added, and a key changed, while old payloads stay readable.

    Raises ConfigurationError for options that cannot work.
    """

    codecs: Sequence[Codec] = ()
    blobs: BlobStore | None = None
    threshold_bytes: int = 65_536
    max_bytes: int = 64_000_000
    """Bytes of one payload at most, before codecs; what says that it opens to more is refused."""
    allow_plain: bool = False
    """Only with a codec that encrypts: takes payloads that are not encrypted, too. For the time of a migration, while
    there are runs from before it."""
    allow_version_1: bool = True
    """Takes encrypted payloads of earlier releases, which are not bound to their run and field. Set it to False when
    the last run from before is retired."""

    def __post_init__(self) -> None:
        parts: list[tuple[object, tuple[str, ...]]]
        parts = [(codec, ("name", "encrypts", "encode", "decode")) for codec in self.codecs]
        parts += [] if self.blobs is None else [(self.blobs, ("put", "get", "delete_run"))]
        for part, members in parts:
            missing = [member for member in members if not hasattr(part, member)]
            if missing:
                raise ConfigurationError(f"Expected {type(part).__name__} to have {', '.join(missing)} but it has not.")
        names = [codec.name for codec in self.codecs]
        if len(set(names)) < len(names) or len(names) > CODECS:
            raise ConfigurationError(f"Expected at most {CODECS} codecs, each of them once, but got {names!r}.")
        if any(not 0 < len(name) <= CODEC_NAME_CHARS for name in names):
            raise ConfigurationError(
                f"Expected names of codecs of 1 to {CODEC_NAME_CHARS} characters but got {names!r}."
            )
        if self.threshold_bytes < 0 or self.max_bytes < 1:
            raise ConfigurationError(
                f"Expected a threshold of 0 bytes or more and a maximum of 1 or more but got {self.threshold_bytes} "
                f"and {self.max_bytes}."
            )

    @property
    def encrypts(self) -> bool:
        """True when payloads are encrypted."""
        return any(codec.encrypts for codec in self.codecs)


NO_CODECS = Payloads()
"""Payloads stay plain JSON on the log."""
