"""Orders of a shop with books of its own, as a load of chaos."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from chaos_load import Fault

from sagaline import Client, RunError
from sagaline_sagas.order_fulfilment.orders import make_orders, stock_for
from sagaline_sagas.order_fulfilment.saga import fulfil_order
from sagaline_sagas.order_fulfilment.shop import Shop


class Orders:
    """A ``chaos_load.Load``."""

    things, a_second, target, make = "orders", 12.0, "sagaline_sagas.order_fulfilment", "chaos"

    def __init__(self, draw: random.Random, seed: int, folder: Path) -> None:
        self.draw, self._seed, self._path = draw, seed, folder / "shop.db"
        self._shop = Shop(self._path)
        self.violations: list[str] = []
        self._completed: set[str] = set()
        self._rolled_back: set[str] = set()

    @property
    def environment(self) -> dict[str, str]:
        """The shop's database."""
        return {"SHOP_DB": str(self._path)}

    def prepare(self, count: int) -> None:
        """Fills the shelves."""
        self._orders = list(make_orders(count, self._seed))
        stock_for(self._shop, self._orders)

    async def place(self, client: Client, number: int) -> None:
        """One order, until it has ended."""
        order = self._orders[number]
        try:
            await client.execute(fulfil_order, order, id=order.id)
            self._completed.add(order.id)
        except RunError as error:
            if error.status == "compensated":
                self._rolled_back.add(order.id)
            else:
                self.violations.append(f"{order.id}: {error}")

    def faults(self) -> list[Fault]:
        """None of its own: the orders have trouble of theirs."""
        return []

    async def work(self, client: Client) -> None:
        """Nothing is left for persons."""
        await asyncio.Event().wait()

    def heal(self) -> None:
        """Nothing was broken."""

    async def audit(self, client: Client) -> None:
        """The shop's books."""
        self.violations += self._shop.audit(self._completed, self._rolled_back)

    def figures(self) -> dict[str, int]:
        """How they ended."""
        return {"completed": len(self._completed), "rolled back": len(self._rolled_back)}

    def checked(self) -> str:
        """For the report."""
        return "the shop's books (stock, money, parcels, each deed once by key)"

    def close(self) -> None:
        """Closes its database."""
        self._shop.close()
