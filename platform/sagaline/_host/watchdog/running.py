"""The user code that the loop's thread is in, for whoever looks from another thread or after a crash."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

T = TypeVar("T")
_SLOT_BYTES = 4_096
_HEADER_BYTES = 3  # whether there is a name, and its size
_SEPARATOR = "\0"


class Code(NamedTuple):
    """Workflow code of a run, or with ``activity`` an activity of it."""

    workflow_id: str
    run_id: str
    activity: str = ""

    def __str__(self) -> str:
        part = f"activity {self.activity}" if self.activity else "the workflow code"
        return f"{part} of {self.workflow_id!r} (run {self.run_id})"


class Running:
    """``code`` is set while user code runs on the loop's thread.

    Contract:

    - ``call``, or ``enter`` and ``leave`` in pairs, on the loop's thread. A pair inside a pair ends the outer one.
    - Inside, ``Interrupted`` may come out of any line of code that is not the host's. Nowhere else.
    - ``turn`` counts the pairs, so that two looks can tell one long turn from many short ones.
    - ``interrupted`` is where the code was when it was last interrupted in this turn, as a stack; else empty. What
      came of that turn does not count, whatever the code has made of the exception.
    """

    __slots__ = ("_slot", "code", "interrupted", "turn")

    def __init__(self) -> None:
        self.code: tuple[str, str, str] | None = None
        self.turn = 0
        self.interrupted = ""
        self._slot: mmap.mmap | None = None

    def call(self, workflow_id: str, run_id: str, code: Callable[[], T]) -> T:
        """Calls user code; raises what it raises."""
        self.begin((workflow_id, run_id, ""))
        try:
            return code()
        finally:
            self.leave()

    def enter(self, workflow_id: str, run_id: str, activity: str = "") -> None:
        """User code begins here."""
        self.begin((workflow_id, run_id, activity))

    def begin(self, code: tuple[str, str, str]) -> None:
        """As ``enter``, with the names as ``code`` has them."""
        self.turn += 1
        self.interrupted = ""
        slot = self._slot
        if slot is not None:
            text = _SEPARATOR.join(code)
            try:
                name = text.encode()
            except UnicodeEncodeError:
                name = text.encode("utf-8", "replace")
            size = len(name)
            if size > _SLOT_BYTES - _HEADER_BYTES:
                name, size = name[: _SLOT_BYTES - _HEADER_BYTES], _SLOT_BYTES - _HEADER_BYTES
            slot[: _HEADER_BYTES + size] = (size << 8 | 1).to_bytes(_HEADER_BYTES, "little") + name
        self.code = code

    def leave(self) -> None:
        """It has come back."""
        self.code = None
        if self._slot is not None:
            self._slot[0] = 0

    def share(self, file: Path) -> None:
        """Keeps the name in a file too, which outlives the process. Raises OSError."""
        with file.open("w+b") as opened:
            opened.write(bytes(_SLOT_BYTES))  # blocks of its own: a full disk must not end the process later
            opened.flush()
            self._slot = mmap.mmap(opened.fileno(), _SLOT_BYTES)

    def unshare(self) -> None:
        """The file is of no use any more."""
        if self._slot is not None:
            self._slot.close()
            self._slot = None


def read_slot(file: Path) -> Code | None:
    """The code that a process was in when it ended. None: in none, or nobody knows."""
    try:
        data = file.read_bytes()
    except OSError:
        return None
    if data[:1] != b"\1":
        return None
    size = int.from_bytes(data[1:_HEADER_BYTES], "little")
    names = data[_HEADER_BYTES : _HEADER_BYTES + size].decode("utf-8", "replace").split(_SEPARATOR)
    return Code(*names) if len(names) == 3 and names[0] else None
