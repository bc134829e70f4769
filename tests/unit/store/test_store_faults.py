"""What a disk can do to a store: it says so, never gives less than there is, and is believed empty only when it is."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sagaline import ConfigurationError
from sagaline._store import Identity, Stores, StoreUnavailable, open_stores
from sagaline._store import directory as state_directory
from sagaline._store.directory import RocksStores
from sagaline._store.rocksdb import RocksStore

IDENTITY = Identity("log-1", "orders", 1)


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    opened = open_stores(tmp_path / "state")
    yield opened
    opened.close()


class Panic(BaseException):
    """As the binding raises it when Rust panics."""


class Broken:
    """A database whose calls raise."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            raise self._error

        return call


class EndsWithError:
    """A database whose iterator has three rows, and then an error: in a step, or in its status alone."""

    def __init__(self, error: Exception, in_step: bool) -> None:
        self._error, self._in_step, self._number = error, in_step, 0

    def iter(self, options: Any) -> EndsWithError:
        return self

    def seek(self, key: bytes) -> None: ...

    def valid(self) -> bool:
        return self._number < 3

    def key(self) -> bytes:
        return b"a/%d" % self._number

    def value(self) -> bytes:
        return b"v"

    def next(self) -> None:
        self._number += 1
        if self._in_step and self._number == 3:
            raise self._error

    def status(self) -> None:
        raise self._error


ERRORS = [Exception("IO error: While pread: Connection reset"), RuntimeError("odd"), MemoryError(), Panic("rust")]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_every_call_that_fails_is_the_store_being_unavailable(stores: Stores, error: BaseException) -> None:
    store = stores.open(0, IDENTITY)
    assert isinstance(store, RocksStore)
    healthy, store._db = store._db, Broken(error)  # type: ignore[assignment]
    for call in (
        lambda: store.get(b"k"),
        lambda: list(store.scan(b"a/")),
        lambda: store.write([(b"k", b"v")]),
    ):
        with pytest.raises(StoreUnavailable, match="the state could not be") as raised:
            call()  # type: ignore[no-untyped-call]
        assert raised.value.__cause__ is error
    store._db = healthy
    store.close()


@pytest.mark.parametrize("in_step", [True, False])
def test_a_scan_that_cannot_go_on_raises_behind_what_it_has_given(stores: Stores, in_step: bool) -> None:
    store = stores.open(0, IDENTITY)
    assert isinstance(store, RocksStore)
    healthy, store._db = store._db, EndsWithError(OSError("gone"), in_step)  # type: ignore[assignment]
    seen: list[bytes] = []
    with pytest.raises(StoreUnavailable, match="gone"):
        seen.extend(key for key, _ in store.scan(b"a/"))
    assert seen == [b"a/0", b"a/1", b"a/2"]
    store._db = healthy
    store.close()


def test_a_block_that_is_damaged_is_no_end_and_the_store_is_rebuilt(
    stores: Stores, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """RocksDB opens such a database without a word, and rocksdict's own ``items`` ends in the middle of it."""
    store = stores.open(0, IDENTITY)
    assert isinstance(store, RocksStore)
    store.write([(b"a/%06d" % number, os.urandom(100)) for number in range(20_000)])
    store._db.flush()
    store.close()
    (file,) = (tmp_path / "state" / "partition-0" / "db").glob("*.sst")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)
    store = stores.open(0, IDENTITY)
    seen: list[bytes] = []
    with pytest.raises(StoreUnavailable, match="Corruption"):
        seen.extend(key for key, _ in store.scan(b"a/"))
    assert 0 < len(seen) < 20_000
    with pytest.raises(StoreUnavailable, match="Corruption"):
        list(map(store.get, (b"a/%06d" % number for number in range(20_000))))
    store.close()
    assert "is damaged" in caplog.text
    store = stores.open(0, IDENTITY)
    assert list(store.scan(b"a/")) == []
    store.write([(b"a/1", b"v")])
    store.close()
    store = stores.open(0, IDENTITY)
    assert store.get(b"a/1") == b"v"
    store.close()


def test_a_store_that_is_open_is_not_wiped_for_it(stores: Stores) -> None:
    store = stores.open(0, IDENTITY)
    store.write([(b"k", b"v")])
    with pytest.raises(StoreUnavailable, match="lock hold by current process"):
        stores.open(0, IDENTITY)
    assert store.get(b"k") == b"v"
    store.close()
    store = stores.open(0, IDENTITY)
    assert store.get(b"k") == b"v"
    store.close()


@pytest.mark.parametrize("reason", ["No space left on device", "Too many open files"])
def test_what_is_no_damage_does_not_cost_the_state(
    stores: Stores, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = stores.open(0, IDENTITY)
    store.write([(b"k", b"v")])
    store.close()

    def fail(*args: Any) -> RocksStore:
        raise Exception(f"IO error: {reason}: While open a file")

    with monkeypatch.context() as patch:
        patch.setattr(state_directory, "RocksStore", fail)
        with pytest.raises(StoreUnavailable, match=reason):
            stores.open(0, IDENTITY)
    store = stores.open(0, IDENTITY)
    assert store.get(b"k") == b"v"
    store.close()


def test_a_wipe_that_fails_raises_and_the_state_is_whole(
    stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = stores.open(0, IDENTITY)
    store.write([(b"k", b"v")])
    store.close()

    def fail(self: Path, target: Path) -> Path:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", fail)
        with pytest.raises(StoreUnavailable, match="cannot be deleted"):
            stores.wipe(0)
        with pytest.raises(StoreUnavailable):  # of another log, and it cannot be made empty
            stores.open(0, IDENTITY._replace(log="log-2"))
    store = stores.open(0, IDENTITY)
    assert store.get(b"k") == b"v"
    store.close()


def test_a_wipe_that_deletes_half_is_a_wipe_all_the_same(
    stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Files that stay behind are never seen again, and go when they can."""
    store = stores.open(0, IDENTITY)
    store.write([(b"k", b"v")])
    store.close()

    def fail(path: Path) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", fail)
        stores.wipe(0)
    assert "is still in" in caplog.text
    assert len(list((tmp_path / "state").glob("wiped-*"))) == 1
    store = stores.open(0, IDENTITY)
    assert store.get(b"k") is None
    store.close()
    stores.wipe(0)
    stores.wipe(0)
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["lock"]


def test_what_was_wiped_before_a_crash_goes_at_the_next_start(tmp_path: Path) -> None:
    (tmp_path / "state" / "wiped-0-abcd" / "db").mkdir(parents=True)
    opened = open_stores(tmp_path / "state")
    opened.close()
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["lock"]


@pytest.mark.skipif(sys.platform == "win32", reason="links")
def test_a_directory_that_cannot_be_used_is_a_mistake_of_configuration(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"--state-dir"):
        open_stores(tmp_path / "file")
    with pytest.raises(ConfigurationError, match=r"--state-dir"):
        RocksStores(tmp_path / "file" / "below", 1_000_000)
