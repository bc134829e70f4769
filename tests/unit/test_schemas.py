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
from schema_docs import PAGE, render

from sagaline._engine.appliers import APPLIERS
from sagaline._model import events, records
from sagaline._model.attributes import SearchAttribute
from sagaline._model.codec import UnreadableRecord, decode, encode, fingerprint
from sagaline._model.failure import Failure, RetryPolicy
from sagaline._model.keys import murmur2, partition_of
from sagaline_schemas import schema_files

VECTORS = Path(__file__).parent / "vectors.json"
FROZEN = {name: bytes.fromhex(data) for name, data in json.loads(VECTORS.read_text()).items()}
FILES = {file.name: file.schema for file in schema_files()}  # the newest of each
VERSIONS = {file.name: file.version for file in schema_files()}


def newest_vector(name: str) -> bytes:
    """The frozen bytes of a record's newest version."""
    return FROZEN[f"{name}.v{VERSIONS[name]}"]


FAILURE = Failure("CardDeclined", "the bank says no ☂", "application", "stack", False, True, Failure("Cause", "why"))
RETRY = RetryPolicy(1_000, 1.5, 60_000, 0, ("A", "B"))
ATTRIBUTES = (SearchAttribute("tags", "list", '["☂"]'), SearchAttribute("tier", "int", "2"))


def of_resets() -> tuple[events.Event, ...]:
    """What a reset leaves in two histories."""
    fork = events.Fork(
        ("run-0", "run-1"), (9, 70_000), 1_764_000_000_123, "request", "a bad deploy", "ann@laptop", True, 2, "run-1"
    )
    started = events.RunStarted("fulfil", b"[1]", "request", "", 0, "accepted", fork=fork)
    return events.RunReset("run-4", 7, fork), started


def samples() -> dict[str, records.Record]:
    """One value of every record; history holds one of every event."""
    all_events: tuple[events.Event, ...] = (
        events.RunStarted("fulfil", b'[{"id":1}]', "request", "client", 3, "closed"),
        events.ActivityScheduled(1, "reserve", b"[]", 10_000, RETRY, "release", None, None),
        events.ActivityScheduled(2, "release", b"[]", 10_000, RETRY, None, 1, "unknown"),
        events.ActivityAttemptFailed(1, 1, FAILURE, 1_764_000_000_123),
        events.ActivityCompleted(1, 2, b"null"),
        events.ActivityFailed(2, 70_000, FAILURE),
        events.ActivityCancelRequested(3),
        events.TimerStarted(4, 1_764_000_000_123),
        events.TimerFired(4),
        events.TimerCancelled(5),
        events.CancelRequested("request", "why"),
        events.RunParked("bug", FAILURE),
        events.RunResumed("worker"),
        events.RunCompleted(b'{"a":[1,2]}'),
        events.RunFailed(FAILURE, True),
        events.RunCancelled("why", False),
        events.RunTerminated("request", "why"),
        events.RunReplaced("request", "run"),
        events.PatchMarked("fraud-check", True),
        events.SignalReceived("request", "approve", b'["Ann"]'),
        events.SignalsHandled((1, 70_000)),
        events.RunContinued("run-2", b"[2]"),
        events.UpdateAccepted("update", "add", b"[1]"),
        events.UpdateCompleted("update", b"[1]"),
        events.UpdateCompleted("update", b"null", FAILURE),
        events.ChildRequested(7, "ship-1", "ship", b"[]", "terminate", "allow"),
        events.ChildBegan(7, "run-3"),
        events.ChildEnded(7, "failed", None, FAILURE),
        events.ChildCancelRequested(7, "why"),
        events.RunTimedOut(),
        events.MessageRequested(3, "order-2", "", "approve", b"[1]", ""),
        events.MessageSettled(3),
        events.MessageSettled(4, FAILURE),
        events.LedgerCarried(2, b"[{}]"),
        events.LedgerInherited(2, b"[{}]"),
        *(kind("request", "why", "ada@host") for kind in (events.RunPaused, events.RunUnpaused)),
        events.SideEffectRecorded(5, "price", b"7"),
        events.SideEffectRecorded(6, "price", b"", FAILURE),
        events.AttributesGiven(b'{"a":1}', ATTRIBUTES),
        events.MemoChanged(b"{}"),
        events.SearchAttributesChanged(ATTRIBUTES),
        *of_resets(),
    )
    return {
        "start_run": records.StartRun("request", "order-1", "fulfil", b"[1]", "client", 2, "closed"),
        "cancel_run": records.CancelRun("request", "order-1", "why", "client", 2),
        "retry_run": records.RetryRun("request", "order-1"),
        "pause_run": records.PauseRun("request", "order-1", "why", "ada@host", "client", 2),
        "unpause_run": records.UnpauseRun("request", "order-1", "why", "ada@host", "client", 2, "run"),
        "reset_run": records.ResetRun("request", "order-1", "run", 7, "why", "ann@laptop", True, "client", 2),
        "terminate_run": records.TerminateRun("request", "order-1", "why"),
        "read_run": records.ReadRun("request", "order-1", "history", "client", 2),
        "signal_run": records.SignalRun("request", "order-1", "approve", b'["Ann"]', "client", 2, "run"),
        "query_run": records.QueryRun("request", "order-1", "status", b"[1]", "client", 2, "run"),
        "update_run": records.UpdateRun(
            "request", "order-1", "update", "add", b"[1]", "client", 2, "run", "accepted", 6_000
        ),
        "activity_result": records.ActivityResult("order-1", "run", 1, 2, None, FAILURE),
        "child_report": records.ChildReport("order-1", "run", 7, "ship-1", "run-3", "completed", b"1"),
        "task": records.Task("order-1", "run", 1, 2, "reserve", b"[]", 10_000, "run/1"),
        "reply": records.Reply("request", "order-1", "run", "closed", "failed", None, FAILURE, (b"a", b""), True),
        "claim": records.Claim("worker", "claim", 1_764_000_000_123),
        "refusals": records.Refusals(1, 2, 3, 4, 5, (records.Refusal("request", "order-1", FAILURE),)),
        "positions": records.Positions(1, 1_764_000_000_123, 3, 4, 5),
        "dead_letter": records.DeadLetter("orders.commands", 1, 2**40, "cause", 3),
        "history": records.History(7, 8, "order-1", "run", 1, 9, 10, 11, (1, 2), False, all_events),
    }


def sample_for(schema: dict[str, Any]) -> records.Record:
    """The sample of a schema, of history without what its version does not have."""
    name = next(name for name, newest in FILES.items() if newest["name"] == schema["name"])
    sample = samples()[name]
    if not isinstance(sample, records.History):
        return sample
    union = next(field for field in schema["fields"] if field["name"] == "events")["type"]["items"]
    known = {branch["name"]: {field["name"] for field in branch["fields"]} for branch in union}
    kept = tuple(
        event
        for event in sample.events
        if type(event).__name__ in known
        and ("fork" in known[type(event).__name__] or getattr(event, "fork", None) is None)
    )
    return msgspec.structs.replace(sample, events=kept)


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
