"""What the manager does with machines. Here it prints; put your provider in its place."""

from __future__ import annotations

from sagaline import Retry, activity


@activity(timeout="5m")
async def start_node(cluster: str, name: str) -> None:
    """Starts a machine of this name; one that runs already is left to run."""
    print(f"{cluster}: {name} starts")


@activity(timeout="5m")
async def stop_node(cluster: str, name: str) -> None:
    """Stops a machine; one that is gone already is no error."""
    print(f"{cluster}: {name} stops")


@activity(timeout="10s", retry=Retry(attempts=2, first_interval="1s"))
async def check_node(cluster: str, name: str) -> bool:
    """Whether the machine is well."""
    return True
