"""The log in memory: for tests and simulation."""

from __future__ import annotations

from sagaline._log.memory.broker import MemoryMembership
from sagaline._log.memory.clients import MemoryAppender, MemoryReader
from sagaline._log.memory.log import MemoryLog

__all__ = ["MemoryAppender", "MemoryLog", "MemoryMembership", "MemoryReader"]
