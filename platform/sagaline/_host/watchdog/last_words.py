"""The end for C code that keeps the interpreter to itself: no thread of Python runs, not even the watchdog's.

``faulthandler`` has a thread of its own in C. It is told again and again to end the process a minute from now; when
nobody has told it for so long it writes the stacks of all threads into a file, which was opened before, and ends the
process. The next process reads the stacks there, and in the slot (``Running.share``) which run it was.
"""

from __future__ import annotations

import faulthandler
import logging
import time
from pathlib import Path
from typing import IO

from sagaline._host.watchdog.marks import Mark
from sagaline._host.watchdog.running import Running, read_slot
from sagaline._model.limits import STACK_BYTES, cut

_log = logging.getLogger("sagaline.watchdog")
_READ_BYTES = 1_000_000


def _oldest_thread(stacks: str) -> str:
    """The stack of the loop's thread: that of the thread that began first stands last, behind those of the pools."""
    return stacks[stacks.rfind("\nThread ") + 1 :]


class LastWords:
    """``folder`` None: the stacks go to standard error and the next process knows nothing."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._armed = False

    def read(self) -> Mark | None:
        """What an earlier process has left: the mark of the code that it was in, if it was in user code."""
        if self._folder is None:
            return None
        file = self._folder / "last-words.txt"
        try:
            with file.open("rb") as opened:
                stack = opened.read(_READ_BYTES).decode("utf-8", "replace")
            written_ms = int(file.stat().st_mtime * 1_000)
        except OSError:
            return None
        if not stack:
            return None
        code = read_slot(self._folder / "running")
        where = "code of its own" if code is None else str(code)
        _log.error(
            "An earlier worker of this state directory was ended, for no thread could run; in %s:\n%s", where, stack
        )
        if code is None:
            return None
        return Mark(*code, cut(_oldest_thread(stack), STACK_BYTES), written_ms or time.time_ns() // 1_000_000)

    def open(self, running: Running) -> None:
        """Begins anew: forgets what was read. Without the disk for it there are no last words, and it is said."""
        if self._folder is None:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = (self._folder / "last-words.txt").open("wb")
            running.share(self._folder / "running")
        except OSError as error:
            _log.error(
                "The watchdog cannot write into %s (%s): a run that blocks this worker is not known after it",
                self._folder,
                error,
            )

    def postpone(self, seconds: float) -> None:
        """The end is so far away, from now on."""
        self._armed = True
        if self._file is None:
            faulthandler.dump_traceback_later(seconds, exit=True)
        else:
            faulthandler.dump_traceback_later(seconds, exit=True, file=self._file.fileno())

    def close(self, running: Running) -> None:
        """The process ends in order, or goes on without a worker."""
        if self._armed:
            faulthandler.cancel_dump_traceback_later()
            self._armed = False
        running.unshare()
        if self._file is not None:
            self._file.close()
            self._file = None
