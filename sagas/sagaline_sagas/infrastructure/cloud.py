"""The cloud, as activities of one object: put your provider's client in its place.

Each call hands the idempotency key on, so that a repeat builds nothing twice, and what undoes a call finds by the same
key what it has built, also when the answer was lost.
"""

from __future__ import annotations

from collections import Counter

from sagaline import Retry, activity

_UNDO = Retry(attempts=0, first_interval="5s", maximum_interval="10m")


class Cloud:
    """Resources by the key of the call that has built them."""

    def __init__(self, looks_until_ready: int = 3) -> None:
        self.resources: dict[str, str] = {}
        self._looks = Counter[str]()
        self._looks_until_ready = looks_until_ready

    def clear(self) -> None:
        """Nothing stands, and nothing has been asked."""
        self.resources.clear()
        self._looks.clear()

    def _build(self, name: str) -> str:
        return self.resources.setdefault(activity.info().idempotency_key, name)

    def _take_down(self) -> None:
        step = activity.info().compensates
        if step is not None:
            self.resources.pop(step.idempotency_key, None)

    @activity(timeout="2m")
    async def create_network(self, name: str) -> str:
        """A network for the stack."""
        return self._build(f"network-{name}")

    @create_network.compensation(retry=_UNDO)
    async def delete_network(self, name: str) -> None:
        """It is the last to go: what is in it goes before."""
        self._take_down()

    @activity(timeout="2m")
    async def create_database(self, network: str) -> str:
        """Asks for a database; it is ready later."""
        return self._build(f"database-in-{network}")

    @create_database.compensation(retry=_UNDO)
    async def delete_database(self, network: str) -> None:
        """Also one that is not ready yet."""
        self._take_down()

    @activity(timeout="30s")
    async def is_ready(self, database: str) -> bool:
        """Whether the database answers."""
        self._looks[database] += 1
        return self._looks[database] >= self._looks_until_ready

    @activity(timeout="5m")
    async def create_server(self, network: str, number: int) -> str:
        """One of the servers."""
        return self._build(f"server-{number}-in-{network}")

    @create_server.compensation(retry=_UNDO)
    async def delete_server(self, network: str, number: int) -> None:
        """Servers cost by the minute."""
        self._take_down()

    @activity
    async def point_address(self, name: str, network: str) -> str:
        """The world comes in here: the last step."""
        return self._build(f"https://{name}.example")

    @point_address.compensation(retry=_UNDO)
    async def remove_address(self, name: str, network: str) -> None:
        """The world is kept out."""
        self._take_down()

    @activity
    async def ask(self, person: str, question: str) -> None:
        """A message with a link to the page where the person answers."""
        print(f"to {person}: {question}")
