"""Where another thread is."""

from __future__ import annotations

import sys
import traceback
from types import FrameType

from sagaline._model.limits import STACK_BYTES, cut_start

_FRAMES = 20


def frame_of(thread: int | None) -> FrameType | None:
    """The innermost frame of the thread of this identity; None when it has ended."""
    frames = sys._current_frames()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    return None if thread is None else frames.get(thread)


def stack_of(frame: FrameType | None) -> str:
    """The stack, innermost call last, in at most ``STACK_BYTES``."""
    if frame is None:
        return ""
    return cut_start("".join(traceback.format_stack(frame, limit=_FRAMES)), STACK_BYTES)
