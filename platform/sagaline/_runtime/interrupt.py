"""How code that does not let the event loop go on is stopped."""

from __future__ import annotations


class Interrupted(BaseException):
    """Raised by the host in user code that has blocked the event loop for too long. A run is parked for it.

    It may come out of any line. Code that catches it gets it again, and nothing that it does then counts.
    """
