"""Wills: messages that a run leaves behind, which are sent when it has ended for good, whatever its end."""

from __future__ import annotations

import msgspec


class WillLeft(msgspec.Struct, frozen=True, gc=False):
    """The code leaves a signal for another run, which is sent when the last run of its chain has ended."""

    step: int
    target_id: str
    signal: str
    input: bytes
    version: int = 1


class WillWithdrawn(msgspec.Struct, frozen=True, gc=False):
    """The code has no need of it any more: it is not sent. ``run_id``: the run that had left it."""

    step: int
    run_id: str
    version: int = 1


class Will(msgspec.Struct, frozen=True, gc=False):
    """One that stands, with the run and step that left it."""

    run_id: str
    step: int
    target_id: str
    signal: str
    input: bytes


class WillsInherited(msgspec.Struct, frozen=True, gc=False):
    """The run goes on as another one that had left these."""

    wills: tuple[Will, ...]
    version: int = 1
