"""What becomes of payloads on their way to the log: codecs (compress, encrypt), and a store for large ones."""

from sagaline._payloads.port import BlobStore, BlobsUnavailable, Codec
from sagaline._payloads.sealer import AS_THEY_ARE, PLAIN, Payloads, Sealer, describe, is_sealed

__all__ = [
    "AS_THEY_ARE",
    "PLAIN",
    "BlobStore",
    "BlobsUnavailable",
    "Codec",
    "Payloads",
    "Sealer",
    "describe",
    "is_sealed",
]
