"""What a worker and a process of its activities say to each other: MessagePack, each with its length before it."""

from __future__ import annotations

import socket
import struct

import msgspec

from sagaline._model.failure import Failure
from sagaline._runtime.activities import ActivityInfo

_LENGTH = struct.Struct(">I")


class Broken(Exception):
    """The other side has gone."""


class Call(msgspec.Struct, frozen=True):
    """A function to call: where it is, its arguments as on the log, and what it may ask about its attempt."""

    module: str
    file: str
    name: str
    payload: bytes
    info: ActivityInfo
    details: bytes | None
    non_retryable: tuple[str, ...]


class Said(msgspec.Struct, frozen=True):
    """``kind``: "beat" and "result" with ``data``, "failure", or "later"."""

    kind: str
    data: bytes | None = None
    failure: Failure | None = None
    next_delay_ms: int = -1


def send(to: socket.socket, data: bytes) -> None:
    """Raises OSError when the other side has gone."""
    to.sendall(_LENGTH.pack(len(data)) + data)


def receive(source: socket.socket) -> bytes:
    """The next message. Raises Broken, OSError."""
    (length,) = _LENGTH.unpack(_exactly(source, _LENGTH.size))
    return _exactly(source, length)


def _exactly(source: socket.socket, length: int) -> bytes:
    data = bytearray()
    while len(data) < length:
        part = source.recv(min(length - len(data), 1 << 20))
        if not part:
            raise Broken
        data += part
    return bytes(data)
