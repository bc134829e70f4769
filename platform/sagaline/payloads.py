"""Payloads that are large, or that the log's readers must not see.

::

    payloads = Payloads(
        codecs=[Zlib(), AesGcm({"2026-11": key}, current="2026-11")],
        blobs=FileBlobs("/mnt/shared/sagaline"),
    )
    Worker(url, ..., payloads=payloads)
    Client.connect(url, payloads=payloads)

On the command line: ``--payloads my_settings:payloads``. A store of your own, for example S3, has three methods:
see BlobStore; a codec of your own two: see Codec. What is on the log then, docs/schemas.md describes.
"""

from __future__ import annotations

from sagaline._payloads import BlobStore, Codec, Payloads
from sagaline._payloads.codecs import AesGcm, Zlib
from sagaline._payloads.files import FileBlobs

__all__ = ["AesGcm", "BlobStore", "Codec", "FileBlobs", "Payloads", "Zlib"]
