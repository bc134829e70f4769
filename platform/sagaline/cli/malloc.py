"""Keeps glibc's heap from growing in pieces.

glibc raises the size from which a block has a mapping of its own to that of the largest block it has ever freed. Then
payloads of all sizes share the heap with small objects that live longer, and what is freed between those is not given
back: in a flood a worker grows by half over 200,000 runs (bench/README.md). A fixed threshold keeps large blocks apart.
"""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # malloc.h
_SETTINGS = ((_M_MMAP_THRESHOLD, 64 * 1024), (_M_TRIM_THRESHOLD, 128 * 1024), (_M_ARENA_MAX, 2))


def bound_fragmentation() -> None:
    """Sets it for this process; does nothing where the C library is not glibc."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return
    for name, value in _SETTINGS:
        mallopt(name, value)
