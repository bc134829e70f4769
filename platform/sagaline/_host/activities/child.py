"""The main program of a process that runs activities for a worker: it calls what it is told to, one after the other."""

from __future__ import annotations

import importlib
import importlib.util
import os
import signal
import socket
import sys
import threading
from contextlib import AbstractContextManager
from pathlib import Path
from queue import SimpleQueue
from types import ModuleType
from typing import Any

import msgspec

from sagaline._host.activities.frames import Broken, Call, Said, receive, send
from sagaline._host.activities.outcomes import described_by
from sagaline._model.failure import Failure
from sagaline._runtime.activities import ActivityInfo, CompleteLater
from sagaline._runtime.context import current_activity
from sagaline._runtime.definitions import ActivityDefinition, definition_of
from sagaline.errors import SagalineError

_MAIN = "__sagaline_main__"


class ChildAttempt:
    """The attempt that the process makes."""

    is_cancelled = False  # it is killed

    def __init__(self, to: socket.socket, call: Call) -> None:
        self._to, self._call, self.details = to, call, call.details
        self._lock = threading.Lock()

    def info(self) -> ActivityInfo:
        return self._call.info

    def heartbeat(self, details: bytes | None) -> None:
        with self._lock:
            send(self._to, msgspec.msgpack.encode(Said("beat", details)))

    def shielded(self) -> AbstractContextManager[None]:
        raise SagalineError(
            "Expected activity.shielded() in a thread but this activity has a process, which is killed."
        )


def main(fd: int) -> None:
    """Works until the worker is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    here = socket.socket(fileno=fd)
    calls: SimpleQueue[Call] = SimpleQueue()
    threading.Thread(target=_read, args=(here, calls), daemon=True).start()
    while True:
        call = calls.get()
        said = _perform(here, call)
        try:
            send(here, msgspec.msgpack.encode(said))
        except OSError:
            return


def _read(here: socket.socket, calls: SimpleQueue[Call]) -> None:
    """In a thread: ends the process when the worker is gone, whatever it computes."""
    decode = msgspec.msgpack.Decoder(Call).decode
    try:
        while True:
            calls.put(decode(receive(here)))
    except (OSError, Broken, msgspec.MsgspecError):
        os._exit(1)


def _perform(here: socket.socket, call: Call) -> Said:
    try:
        definition = _find(call)
    except BaseException as error:
        message = f"Expected to find {call.name} in {call.module} ({call.file}) but {type(error).__name__}: {error}"
        return Said("failure", None, Failure("UnknownActivity", message))
    attempt = ChildAttempt(here, call)
    token = current_activity.set(attempt)
    try:
        args, kwargs = definition.signature.decode_input(call.payload)
        return Said("result", definition.signature.check_output(definition.fn(*args, **kwargs)))
    except CompleteLater:
        return Said("later")
    except BaseException as error:
        failure, next_delay_ms = described_by(error, definition, call.non_retryable, str(call.info.workflow_id))
        return Said("failure", None, failure, next_delay_ms)
    finally:
        current_activity.reset(token)


def _find(call: Call) -> ActivityDefinition:
    found: Any = _module(call.module, call.file)
    for name in call.name.split("."):
        found = getattr(found, name)
    definition = definition_of(found)
    if not isinstance(definition, ActivityDefinition):
        raise LookupError("it is no activity there")
    return definition


def _module(name: str, file: str) -> ModuleType:
    """The module, by its name; that of a program, and one that no path leads to, by its file."""
    if name != "__main__":
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
    name = _MAIN if name == "__main__" else name
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"{Path(file).name} is no file of Python")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


if __name__ == "__main__":
    main(int(sys.argv[1]))
