"""Named places at which a test makes a worker die or stand still: ``SAGALINE_CRASH=after-append:kill:120``.

It takes effect when the place is reached for the 120th time. Without the variable ``armed`` is False and a place
costs one look at a module's attribute. Actions: ``kill`` (SIGKILL) and ``stop`` (SIGSTOP, until somebody wakes it).
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from sagaline.errors import ConfigurationError

POINTS = (
    "after-claim",
    "after-restore-write",
    "after-append",
    "before-apply",
    "before-effects",
    "after-effects",
    "before-store-write",
    "after-store-write",
    "after-activity",
    "before-publish",
    "after-tombstone",
    "after-standby-write",
)
_ACTIONS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}
armed = False


class Died(BaseException):
    """Raised by a hook whose process is to be taken for dead: it passes every guard."""


def _nothing(point: str) -> None:
    """Nobody has armed anything."""


reach: Callable[[str], None] = _nothing
"""Call as ``if crash_points.armed: crash_points.reach("after-append")``."""


def arm(hook: Callable[[str], None]) -> None:
    """From here on ``hook`` hears of every place that is reached."""
    global armed, reach
    armed, reach = True, hook


def disarm() -> None:
    """Nothing happens at these places any more."""
    global armed, reach
    armed, reach = False, _nothing


def arm_from(setting: str) -> None:
    """Arms what ``SAGALINE_CRASH`` says. Raises ConfigurationError."""
    point, _, rest = setting.partition(":")
    action, _, count = rest.partition(":")
    if point not in POINTS or action not in _ACTIONS or not count.isdecimal() or int(count) < 1:
        raise ConfigurationError(
            f"Expected SAGALINE_CRASH to be like 'after-append:kill:120', with one of {', '.join(POINTS)} and one of "
            f"{', '.join(_ACTIONS)}, but it is {setting!r}."
        )
    left = int(count)

    def hook(reached: str) -> None:
        nonlocal left
        if reached == point:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), _ACTIONS[action])

    arm(hook)
