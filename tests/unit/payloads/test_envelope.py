"""Whatever bytes come, opening them is a payload or PayloadUnavailable, and takes no more memory than it may."""

from __future__ import annotations

import os
import tracemalloc
import zlib
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sealing import RUN, encrypted

from sagaline import PayloadUnavailable
from sagaline._model.limits import ENVELOPE_HEADER_BYTES
from sagaline._payloads import Sealer, describe, step_result
from sagaline._payloads.envelope import Header, read, write
from sagaline.payloads import FileBlobs, Payloads, Zlib

KEY = os.urandom(32)
HERE = step_result(RUN, 7)
PACKED = msgspec.msgpack.encode
SEALERS = [
    Sealer(encrypted(k1=KEY)),
    Sealer(encrypted(k1=KEY, allow_plain=True)),
    Sealer(Payloads(codecs=[Zlib()])),
    Sealer(Payloads(blobs=FileBlobs("/nonexistent/blobs"))),
]
GOOD = [sealer.seal(HERE, b'{"a": [1, 2, 3]}') for sealer in SEALERS]


def raw(header: bytes, data: bytes = b"") -> bytes:
    return b"\0" + len(header).to_bytes(2, "big") + header + data


def open_or_refuse(payload: bytes) -> None:
    for sealer in SEALERS:
        try:
            opened = sealer.open(HERE, payload)
        except PayloadUnavailable as error:
            assert len(str(error)) < 5_000
        else:
            assert isinstance(opened, bytes)
    assert len(describe(payload)) < 5_000


@given(st.binary(max_size=200).map(lambda data: b"\0" + data))
@example(b"\0")
@example(b"\0\xff\xff")
@example(raw(PACKED([2, 1, [["zlib", ""]] * 1_000, ""])))
@example(raw(b"\x91" * 1_900))
@example(raw(PACKED([2, -1, [], ""])))
@example(raw(PACKED([2, 2**63 - 1, [["zlib", ""]], ""])))
@example(raw(b"\x94\x02\xcf" + b"\xff" * 8 + b"\x90\xa0"))
@settings(max_examples=500)
def test_random_envelopes(payload: bytes) -> None:
    open_or_refuse(payload)


@given(
    st.sampled_from(GOOD),
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=4),
    st.integers(0, 60),
)
@settings(max_examples=1_000)
def test_mutated_envelopes(good: bytes, changes: list[tuple[int, int]], cut: int) -> None:
    payload = bytearray(good)
    for place, byte in changes:
        payload[place % len(payload)] = byte
    open_or_refuse(bytes(payload[: len(payload) - cut]))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=5) | st.binary(max_size=5),
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=10,
    ),
    st.binary(max_size=20),
)
@settings(max_examples=500)
def test_headers_of_any_shape(header: Any, data: bytes) -> None:
    open_or_refuse(raw(PACKED(header), data))


def test_what_a_header_may_not_say() -> None:
    for header, message in (
        (b"", "no such length"),
        (PACKED([2, 1, [], ""]) + bytes(ENVELOPE_HEADER_BYTES), "no such length"),
        (PACKED([3, 1, [], ""]), "version 1 or 2 but got 3"),
        (PACKED([2, 1, [["zlib", ""], ["zlib", ""]], ""]), "each of them once"),
        (PACKED([2, 1, [[f"c{number}", ""] for number in range(9)], ""]), "at most 8 codecs"),
        (PACKED([2, 1, [["x" * 65, ""]], ""]), "at most 64"),
        (PACKED([2, 1, [["x", "k" * 256]], ""]), "at most 255"),
        (PACKED([2, 1, [], "../../etc/passwd"]), "a run id and a digest"),
        (PACKED([2, 1, [], f"{RUN}/{'0' * 64}/.."]), "a run id and a digest"),
        (PACKED([2, 1, [], "", "more"]), "the envelope of a payload"),
        (PACKED({"version": 2}), "the envelope of a payload"),
    ):
        with pytest.raises(ValueError, match=message):
            read(raw(header))
    with pytest.raises(ValueError, match="at most 64"):
        write(Header(2, 1, (("x" * 65, ""),)), b"")


def bomb(layers: int) -> bytes:
    data = bytes(50_000_000)
    for _ in range(layers):
        data = zlib.compress(data, 9)
    return data


@pytest.mark.parametrize(
    ("header", "layers"),
    [
        (Header(2, 10, (("zlib", ""),)), 1),  # says less than it has
        (Header(2, 2_000_000_000, (("zlib", ""),)), 1),  # says more than may be
        (Header(1, 10, (("zlib", ""),)), 1),
        (Header(2, 70_000, (("zlib", ""),)), 2),  # 245 bytes, in two layers
    ],
)
def test_a_bomb_is_refused_before_it_goes_off(header: Header, layers: int) -> None:
    payload = write(header, bomb(layers))
    sealer = Sealer(Payloads(codecs=[Zlib()], max_bytes=1_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(PayloadUnavailable):
            sealer.open(HERE, payload)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


def test_bytes_behind_a_compressed_payload_are_refused() -> None:
    sealer = Sealer(Payloads(codecs=[Zlib()]))
    sealed = sealer.seal(HERE, b"[1]")
    for payload in (sealed + b"more", sealed[:-1]):
        with pytest.raises(PayloadUnavailable, match="do not end where they should"):
            sealer.open(HERE, payload)
