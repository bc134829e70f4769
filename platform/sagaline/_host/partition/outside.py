"""What deciding calls that does not decide."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sagaline._host.partition.messages import Messages
from sagaline._host.partition.progress import Progress
from sagaline._host.partition.releasing import Attempts, Releasing
from sagaline._host.partition.resets import Resets
from sagaline._host.partition.undos import Undos
from sagaline._model.records import Command, QueryRun, Reply, StartRun
from sagaline._payloads import Later


class Outside(NamedTuple):
    """Who is told of what needs no record."""

    ask: Callable[[Command, str], None]
    start: Callable[[StartRun], None]
    query: Callable[[QueryRun], None]
    messages: Messages
    resets: Resets
    undos: Undos
    attempts: Attempts
    releasing: Releasing
    progress: Progress
    later: Later
    heard: Callable[[Reply], None]
