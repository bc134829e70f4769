"""Blobs in a directory: whole or not at all, and never outside it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sealing import OTHER_RUN, RUN

from sagaline._payloads import Sealer, input_of
from sagaline.errors import PayloadUnavailable
from sagaline.payloads import FileBlobs, Payloads

DIGEST = "a" * 64
BAD_RUN_IDS = [
    "",
    ".",
    "..",
    "/",
    "0" * 31,
    "0" * 33,
    f"../{RUN}",
    "A" * 32,
    "0" * 31 + "\n",
    "0" * 30 + "/.",
    "\0" * 32,
]


@pytest.fixture
def store(tmp_path: Path) -> FileBlobs:
    return FileBlobs(tmp_path / "blobs")


def test_what_was_put_is_got_until_its_run_is_deleted(store: FileBlobs, tmp_path: Path) -> None:
    store.put(RUN, DIGEST, b"data")
    store.put(RUN, DIGEST, b"data")
    store.put(OTHER_RUN, DIGEST, b"other")
    assert store.get(RUN, DIGEST) == b"data"
    store.delete_run(RUN)
    store.delete_run(RUN)
    with pytest.raises(FileNotFoundError):
        store.get(RUN, DIGEST)
    assert store.get(OTHER_RUN, DIGEST) == b"other"
    assert [path.name for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == [DIGEST]


@pytest.mark.parametrize("run_id", BAD_RUN_IDS)
def test_a_name_that_is_no_run_id_is_refused_and_deletes_nothing(store: FileBlobs, run_id: str) -> None:
    """An empty one was the whole store."""
    store.put(RUN, DIGEST, b"data")
    with pytest.raises(ValueError, match="a run id of 32 hexadecimal digits"):
        store.delete_run(run_id)
    with pytest.raises(ValueError, match="a run id of 32 hexadecimal digits"):
        store.put(run_id, DIGEST, b"data")
    with pytest.raises(ValueError, match="a run id of 32 hexadecimal digits"):
        store.get(run_id, DIGEST)
    with pytest.raises(ValueError, match="a digest of 64"):
        store.get(RUN, f"../{DIGEST}")
    assert store.get(RUN, DIGEST) == b"data"


def test_links_are_not_followed(store: FileBlobs, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / DIGEST).write_bytes(b"somebody else's")
    (outside / "kept").write_bytes(b"kept")
    root = tmp_path / "blobs"
    (root / RUN[:2]).mkdir(parents=True)
    (root / RUN[:2] / RUN).symlink_to(outside)
    (root / OTHER_RUN[:2]).symlink_to(outside)
    for run_id in (RUN, OTHER_RUN):
        with pytest.raises(ValueError, match="but it is a link"):
            store.get(run_id, DIGEST)
        with pytest.raises(ValueError, match="but it is a link"):
            store.put(run_id, "b" * 64, b"data")
        with pytest.raises(ValueError, match="but it is a link"):
            store.delete_run(run_id)
    assert sorted(path.name for path in outside.iterdir()) == [DIGEST, "kept"]
    third = "2" * 32
    store.put(third, "c" * 64, b"data")
    (root / "22" / third / DIGEST).symlink_to(outside / DIGEST)
    with pytest.raises(ValueError, match="but it is a link"):
        store.get(third, DIGEST)
    (root / "22" / third / ("d" * 64)).mkdir()
    with pytest.raises(ValueError, match="but it is no file"):
        store.get(third, "d" * 64)
    sealer = Sealer(Payloads(blobs=store, threshold_bytes=1))
    with pytest.raises(PayloadUnavailable, match="but it is a link"):
        sealer.open(input_of(RUN), Sealer(Payloads(blobs=Memory(), threshold_bytes=1)).seal(input_of(RUN), b"x" * 10))


class Memory:
    """A store that takes everything."""

    def put(self, run_id: str, digest: str, data: bytes) -> None: ...

    def get(self, run_id: str, digest: str) -> bytes:
        raise FileNotFoundError(digest)

    def delete_run(self, run_id: str) -> None: ...


def test_a_write_that_fails_leaves_nothing_behind(
    store: FileBlobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(RUN, "b" * 64, b"before")
    synced: list[int] = []

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        store.put(RUN, DIGEST, b"data")
    assert [path.name for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == ["b" * 64]
    monkeypatch.setattr(os, "fsync", synced.append)
    store.put(RUN, DIGEST, b"data")
    assert len(synced) >= 2  # the file and its folder
    assert store.get(RUN, DIGEST) == b"data"


def test_a_blob_of_another_length_is_written_again(store: FileBlobs, tmp_path: Path) -> None:
    store.put(RUN, DIGEST, b"data")
    (file,) = [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]
    file.write_bytes(b"da")
    store.put(RUN, DIGEST, b"data")
    assert store.get(RUN, DIGEST) == b"data"
