"""Rows above rows: any order of writes, deletes and settling reads as one sorted map."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sagaline._engine.overlay import Overlay
from sagaline._engine.sorted_rows import SortedRows
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
            layer.add({key: value})
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
    overlay.add({b"c/00000002": None})
    assert [key for key, _ in islice(overlay.scan(b"c/"), 3)] == [b"c/00000001", b"c/00000003", b"c/00000004"]
    assert rows.read <= 5


operations = st.lists(
    st.one_of(
        st.tuples(st.just("put"), keys, st.integers(0, 9)),
        st.tuples(st.just("delete"), keys, st.just(0)),
        st.tuples(st.just("scan"), st.sampled_from([b"a/", b"b/", b"a/\3", b"", b"c/"]), st.just(0)),
        st.tuples(st.just("behind"), keys, st.just(0)),
        st.tuples(st.just("clear"), st.just(b""), st.just(0)),
    ),
    max_size=60,
)


@given(operations)
def test_sorted_rows_are_a_dict_that_is_scanned_in_order(steps: list[tuple[str, bytes, int]]) -> None:
    rows: SortedRows[int] = SortedRows()
    model: dict[bytes, int] = {}
    for what, key, value in steps:
        if what == "put":
            rows.by_key[key] = value
            model[key] = value
        elif what == "delete":
            if key in model:
                rows.delete([key])
                del model[key]
        elif what == "clear":
            rows.clear()
            model.clear()
        elif what == "scan":
            assert rows.scan(key) == sorted(row for row in model.items() if row[0].startswith(key))
        else:
            assert rows.scan(key[:2], key) == sorted(
                row for row in model.items() if row[0].startswith(key[:2]) and row[0] > key
            )
        assert rows.by_key == model


class CountedKey(bytes):
    """A key that counts how often a scan has looked at it."""

    looks = 0

    def startswith(self, *args: Any) -> bool:
        CountedKey.looks += 1
        return super().startswith(*args)


def test_a_scan_looks_at_what_it_gives_and_not_at_what_there_is() -> None:
    overlay = Overlay(MemoryStore())
    for run in range(1_000):
        for step in range(3):
            overlay.add({CountedKey(b"a/%04d/%d" % (run, step)): b""})
    CountedKey.looks = 0
    for run in range(1_000):
        assert len(list(overlay.scan(b"a/%04d/" % run))) == 3
    assert CountedKey.looks <= 4 * 1_000


def test_a_key_is_sorted_in_once() -> None:
    """Also one that is deleted and comes again: no scan looks for it among all that there are."""
    rows: SortedRows[int] = SortedRows()
    for number in range(1_000):
        rows.by_key[b"%04d" % number] = number
    assert rows.unsorted == 1_000
    assert len(rows.scan(b"")) == 1_000
    rows.delete([b"0001", b"0500"])
    rows.by_key[b"0001"] = 1
    rows.by_key[b"0002"] = 2  # is there
    assert rows.unsorted == 1
    assert [key for key, _ in rows.scan(b"000")][:3] == [b"0000", b"0001", b"0002"]
    assert rows.unsorted == 0


def test_so_many_rows_as_are_asked_for_are_scanned() -> None:
    rows: SortedRows[int] = SortedRows()
    rows.by_key.update({b"%02d" % number: number for number in reversed(range(20))})
    assert rows.scan(b"", b"03", 2) == [(b"04", 4), (b"05", 5)]
    assert rows.scan(b"", b"", 0) == []


def test_keys_of_rows_that_came_and_went_are_not_kept() -> None:
    """A partition that nothing scans for a day, and one that something scans all the time."""
    for scans in (False, True):
        overlay = Overlay(MemoryStore())
        for number in range(2_000):
            writes: dict[bytes, bytes | None] = {b"r/%d" % number: b""}
            overlay.add(writes)
            if scans:
                assert len(list(overlay.scan(b"r/"))) == 1
            overlay.settle(writes)
        rows = overlay._above
        assert not rows.by_key
        assert not rows._sorted
