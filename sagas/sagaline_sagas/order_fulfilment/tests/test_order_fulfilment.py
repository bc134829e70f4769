"""The saga on an embedded log: what stands afterwards, for each way an order can go."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sagaline import Client, RunError, Worker

from .. import activities, charge_card, fulfil_order, reserve_stock, ship_parcel
from ..models import Order
from ..orders import make_orders
from ..shop import Shop

GOOD = Order(id="1", sku="hat", quantity=2, amount_cents=500, card="card-1", address="1 Long Street")


@pytest.fixture
async def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    monkeypatch.setenv("SHOP_DB", str(tmp_path / "shop.db"))
    activities.shop.cache_clear()
    activities.shop().stock_up("hat", 10)
    url = f"memory://orders-{tmp_path.name}"
    async with (
        Worker(url, workflows=[fulfil_order], activities=[reserve_stock, charge_card, ship_parcel]),
        await Client.connect(url) as found,
    ):
        yield found
    activities.shop().close()


@pytest.mark.parametrize("trouble", [{}, {"card": "card-flaky"}, {"address": "street-slow"}])
async def test_an_order_is_fulfilled(client: Client, trouble: dict[str, str]) -> None:
    receipt = await client.execute(fulfil_order, GOOD.model_copy(update=trouble), id="order-1")
    assert receipt.tracking == "track-1"
    assert activities.shop().deeds("1") == {"reservation", "payment", "shipment"}
    assert activities.shop().audit({"1"}, set()) == []


@pytest.mark.parametrize(
    "trouble",
    [
        {"quantity": 100},
        {"card": "card-declined"},
        {"address": "nowhere"},
        {"card": "card-hangs"},
        {"address": "street-hangs"},
    ],
)
async def test_an_order_that_fails_leaves_no_trace(client: Client, trouble: dict[str, str | int]) -> None:
    with pytest.raises(RunError) as caught:
        await client.execute(fulfil_order, GOOD.model_copy(update=trouble), id="order-1")
    assert caught.value.status == "compensated"
    assert activities.shop().deeds("1") == set()
    assert activities.shop().audit(set(), {"1"}) == []


def test_the_audit_notices_when_the_books_are_off(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop.db")
    shop.stock_up("hat", 10)
    shop.reserve("key", GOOD)
    assert any("has left something behind" in found for found in shop.audit(set(), set()))
    assert any("only ['reservation'] stand" in found for found in shop.audit({"1"}, set()))
    assert any("still stand" in found for found in shop.audit(set(), {"1"}))
    books = sqlite3.connect(tmp_path / "shop.db", isolation_level=None)
    books.execute("UPDATE stock SET on_hand = 3")
    assert any("stock of hat" in found for found in shop.audit({"1"}, set()))
    books.execute("INSERT INTO movement VALUES ('key', 'hat', -2)")
    assert any("2 movements" in found for found in shop.audit({"1"}, set()))
    books.close()
    shop.close()


def test_the_generator_makes_the_same_orders_of_the_same_seed() -> None:
    assert list(make_orders(50, 3)) == list(make_orders(50, 3))
    orders = list(make_orders(1000, 7))
    for field, value in (("sku", "sku-sold-out"), ("card", "card-declined"), ("address", "nowhere")):
        assert 60 < sum(getattr(order, field) == value for order in orders) < 130
