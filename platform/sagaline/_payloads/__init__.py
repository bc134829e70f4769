"""What becomes of payloads on their way to the log: codecs (compress, encrypt), and a store for large ones."""

from sagaline._payloads.envelope import is_sealed
from sagaline._payloads.options import NO_CODECS, Payloads
from sagaline._payloads.places import (
    Place,
    input_of,
    ledger_of,
    memo_of,
    message_answer,
    message_input,
    reported_ledger,
    result_of,
    sent_message,
    step_details,
    step_input,
    step_ledger,
    step_result,
    update_result,
)
from sagaline._payloads.port import BlobStore, BlobsUnavailable, Codec
from sagaline._payloads.resident import Later, LoopSealer, NotResident, Opened
from sagaline._payloads.sealer import PLAIN, Sealed, Sealer, blob_bytes, describe

__all__ = [
    "NO_CODECS",
    "PLAIN",
    "BlobStore",
    "BlobsUnavailable",
    "Codec",
    "Later",
    "LoopSealer",
    "NotResident",
    "Opened",
    "Payloads",
    "Place",
    "Sealed",
    "Sealer",
    "blob_bytes",
    "describe",
    "input_of",
    "is_sealed",
    "ledger_of",
    "memo_of",
    "message_answer",
    "message_input",
    "reported_ledger",
    "result_of",
    "sent_message",
    "step_details",
    "step_input",
    "step_ledger",
    "step_result",
    "update_result",
]
