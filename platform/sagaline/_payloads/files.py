"""Blobs as files: a directory that all workers and clients see, for example a shared volume."""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
from pathlib import Path

from sagaline._payloads.places import is_run_id

_DIGEST = re.compile(r"[0-9a-f]{64}")


class FileBlobs:
    """A store of blobs in ``directory``, as ``<two digits>/<run id>/<digest>``.

    A blob is there whole or not at all, and synced before it counts. Names that are not run ids and digests are
    refused, and so are links in the place of a run's folder or of a blob: all that is done stays in the directory.
    """

    def __init__(self, directory: str | Path) -> None:
        self._directory = Path(directory)

    def _folder(self, run_id: str) -> Path:
        if not is_run_id(run_id):
            raise ValueError(f"Expected a run id of 32 hexadecimal digits but got {run_id[:64]!r}.")
        folder = self._directory / run_id[:2] / run_id
        for path in (folder.parent, folder):
            if path.is_symlink():
                raise ValueError(f"Expected {path} to be a folder but it is a link.")
        return folder

    def _file(self, run_id: str, digest: str) -> Path:
        if not _DIGEST.fullmatch(digest):
            raise ValueError(f"Expected a digest of 64 hexadecimal digits but got {digest[:80]!r}.")
        return self._folder(run_id) / digest

    def put(self, run_id: str, digest: str, data: bytes) -> None:
        """See BlobStore."""
        file = self._file(run_id, digest)
        if _size(file) == len(data):
            return
        self._make(file.parent)
        writing = file.parent / f".{digest}.{os.getpid()}-{os.urandom(4).hex()}"
        try:
            with writing.open("xb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            writing.replace(file)
        except BaseException:
            writing.unlink(missing_ok=True)
            raise
        _sync(file.parent)

    def _make(self, folder: Path) -> None:
        """Makes a run's folder, and makes sure that it is still there after a power cut."""
        if folder.is_dir():
            return
        folder.mkdir(parents=True, exist_ok=True)
        _sync(folder.parent)
        _sync(folder.parent.parent)

    def get(self, run_id: str, digest: str) -> bytes:
        """See BlobStore."""
        file = self._file(run_id, digest)
        try:
            descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise ValueError(f"Expected {file} to be a blob but it is a link.") from error
            raise
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise ValueError(f"Expected {file} to be a blob but it is no file.")
        with open(descriptor, "rb") as stream:
            return stream.read()

    def delete_run(self, run_id: str) -> None:
        """See BlobStore."""
        try:
            shutil.rmtree(self._folder(run_id))
        except FileNotFoundError:
            pass


def _size(file: Path) -> int | None:
    try:
        status = file.lstat()
    except FileNotFoundError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
