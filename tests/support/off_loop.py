"""A store of blobs that refuses to be called where an event loop runs: the default of the suite."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from sagaline.payloads import FileBlobs

refused: list[str] = []
"""Calls on a loop, of the test that runs: tests/conftest.py looks at them at its end."""


class CalledOnLoop(BaseException):
    """Whoever catches what a store may raise does not catch this."""


class OffLoop(FileBlobs):
    """Files, in threads alone. ``calls`` are the names of the methods that were called, ``at`` hears of each before
    anything is done: it may raise, or wait."""

    def __init__(self, directory: str | Path) -> None:
        super().__init__(directory)
        self.directory, self.calls = Path(directory), set[str]()

    def at(self, what: str, run_id: str, digest: str) -> None:
        """For tests to replace."""

    def _enter(self, what: str, run_id: str, digest: str = "") -> None:
        self.calls.add(what)
        if asyncio._get_running_loop() is not None:
            refused.append(f"{what} of run {run_id} in {threading.current_thread().name}")
            raise CalledOnLoop(what)
        self.at(what, run_id, digest)

    def put(self, run_id: str, digest: str, data: bytes) -> None:
        self._enter("put", run_id, digest)
        super().put(run_id, digest, data)

    def get(self, run_id: str, digest: str) -> bytes:
        self._enter("get", run_id, digest)
        return super().get(run_id, digest)

    def delete_run(self, run_id: str) -> None:
        self._enter("delete_run", run_id)
        super().delete_run(run_id)
