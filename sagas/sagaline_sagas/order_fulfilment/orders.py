"""Makes ``orders.jsonl``: python -m sagaline_sagas.order_fulfilment.orders [COUNT] [SEED] > orders.jsonl"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path

from .models import Order
from .shop import Shop

ARTICLES = 20
ORDERS_FILE = Path(__file__).parent / "orders.jsonl"


def make_orders(count: int, seed: int) -> Iterator[Order]:
    """Orders of which about one in ten fails for good in each step; some fail or time out for a moment."""
    chance = random.Random(seed)
    for number in range(count):
        order = Order(
            id=f"order-{number:05d}",
            sku=f"sku-{chance.randrange(ARTICLES):02d}",
            quantity=chance.randint(1, 5),
            amount_cents=chance.randint(500, 50_000),
            card=f"card-{chance.randrange(10**8):08d}",
            address=f"{chance.randint(1, 200)} Long Street",
        )
        yield _with_trouble(order, chance)


def _with_trouble(order: Order, chance: random.Random) -> Order:
    draw = chance.random()
    for field, for_good in (("sku", "sku-sold-out"), ("card", "card-declined"), ("address", "nowhere")):
        for share, value in (
            (0.085, for_good),
            (0.015, f"{getattr(order, field)}-hangs"),
            (0.020, f"{getattr(order, field)}-flaky"),
            (0.010, f"{getattr(order, field)}-slow"),
        ):
            if draw < share:
                return order.model_copy(update={field: value})
            draw -= share
    return order


def read_orders(path: Path) -> list[Order]:
    """The orders of a file, one JSON object a line."""
    return [Order.model_validate_json(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def stock_for(shop: Shop, orders: list[Order]) -> None:
    """Fills the shelves for these orders; what is sold out stays so."""
    wanted: dict[str, int] = {}
    for order in orders:
        wanted[order.sku] = wanted.get(order.sku, 0) + order.quantity
    for sku, quantity in sorted(wanted.items()):
        shop.stock_up(sku, 0 if sku == "sku-sold-out" else quantity + 10)


def main() -> None:
    """Prints the orders."""
    count, seed = (int(text) for text in (sys.argv[1:] + ["1000", "7"][len(sys.argv) - 1 :])[:2])
    for order in make_orders(count, seed):
        sys.stdout.write(order.model_dump_json() + "\n")


if __name__ == "__main__":
    main()
