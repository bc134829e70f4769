"""What becomes of payloads on their way to the log: codecs (compress, encrypt), and a store for large ones."""

from sagaline._payloads.port import BlobStore, BlobsUnavailable, Codec
from sagaline._payloads.sealer import NO_CODECS, PLAIN, Payloads, Sealer, describe, is_sealed

__all__ = [
    "NO_CODECS",
    "PLAIN",
    "BlobStore",
    "BlobsUnavailable",
    "Codec",
    "Payloads",
    "Sealer",
    "describe",
    "is_sealed",
]
