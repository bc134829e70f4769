"""Marks of runs whose code made a worker stand still until it had to give up: they are parked before they run again.

A mark is a small file in the worker's state directory, because the one who writes it cannot append to history: the
event loop stands still. What it stands for goes into history when a worker with the mark claims the run's partition
(RunParked with the stack), and then the mark is cleared. Without a state directory there are no marks: a run that
cannot be interrupted makes each worker stand still that claims its partition, until its code is fixed.
"""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path

import msgspec

from sagaline._host.watchdog.running import Code
from sagaline._model.limits import STACK_BYTES, cut_start

_log = logging.getLogger("sagaline.watchdog")
_KEPT = 100
"""Marks of one state directory; the newest count."""
_FILE_BYTES = 65_536


class Mark(msgspec.Struct, frozen=True):
    """``code``: what the loop's thread was in. ``at_ms``: when it was given up, since 1970."""

    workflow_id: str
    run_id: str
    activity: str
    stack: str
    at_ms: int

    @property
    def code(self) -> Code:
        """The code that stood still."""
        return Code(self.workflow_id, self.run_id, self.activity)


class Marks:
    """The marks of one state directory, in memory and on disk. All methods may be called from any thread.

    ``folder`` None: nothing is kept, ``find`` never answers.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._marks = {} if folder is None else _read_all(folder)

    def find(self, run_id: str) -> Mark | None:
        """The mark of a run. Whoever parks the run for it calls ``clear``."""
        return self._marks.get(run_id)

    def all(self) -> list[Mark]:
        """All of them, the oldest first."""
        return sorted(self._marks.values(), key=lambda mark: mark.at_ms)

    def write(self, mark: Mark) -> None:
        """Keeps a mark. It is whole or not there at all when the process ends; that it cannot be written is logged."""
        if self._folder is None:
            return
        mark = msgspec.structs.replace(mark, stack=cut_start(mark.stack, STACK_BYTES))
        self._marks[mark.run_id] = mark
        file = _file_of(self._folder, mark.run_id)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            unfinished = file.with_suffix(".new")
            with unfinished.open("wb") as opened:
                opened.write(msgspec.json.encode(mark))
                opened.flush()
                os.fsync(opened.fileno())
            unfinished.replace(file)
            _sync_folder(self._folder)
        except OSError as error:
            _log.error("The mark of %s could not be kept (%s): it will run again after a restart", mark.code, error)

    def clear(self, run_id: str) -> None:
        """The run is parked, or has ended: the mark has done its work."""
        if self._marks.pop(run_id, None) is None or self._folder is None:
            return
        try:
            _file_of(self._folder, run_id).unlink(missing_ok=True)
        except OSError as error:
            _log.error(
                "The mark of run %s could not be deleted (%s): it is parked again after a restart", run_id, error
            )


def _file_of(folder: Path, run_id: str) -> Path:
    return folder / f"{hashlib.sha256(run_id.encode('utf-8', 'replace')).hexdigest()[:32]}.json"


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _read_all(folder: Path) -> dict[str, Mark]:
    marks: list[Mark] = []
    for file in folder.glob("*.json"):
        try:
            with file.open("rb") as opened:
                marks.append(msgspec.json.decode(opened.read(_FILE_BYTES), type=Mark))
        except (OSError, msgspec.MsgspecError) as error:
            _log.error("The mark %s cannot be read (%s): it is ignored", file, error)
    marks.sort(key=lambda mark: mark.at_ms)
    return {mark.run_id: mark for mark in marks[-_KEPT:]}
