"""Records to bytes and back: Avro single-object encoding, with a registry of every published schema.

A value begins with ``C3 01`` and the schema's CRC-64-AVRO fingerprint, little-endian, so that the type and
version are known from ten bytes. Source: Avro 1.12 specification, "Single-object encoding".
"""

from __future__ import annotations

import struct
from typing import Any

import fastavro
import fastavro.schema

from sagaline._model import activities, attributes, events, failure, forks, outcomes, records, wills
from sagaline._model.avro import BROKEN, UNFIT, AvroError, Decoder, Encoder, compile_schema
from sagaline._model.records import RECORDS, Record
from sagaline_schemas import schema_files

_MAGIC = b"\xc3\x01"
_HEADER_SIZE = 10
_WIDE = ("history", 1)  # its encoder took numbers of 64 bits for those of 32, and old history is read for ever


class UnreadableRecord(ValueError):
    """These bytes are not a record of ours; the message says what was expected and what came."""


class Unencodable(ValueError):
    """This record cannot be written so that it is read as the same; the message says what does not fit."""


def fingerprint(schema: dict[str, Any]) -> bytes:
    """CRC-64-AVRO of a schema's parsing canonical form, eight bytes as they stand in the header."""
    canonical = fastavro.schema.to_parsing_canonical_form(schema)
    return bytes.fromhex(fastavro.schema.fingerprint(canonical, "CRC-64-AVRO"))


def _types() -> dict[str, type]:
    found: dict[str, type] = {kind.__name__: kind for kind in (*events.EVENTS, *RECORDS.values())}
    parts = (
        failure.Failure,
        failure.RetryPolicy,
        records.Refusal,
        attributes.SearchAttribute,
        forks.Fork,
        wills.Will,
        outcomes.OutcomeRequest,
    )
    return found | {kind.__name__: kind for kind in (*parts, activities.AttemptLimits, activities.SagaStep)}


def _registry() -> tuple[dict[type, Encoder], dict[bytes, Decoder]]:
    types = _types()
    newest = {file.name: file for file in schema_files()}
    encoders: dict[type, Encoder] = {}
    decoders: dict[bytes, Decoder] = {}
    for file in schema_files():
        header = _MAGIC + fingerprint(file.schema)
        encode, decoders[header] = compile_schema(file.schema, types, header, (file.name, file.version) == _WIDE)
        if file == newest[file.name]:
            encoders[RECORDS[file.name]] = encode
    return encoders, decoders


_ENCODERS, _DECODERS = _registry()


def encode(record: Record) -> bytes:
    """The record's bytes: header and Avro body. Raises :class:`Unencodable` for what ``decode`` would not give back."""
    try:
        return _ENCODERS[type(record)](record)
    except UNFIT as error:
        raise Unencodable(
            f"Expected a {type(record).__name__} that can be read again but it cannot be written: {_described(error)}"
        ) from error


def decode(data: bytes | None) -> Record:
    """The record in ``data``; raises :class:`UnreadableRecord` and nothing else, whatever the bytes."""
    if data is None:
        raise UnreadableRecord("Expected an Avro record but the value is null")
    read = _DECODERS.get(data[:_HEADER_SIZE])
    if read is None:
        raise UnreadableRecord(
            f"Expected an Avro single-object header of a known schema but the value begins with "
            f"{data[:_HEADER_SIZE].hex() or 'nothing'} ({len(data)} bytes)"
        )
    try:
        record: Record = read(data, _HEADER_SIZE)
    except BROKEN as error:
        raise UnreadableRecord(f"Expected a record that can be read but: {_described(error)}") from error
    return record


def _described(error: Exception) -> str:
    if isinstance(error, IndexError | struct.error):
        return "the bytes end or break off"
    return f"{error}" if isinstance(error, AvroError) else f"{type(error).__name__}: {error}"
