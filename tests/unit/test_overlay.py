"""Rows above rows: any order of writes, deletes and settling reads as one sorted map."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from sagaline._engine.overlay import Overlay
from sagaline._store.memory import MemoryStore

keys = st.sampled_from([prefix + bytes([number]) for prefix in (b"a/", b"b/") for number in range(6)])
writes = st.lists(st.tuples(keys, st.one_of(st.none(), st.binary(max_size=2))), max_size=20)


@given(writes, writes, writes)
def test_scans_and_gets_are_those_of_one_map(
    stored: list[tuple[bytes, bytes | None]],
    middle: list[tuple[bytes, bytes | None]],
    top: list[tuple[bytes, bytes | None]],
) -> None:
    store = MemoryStore()
    store.write(stored)
    below = Overlay(store)
    above = Overlay(below)
    for layer, changes in ((below, middle), (above, top)):
        for key, value in changes:
            layer.put(key, value)
    whole: dict[bytes, bytes | None] = {}
    for key, value in (*stored, *middle, *top):
        whole[key] = value
    for prefix in (b"a/", b"b/", b"c/"):
        want = sorted((key, value) for key, value in whole.items() if value is not None and key.startswith(prefix))
        assert list(above.scan(prefix)) == want
    assert all(above.get(key) == value for key, value in whole.items())


def test_a_scan_reads_no_more_than_is_asked_for() -> None:
    class Endless:
        read = 0

        def get(self, key: bytes) -> bytes | None:
            return None

        def scan(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
            while True:
                self.read += 1
                yield b"%b%08d" % (prefix, self.read), b""

    rows = Endless()
    overlay = Overlay(rows)
    overlay.put(b"c/00000002", None)
    assert [key for key, _ in islice(overlay.scan(b"c/"), 3)] == [b"c/00000001", b"c/00000003", b"c/00000004"]
    assert rows.read <= 5
