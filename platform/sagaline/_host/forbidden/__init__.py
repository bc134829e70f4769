"""Net 2: calls that are not deterministic raise in workflow code, with their place and what to do.

Other code of the process is not changed: no function is replaced, no module imported again. ``audit`` sees what Python
reports itself (files, sockets, processes, threads); for the clock and chance there is no report, and ``monitoring``
(Python 3.12) or ``profiling`` (3.11) look at the calls of workflow code. Decision 0031 says what is not seen.
"""

from __future__ import annotations

from sagaline._host.forbidden import audit, monitoring, profiling
from sagaline._runtime.definitions import Registry


def watch(registry: Registry) -> None:
    """From now on, in this process, for these workflows too."""
    audit.install()
    if monitoring.AVAILABLE:
        monitoring.watch(registry)
    else:
        profiling.watch(registry)
