"""The wire contract: frozen bytes, a second Avro implementation, compatibility, documentation."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import avro.io
import avro.schema
import fastavro
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from record_samples import FILES, sample_for, samples
from schema_docs import PAGE, render

from sagaline._engine.appliers import APPLIERS
from sagaline._model import events, records
from sagaline._model.codec import UnreadableRecord, decode, encode, fingerprint
from sagaline._model.keys import murmur2, partition_of
from sagaline_schemas import schema_files

VECTORS = Path(__file__).parent / "vectors.json"
FROZEN = {name: bytes.fromhex(data) for name, data in json.loads(VECTORS.read_text()).items()}
VERSIONS = {file.name: file.version for file in schema_files()}


def newest_vector(name: str) -> bytes:
    """The frozen bytes of a record's newest version."""
    return FROZEN[f"{name}.v{VERSIONS[name]}"]


def plain(value: Any) -> Any:
    """A record as the dicts that Avro libraries speak of."""
    if isinstance(value, msgspec.Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    return [plain(one) for one in value] if isinstance(value, tuple) else value


def test_every_schema_has_a_sample_and_a_frozen_vector() -> None:
    assert set(samples()) == set(FILES)
    assert {f"{file.name}.v{file.version}" for file in schema_files()} == set(FROZEN)


@pytest.mark.parametrize("name", sorted(FILES))
def test_bytes_are_as_frozen(name: str) -> None:
    assert encode(samples()[name]) == newest_vector(name), "a published schema never changes: add a version"


@pytest.mark.parametrize("version", sorted(FROZEN))
def test_every_version_is_read_as_the_newest_type(version: str) -> None:
    """What an older version lacks has the type's default."""
    schema = next(file.schema for file in schema_files() if f"{file.name}.v{file.version}" == version)
    assert decode(FROZEN[version]) == sample_for(schema)


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_second_implementation_reads_the_same_value(name: str) -> None:
    frozen = newest_vector(name)
    schema = avro.schema.parse(json.dumps(FILES[name]))
    decoder = avro.io.BinaryDecoder(io.BytesIO(frozen[10:]))
    assert avro.io.DatumReader(schema).read(decoder) == plain(samples()[name])


@pytest.mark.parametrize("name", sorted(FILES))
def test_fastavro_makes_and_reads_the_same_bytes(name: str) -> None:
    schema = fastavro.parse_schema(FILES[name])
    data = encode(samples()[name])
    assert fastavro.schemaless_reader(io.BytesIO(data[10:]), schema) == plain(samples()[name])
    out = io.BytesIO()
    hinted = fastavro.schemaless_reader(io.BytesIO(data[10:]), schema, return_record_name=True)
    fastavro.schemaless_writer(out, schema, hinted)
    assert out.getvalue() == data[10:]


def test_the_fingerprint_is_the_one_of_the_specification() -> None:
    assert fingerprint({"type": "null"}).hex() == "8a8f25cce724dd63"


def test_fields_of_types_and_schemas_are_the_same_in_order() -> None:
    for name, kind in records.RECORDS.items():
        assert list(kind.__struct_fields__) == [field["name"] for field in FILES[name]["fields"]], name
    union = next(field for field in FILES["history"]["fields"] if field["name"] == "events")["type"]["items"]
    assert [branch["name"] for branch in union] == [kind.__name__ for kind in events.EVENTS]
    for branch, kind in zip(union, events.EVENTS, strict=True):
        assert [field["name"] for field in branch["fields"]] == list(kind.__struct_fields__), branch["name"]


def test_every_event_has_an_applier() -> None:
    assert {kind for kind, _ in APPLIERS} == set(events.EVENTS)


def documented(schema: Any) -> bool:
    if isinstance(schema, list):
        return all(documented(one) for one in schema)
    if not isinstance(schema, dict):
        return True
    if schema["type"] == "array":
        return documented(schema["items"])
    return bool(schema.get("doc")) and all(field.get("doc") and documented(field["type"]) for field in schema["fields"])


def test_every_record_and_field_is_documented_and_the_page_is_current() -> None:
    assert all(documented(schema) for schema in FILES.values())
    assert PAGE.read_text("utf-8") == render(), "run: make docs"


def test_versions_of_a_schema_read_each_other() -> None:
    """FULL_TRANSITIVE: every version reads every other. An incompatible change is refused.

    What an older version of history cannot have is an event that is newer: a worker that does not know it holds the
    run (docs/decisions/0015).
    """
    by_name: dict[str, list[dict[str, Any]]] = {}
    for file in schema_files():
        by_name.setdefault(file.name, []).append(file.schema)
    for name, versions in by_name.items():
        for writer in versions:
            for reader in versions:
                assert incompatibility(writer, reader) is None, name


def incompatibility(writer: dict[str, Any], reader: dict[str, Any]) -> str | None:
    """Why a value of one schema that the other may have too cannot be read through it; None when it can."""
    value = plain(sample_for(min(writer, reader, key=lambda schema: len(json.dumps(schema)))))
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(writer), value)
    out.seek(0)
    try:
        fastavro.schemaless_reader(out, fastavro.parse_schema(writer), fastavro.parse_schema(reader))
    except Exception as error:
        return str(error)
    return None


def test_the_compatibility_check_can_fail() -> None:
    reader = json.loads(json.dumps(FILES["claim"]))
    reader["fields"].append({"name": "added", "type": "string", "doc": "without a default"})
    assert incompatibility(FILES["claim"], reader) is not None
    reader["fields"][-1]["default"] = ""
    assert incompatibility(FILES["claim"], reader) is None


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(sorted(FILES)))
def test_any_bytes_are_a_record_or_a_clear_error(data: bytes, name: str) -> None:
    header = encode(samples()[name])[:10]
    for found in (data, header + data):
        try:
            decode(found)
        except UnreadableRecord as error:
            assert str(error)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(sorted(FILES)), st.integers(0, 255))
def test_a_damaged_record_is_a_record_or_a_clear_error(place: int, name: str, value: int) -> None:
    data = bytearray(encode(samples()[name]))
    data[place % len(data)] = value
    try:
        decode(bytes(data))
    except UnreadableRecord as error:
        assert str(error)


def test_null_is_no_record() -> None:
    with pytest.raises(UnreadableRecord, match="the value is null"):
        decode(None)


# Vectors of org.apache.kafka.common.utils.UtilsTest
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("21", -973932308),
        ("foobar", -790332482),
        ("a-little-bit-long-string", -985981536),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
    ],
)
def test_murmur2_is_that_of_the_java_client(text: str, expected: int) -> None:
    assert murmur2(text.encode()) == expected & 0xFFFFFFFF
    assert 0 <= partition_of(text, 7) < 7
