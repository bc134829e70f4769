"""Blobs as files: a directory that all workers and clients see, for example a shared volume."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


class FileBlobs:
    """A store of blobs in ``directory``. A blob is there whole or not at all, and synced before it counts."""

    def __init__(self, directory: str | Path) -> None:
        self._directory = Path(directory)

    def _folder(self, run_id: str) -> Path:
        return self._directory / run_id[:2] / run_id

    def put(self, run_id: str, digest: str, data: bytes) -> None:
        """See BlobStore."""
        folder = self._folder(run_id)
        place = folder / digest
        if place.exists():
            return
        folder.mkdir(parents=True, exist_ok=True)
        writing = folder / f".{digest}.{os.getpid()}-{os.urandom(4).hex()}"
        with writing.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        writing.rename(place)
        self._sync(folder)

    def _sync(self, folder: Path) -> None:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def get(self, run_id: str, digest: str) -> bytes:
        """See BlobStore."""
        return (self._folder(run_id) / digest).read_bytes()

    def delete_run(self, run_id: str) -> None:
        """See BlobStore."""
        try:
            shutil.rmtree(self._folder(run_id))
        except FileNotFoundError:
            pass
