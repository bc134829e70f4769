"""The codec against fastavro, against damage and against values that it must not take."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Any

import fastavro
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs
from record_values import HOSTILE, NEWEST, hinted, places, plain, record, with_value

from sagaline._model import events, records
from sagaline._model.codec import Unencodable, UnreadableRecord, decode, encode, fingerprint
from sagaline._model.failure import Failure, RetryPolicy
from sagaline._model.limits import DEPTH
from sagaline_schemas import schema_files

NAMES = sorted(NEWEST)
ANY_RECORD = st.sampled_from(NAMES).flatmap(record)
HEADERS = {b"\xc3\x01" + fingerprint(file.schema): fastavro.parse_schema(file.schema) for file in schema_files()}
FIRST_HISTORY = b"\xc3\x01" + fingerprint(
    next(file.schema for file in schema_files() if (file.name, file.version) == ("history", 1))
)
PARSED = {kind: fastavro.parse_schema(NEWEST[name]) for name, kind in records.RECORDS.items()}
many = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def long(number: int) -> bytes:
    """A number as Avro writes it, of any size."""
    rest, out = (number << 1) ^ (number >> 2000), bytearray()
    while rest > 0x7F:
        out.append((rest & 0x7F) | 0x80)
        rest >>= 7
    return bytes([*out, rest])


def readable(data: bytes) -> Any:
    """The record in the bytes; None when they are refused, and nothing else is ever raised."""
    try:
        return decode(data)
    except UnreadableRecord as error:
        assert str(error)
        return None


def by_fastavro(data: bytes) -> Any:
    """The same by fastavro; None when it refuses them or does not read to their end."""
    stream = io.BytesIO(data[10:])
    try:
        value = fastavro.schemaless_reader(stream, HEADERS[data[:10]])
    except Exception:
        return None
    return value if stream.read(1) == b"" else None


@many
@given(ANY_RECORD)
def test_records_have_the_bytes_that_fastavro_gives_them(value: Any) -> None:
    data = encode(value)
    out = io.BytesIO()
    fastavro.schemaless_writer(out, PARSED[type(value)], hinted(value))
    assert data[10:] == out.getvalue()
    assert decode(data) == value
    assert by_fastavro(data) == plain(value)


def agree(data: bytes) -> None:
    """What is read here is read by fastavro as the same, and is written again as a record that is read as the same."""
    value = readable(data)
    if value is None:
        return
    theirs = by_fastavro(data)
    assert theirs is not None, "fastavro refuses it"
    ours = plain(value)
    assert repr({name: ours[name] for name in theirs}) == repr(theirs) or same(ours, theirs)
    if data[:10] != FIRST_HISTORY:
        assert repr(decode(encode(value))) == repr(value)


def same(ours: Any, theirs: Any) -> bool:
    """Equal in what an older version has."""
    if isinstance(theirs, dict):
        return all(same(ours[name], theirs[name]) for name in theirs)
    if isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    return bool(ours == theirs) or repr(ours) == repr(theirs)


@many
@given(st.sampled_from(sorted(HEADERS)), st.binary(max_size=200))
def test_random_bytes_are_a_record_to_both_or_refused(header: bytes, body: bytes) -> None:
    agree(header + body)
    readable(body)


@many
@given(ANY_RECORD, st.data())
def test_damaged_records_are_a_record_to_both_or_refused(value: Any, data: st.DataObject) -> None:
    damaged = bytearray(encode(value))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(10, len(damaged)))
        cut = data.draw(st.integers(0, 3))
        damaged[at : at + cut] = data.draw(st.one_of(st.binary(max_size=3), st.integers(-(2**70), 2**70).map(long)))
    agree(bytes(damaged))


@pytest.mark.parametrize("name", NAMES)
def test_a_record_cut_off_anywhere_is_refused(name: str, seed: int) -> None:
    for value in samples(record(name), seed):
        data = encode(value)
        for end in range(10, len(data)):
            with pytest.raises(UnreadableRecord):
                decode(data[:end])
        with pytest.raises(UnreadableRecord):
            decode(data + b"\0")


def samples(strategy: st.SearchStrategy[Any], seed: int, count: int = 5) -> list[Any]:
    drawn: list[Any] = []

    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def draw(value: Any) -> None:
        drawn.append(value)

    draw()
    return drawn


# What an encoder takes, its decoder gives back


@many
@given(ANY_RECORD, st.sampled_from(HOSTILE), st.data())
def test_what_is_encoded_is_read_as_the_same_or_refused(value: Any, hostile: Any, data: st.DataObject) -> None:
    """Any one field of any record, or item of a list in it, is something else."""
    path = data.draw(st.sampled_from(places(value)))
    changed = with_value(value, path, hostile)
    try:
        written = encode(changed)
    except Unencodable as error:
        assert type(value).__name__ in str(error)
        return
    found = decode(written)
    assert repr(found) == repr(changed) or same(plain(found), plain(changed)), f"{path} was {hostile!r}"


@pytest.mark.parametrize(
    "value",
    [
        records.Claim("owner", "claim", 2**63),
        records.StartRun("r", "w", "\ud800", b"[]"),
        records.StartRun("r", "w", "pay", b"[]", reply_partition=2**31),
        records.ActivityResult("w", "r", 1, 1, "text"),  # type: ignore[arg-type]
        records.History(0, 0, "w", "r", 1, 0, 0, 0, (), False, (events.TimerStarted(1, 2**63),)),
        records.History(0, 0, "w", "r", 1, 0, 0, 0, (), False, ("event",)),  # type: ignore[arg-type]
        records.History(0, 0, "w", "r", 1, 0, 0, 0, (), "no", ()),  # type: ignore[arg-type]
        object(),
        None,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_read_again_is_refused(value: Any) -> None:
    with pytest.raises(Unencodable, match="Expected"):
        encode(value)


def chain(length: int) -> Failure:
    """A failure with so many causes."""
    failure = Failure("Last", "why")
    for _ in range(length):
        failure = Failure("Next", "why", cause=failure)
    return failure


def result(failure: Failure) -> records.ActivityResult:
    return records.ActivityResult("w", "r", 1, 1, None, failure)


def test_records_nest_so_deep_and_no_deeper() -> None:
    """Deeper ones, however deep, are refused and not a matter of how much stack is left."""
    deepest = encode(result(chain(DEPTH - 1)))
    assert decode(deepest) == result(chain(DEPTH - 1))
    for length in (DEPTH, 900, 5_000):
        with pytest.raises(Unencodable, match="64 deep"):
            encode(result(chain(length)))
    end = b"\0\x01\0"  # no cause, no delay of the next attempt, no details
    one_more = deepest.removesuffix(end)
    level = b"\x02" + b"\x00" * 6  # a cause without texts, not retryable, not clean
    for length in (1, 1_000, 100_000):
        with pytest.raises(UnreadableRecord, match="64 deep"):
            decode(one_more + level * length + end)


def test_a_little_stack_is_no_excuse() -> None:
    data = encode(result(chain(DEPTH - 1)))

    def deeper(levels: int, then: Callable[[], object]) -> object:
        return deeper(levels - 1, then) if levels else then()

    refused = 0
    for levels in range(600, 990, 5):
        for action, error in ((lambda: decode(data), UnreadableRecord), (lambda: encode(decode(data)), ValueError)):
            try:
                deeper(levels, action)
            except error:
                refused += 1
            except RecursionError:
                pass  # of ``deeper`` itself
    assert refused, "the bound of the interpreter was never met"


@pytest.mark.parametrize("count", [2**40, 2**62, -(2**40), -(2**63), 2**63])
def test_absurd_counts_and_lengths_cost_nothing(count: int) -> None:
    """Of events, of flags, of names, of bytes."""
    whole = records.History(1, 1, "w", "r", 1, 1, 1, 1, (), False, ())
    data = encode(whole)
    head = data[: data.rindex(b"\0\0\0")]
    texts = encode(records.Claim("", "", 0))[:10]
    begin = time.process_time()
    for damaged in (
        head + long(count),
        head + b"\0\0" + long(count),
        texts + long(count),
        texts + long(count) + b"abc",
    ):
        assert readable(damaged) is None
        assert readable(damaged + b"\0" * 50) is None
    assert time.process_time() - begin < 0.5


def test_numbers_of_more_bits_than_64_are_refused() -> None:
    head = encode(records.Claim("", "", 0))[:-1]
    for number in (2**63 - 1, -(2**63)):
        assert readable(head + long(number)) == records.Claim("", "", number)
    for number in (2**63, -(2**63) - 1, 2**69):
        assert readable(head + long(number)) is None
    assert readable(head + b"\xff" * 9 + b"\x01") == records.Claim("", "", -(2**63))
    assert readable(head + b"\xff" * 9 + b"\x02") is None


def test_numbers_of_more_bits_than_32_are_refused_where_32_are_meant() -> None:
    """All but in history of the first version, whose encoder took them."""
    request = records.StartRun("r", "w", "pay", b"[]", "client", 77)
    data = encode(request)
    for number, expected in ((2**31 - 1, 2**31 - 1), (-(2**31), -(2**31)), (2**31, None), (-(2**31) - 1, None)):
        found = readable(data.replace(b"client" + long(77), b"client" + long(number)))
        assert (None if found is None else found.reply_partition) == expected
    out = io.BytesIO()
    first = records.History(1, 1, "w", "r", 1, 1, 1, 1, (2**40,), False, ())
    fastavro.schemaless_writer(out, HEADERS[FIRST_HISTORY], plain(first) | {"flags": [1]})
    old = FIRST_HISTORY + out.getvalue().replace(long(1) + b"\0\0\0", long(2**40) + b"\0\0\0")
    assert readable(old) == first


STARTED = events.RunStarted("order", b"[]", "r", "c", 0, "closed")
SCHEDULED = events.ActivityScheduled(1, "ship", b"[]", 1_000, RetryPolicy())


@pytest.mark.parametrize(
    "event",
    [
        STARTED,
        structs.replace(STARTED, continued_from="r"),
        structs.replace(STARTED, deadline=1),
        structs.replace(STARTED, version=2),
        SCHEDULED,
        structs.replace(SCHEDULED, compensation="undo"),
        structs.replace(SCHEDULED, compensates=0),
        structs.replace(SCHEDULED, compensation="", compensates_run="r"),
        events.ActivityCompleted(1, 1, b"null"),
    ],
)
def test_events_that_end_with_defaults_are_read_as_they_were_wherever_they_stand(event: events.Event) -> None:
    record = records.History(1, 2, "w", "r", 1, 0, 0, 0, (), False, (event, SCHEDULED, event))
    data = encode(record)
    assert decode(data) == record
    for end in range(len(data)):
        assert readable(data[:end]) is None
