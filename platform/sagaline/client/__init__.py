"""The client: starts runs and waits for them, from any program that reaches the log."""

from __future__ import annotations

from sagaline.client.client import Client, Description, ParkedRun, RunHandle

__all__ = ["Client", "Description", "ParkedRun", "RunHandle"]
