"""Operating-system locks on files: whoever dies has let go of them."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def lock_file(file: Path) -> int | None:
    """A descriptor that holds the file's lock, or None when another process does. Makes the file."""
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(file, descriptor):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # it was removed between opening and locking: nobody else would see this lock


def _is_at(file: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(file.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def unlock(descriptor: int) -> None:
    """Lets go of the lock, also when a forked child has inherited the descriptor."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def remove(file: Path, descriptor: int) -> None:
    """Removes a file whose lock is held, and lets go of it."""
    try:
        file.unlink(missing_ok=True)
    finally:
        unlock(descriptor)
