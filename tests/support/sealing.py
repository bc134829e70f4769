"""Codecs and keys for tests."""

from __future__ import annotations

from typing import Any

from sagaline.payloads import AesGcm, Payloads, Zlib

RUN, OTHER_RUN = "0" * 32, "1" * 32


def encrypted(*, allow_plain: bool = False, allow_version_1: bool = True, **keys: bytes) -> Payloads:
    """Compressed, and encrypted with the last of the keys."""
    codecs: list[Any] = [Zlib(), AesGcm(keys, current=max(keys))]
    return Payloads(codecs=codecs, allow_plain=allow_plain, allow_version_1=allow_version_1)
