"""One suite for the state port, run on memory and RocksDB."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from sagaline import StateDirectoryInUse
from sagaline._store import Identity, Stores, open_stores

IDENTITY = Identity("log-1", "orders", 1)


@pytest.fixture(params=["memory", "rocksdb"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    found = open_stores(tmp_path if request.param == "rocksdb" else None)
    yield found
    found.close()


def test_rows_are_found_scanned_in_order_and_deleted(stores: Stores) -> None:
    store = stores.open(0, IDENTITY)
    store.write([(b"a/%02d" % number, b"v%d" % number) for number in reversed(range(20))] + [(b"b/1", b"")])
    assert store.get(b"a/07") == b"v7"
    assert store.get(b"b/1") == b""
    assert store.get(b"none") is None
    assert [key for key, _ in store.scan(b"a/")] == [b"a/%02d" % number for number in range(20)]
    assert list(store.scan(b"a/1")) == [(b"a/%02d" % number, b"v%d" % number) for number in range(10, 20)]
    store.write([(b"a/07", None), (b"a/08", b"first"), (b"a/08", b"last")])
    assert store.get(b"a/07") is None
    assert store.get(b"a/08") == b"last"
    store.close()


def test_scans_of_any_prefix_go_on_behind_any_key(stores: Stores) -> None:
    """Against a plain sorted list, on both stores alike."""
    draw = random.Random(7)
    alphabet = [b"\x00", b"a", b"b", b"\xff"]
    rows = {b"".join(draw.choices(alphabet, k=draw.randint(1, 5))): b"%d" % number for number in range(600)}
    store = stores.open(0, IDENTITY)
    store.write(list(rows.items()))
    for _ in range(300):
        prefix = b"".join(draw.choices(alphabet, k=draw.randint(1, 3)))
        after = draw.choice([b"", b"".join(draw.choices(alphabet, k=draw.randint(1, 5)))])
        expected = sorted(row for row in rows.items() if row[0].startswith(prefix) and row[0] > after)
        assert list(store.scan(prefix, after)) == expected
    store.close()


def test_rows_may_be_written_while_a_scan_goes_on(stores: Stores) -> None:
    store = stores.open(0, IDENTITY)
    store.write([(b"a/%04d" % number, b"v") for number in range(1_000)])
    seen: list[bytes] = []
    for key, _ in store.scan(b"a/"):
        seen.append(key)
        store.write([(key, None), (b"a/%04d-" % len(seen), b"new")])
    assert [key for key in seen if not key.endswith(b"-")] == [b"a/%04d" % number for number in range(1_000)]
    assert seen == sorted(seen)
    store.close()


def test_stores_are_opened_used_wiped_and_closed_in_any_thread(stores: Stores) -> None:
    with ThreadPoolExecutor(8) as threads:

        def work(partition: int) -> bytes | None:
            store = stores.open(partition, IDENTITY)
            store.write([(b"k", b"%d" % partition)])
            threads.submit(store.close).result()
            again = stores.open(partition, IDENTITY)
            value = again.get(b"k")
            assert len(list(again.scan(b"k"))) == 1
            again.close()
            stores.wipe(partition)
            return value

        assert list(threads.map(work, range(4))) == [b"%d" % partition for partition in range(4)]
    for partition in range(4):
        store = stores.open(partition, IDENTITY)
        assert store.get(b"k") is None
        store.close()
        store.close()


def test_partitions_are_apart_and_rows_survive_reopening(stores: Stores) -> None:
    first, second = stores.open(0, IDENTITY), stores.open(1, IDENTITY)
    first.write([(b"k", b"one")])
    second.write([(b"k", b"two")])
    first.close()
    again = stores.open(0, IDENTITY)
    assert again.get(b"k") == b"one"
    again.close()
    second.close()


def test_a_store_of_another_log_is_wiped(stores: Stores) -> None:
    store = stores.open(0, IDENTITY)
    store.write([(b"k", b"old")])
    store.close()
    store = stores.open(0, IDENTITY._replace(log="log-2"))
    assert store.get(b"k") is None
    store.close()


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"namespace": "payments"}, f"namespace '{IDENTITY.namespace}', not 'payments': it is rebuilt from the log"),
        ({"format": 99}, "this one writes format 99: it is rebuilt from the log"),
        ({"log": "another"}, "another log, or the history topic was made anew: it is rebuilt from the log"),
    ],
    ids=str,
)
def test_another_identity_is_said(
    other: dict[str, Any], words: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stores = open_stores(tmp_path)
    stores.open(0, IDENTITY).close()
    stores.open(0, IDENTITY._replace(**other)).close()
    assert words in caplog.text
    stores.close()


def test_a_damaged_store_is_rebuilt_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    stores = open_stores(tmp_path)
    store = stores.open(0, IDENTITY)
    store.write([(b"k", b"v")])
    store.close()
    for file in (tmp_path / "partition-0" / "db").glob("MANIFEST*"):
        file.write_bytes(b"not a manifest")
    store = stores.open(0, IDENTITY)
    assert store.get(b"k") is None
    assert "rebuilt from the log" in caplog.text
    store.close()
    stores.close()


def test_a_directory_in_use_is_refused_with_advice(tmp_path: Path) -> None:
    stores = open_stores(tmp_path)
    with pytest.raises(StateDirectoryInUse, match=rf"process {os.getpid()} works in it.*--state-dir"):
        open_stores(tmp_path)
    stores.close()
    open_stores(tmp_path).close()


_WRITER = """
import sys
from sagaline._store import Identity, open_stores
store = open_stores(sys.argv[1]).open(0, Identity("log-1", "orders", 1))
for number in range(10**9):
    store.write([(b"a", b"%d" % number), (b"b", b"%d" % number)])
    if number == 200:
        print("ready", flush=True)
"""


def test_kill_9_leaves_whole_batches(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGKILL)
    stores = open_stores(tmp_path)
    store = stores.open(0, IDENTITY)
    a, b = store.get(b"a"), store.get(b"b")
    assert a == b
    assert a is not None
    assert int(a) >= 200
    store.close()
    stores.close()
