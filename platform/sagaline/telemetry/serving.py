"""Metrics of a worker, served if it is to: the library that Prometheus' form needs is an extra."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sagaline.errors import ConfigurationError
from sagaline.telemetry.metrics import Metrics


class Telemetry:
    """``metrics`` listens to a host; ``open`` before it starts, ``close`` at the end. ``port`` is that which answers.

    Raises ConfigurationError when the extra is missing.
    """

    def __init__(self, host: str, port: int, clock: Callable[[], int], queue: str) -> None:
        try:
            from sagaline.telemetry._prometheus import MetricsServer
        except ImportError as error:
            raise ConfigurationError(
                f"Expected prometheus-client for metrics but it cannot be imported ({error}): "
                f"pip install 'sagaline[metrics]'."
            ) from error
        self._make, self._host, self.port = MetricsServer, host, port
        self._server: MetricsServer | None = None
        self.metrics = Metrics(clock, queue)

    def open(self, namespace: str) -> None:
        """Answers from now on. Raises ConfigurationError when the address cannot be had."""
        try:
            self._server = self._make(self.metrics, namespace, self._host, self.port)
        except OSError as error:
            raise ConfigurationError(
                f"Expected to serve metrics on {self._host}:{self.port} but {error}: choose another port, or 0 for any "
                f"that is free."
            ) from error
        self.port = self._server.port

    async def close(self) -> None:
        """Answers no more."""
        server, self._server = self._server, None
        if server is not None:
            await asyncio.to_thread(server.close)
