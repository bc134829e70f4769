"""Calls into workflow code, under the eyes of the watchdog."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

from sagaline._host.runs.stalled import stalled
from sagaline._host.watchdog.running import Running
from sagaline._runtime.bugs import WorkflowBug
from sagaline._runtime.instance import Instance

_log = logging.getLogger("sagaline.partition")
Args = TypeVarTuple("Args")
T = TypeVar("T")


def in_code(running: Running, workflow_id: str, run_id: str, code: Callable[[*Args], T], *args: *Args) -> T:
    """Calls workflow code, watched. Raises WorkflowBug when it had to be interrupted, whatever came of it."""
    running.begin((workflow_id, run_id, ""))
    try:
        return code(*args)
    finally:
        running.leave()
        if running.interrupted:
            raise stalled(running.interrupted)


def put_away(running: Running, instance: Instance) -> None:
    """Ends an instance that is of no use any more; its code may still run on the way out."""
    info = instance.info
    try:
        in_code(running, info.workflow_id, info.run_id, instance.evict)
    except WorkflowBug as blocked:
        _log.error("Run of %s, put away: %s\n%s", info.workflow_id, blocked.failure.message, blocked.failure.stack)
