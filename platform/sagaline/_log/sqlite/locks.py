"""Operating-system locks on files: whoever dies has let go of them."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def lock_file(file: Path) -> int | None:
    """A descriptor that holds the file's lock, or None when another process does. Makes the file."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def unlock(descriptor: int) -> None:
    """Lets go of the lock, also when a forked child has inherited the descriptor."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)
