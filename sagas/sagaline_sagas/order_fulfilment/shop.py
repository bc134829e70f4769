"""A shop with a database of its own: stock, payments, shipments. The participant of the example.

It does what any participant of a saga has to do: it remembers the idempotency key of what it did, gives the same
answer to a repeat, and refuses to do what has been undone under that key. Every change of stock and money is a
row in ``movement``, so that the books can be checked afterwards.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .models import Order, Payment, Reservation, Shipment

_SCHEMA = """
CREATE TABLE IF NOT EXISTS stock (sku TEXT PRIMARY KEY, initially INTEGER NOT NULL, on_hand INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS deed (
    key TEXT PRIMARY KEY, kind TEXT NOT NULL, order_id TEXT NOT NULL, state TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS movement (key TEXT NOT NULL, account TEXT NOT NULL, amount INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS execution (key TEXT NOT NULL, kind TEXT NOT NULL);
"""
DONE, UNDONE = "done", "undone"


class OutOfStock(Exception):
    """There is not enough of it."""


class CardDeclined(Exception):
    """The bank says no."""


class AddressUnknown(Exception):
    """Nobody lives there."""


class UndoneBefore(Exception):
    """This was undone under the same key: it is not done again."""


@dataclass(frozen=True)
class Executions:
    """How often activities ran, and how often for a key that had run before."""

    total: int
    repeated: int


class Shop:
    """The shop's own operations; each is one transaction."""

    def __init__(self, path: str | Path) -> None:
        self._db = sqlite3.connect(path, timeout=30, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)

    def stock_up(self, sku: str, quantity: int) -> None:
        """Puts a new article on the shelf."""
        self._db.execute("INSERT INTO stock VALUES (?, ?, ?)", (sku, quantity, quantity))

    # Forward

    def reserve(self, key: str, order: Order) -> Reservation:
        """Sets stock aside; raises OutOfStock."""
        with self._once(key, "reservation", order) as is_new:
            if is_new:
                changed = self._db.execute(
                    "UPDATE stock SET on_hand = on_hand - ? WHERE sku = ? AND on_hand >= ?",
                    (order.quantity, order.sku, order.quantity),
                )
                if changed.rowcount == 0:
                    raise OutOfStock(f"{order.quantity} of {order.sku} are not there")
                self._move(key, order.sku, -order.quantity)
        return Reservation(id=f"reservation-{order.id}", sku=order.sku, quantity=order.quantity)

    def charge(self, key: str, order: Order) -> Payment:
        """Takes the money; raises CardDeclined."""
        with self._once(key, "payment", order) as is_new:
            if order.card == "card-declined":
                raise CardDeclined(f"the bank declined {order.amount_cents} cents")
            if is_new:
                self._move(key, "money", order.amount_cents)
        return Payment(id=f"payment-{order.id}", amount_cents=order.amount_cents)

    def ship(self, key: str, order: Order) -> Shipment:
        """Sends the parcel; raises AddressUnknown."""
        with self._once(key, "shipment", order) as is_new:
            if order.address == "nowhere":
                raise AddressUnknown("the carrier does not know the address")
            if is_new:
                self._move(key, "parcels", 1)
        return Shipment(id=f"shipment-{order.id}", tracking=f"track-{order.id}")

    # Backward

    def release(self, key: str, order: Order) -> None:
        """Undoes ``reserve``."""
        with self._undo(key, "reservation", order) as was_done:
            if was_done:
                self._db.execute("UPDATE stock SET on_hand = on_hand + ? WHERE sku = ?", (order.quantity, order.sku))
                self._move(key, order.sku, order.quantity)

    def refund(self, key: str, order: Order) -> None:
        """Undoes ``charge``."""
        with self._undo(key, "payment", order) as was_done:
            if was_done:
                self._move(key, "money", -order.amount_cents)

    def recall(self, key: str, order: Order) -> None:
        """Undoes ``ship``."""
        with self._undo(key, "shipment", order) as was_done:
            if was_done:
                self._move(key, "parcels", -1)

    @contextmanager
    def _once(self, key: str, kind: str, order: Order) -> Generator[bool]:
        """One transaction for a deed; yields whether it is new. Raises UndoneBefore."""
        with self._transaction(key, kind):
            state = self._state(key)
            if state == UNDONE:
                raise UndoneBefore(f"{kind} of {order.id} was undone before")
            yield state is None
            self._db.execute("INSERT OR IGNORE INTO deed VALUES (?, ?, ?, ?)", (key, kind, order.id, DONE))

    @contextmanager
    def _undo(self, key: str, kind: str, order: Order) -> Generator[bool]:
        """One transaction that undoes a deed; yields whether there is something to undo."""
        with self._transaction(f"{key}/undo", f"undo {kind}"):
            state = self._state(key)
            yield state == DONE
            self._db.execute("INSERT OR REPLACE INTO deed VALUES (?, ?, ?, ?)", (key, kind, order.id, UNDONE))

    @contextmanager
    def _transaction(self, key: str, kind: str) -> Generator[None]:
        self._db.execute("INSERT INTO execution VALUES (?, ?)", (key, kind))
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise

    def _state(self, key: str) -> str | None:
        row = self._db.execute("SELECT state FROM deed WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def _move(self, key: str, account: str, amount: int) -> None:
        self._db.execute("INSERT INTO movement VALUES (?, ?, ?)", (key, account, amount))

    # The books

    def executions(self) -> Executions:
        """How often activities ran."""
        total, keys = self._db.execute("SELECT count(*), count(DISTINCT key || kind) FROM execution").fetchone()
        return Executions(total, total - keys)

    def deeds(self, order_id: str) -> set[str]:
        """What is done, and not undone, for an order."""
        rows = self._db.execute("SELECT kind FROM deed WHERE order_id = ? AND state = ?", (order_id, DONE))
        return {str(row[0]) for row in rows}

    def audit(self, completed: set[str], rolled_back: set[str]) -> list[str]:
        """Checks the books against the orders' outcomes; returns what is wrong."""
        wrong: list[str] = []
        for sku, initially, on_hand in self._db.execute("SELECT * FROM stock").fetchall():
            moved = self._sum("SELECT sum(amount) FROM movement WHERE account = ?", sku)
            if initially + moved != on_hand or on_hand < 0:
                wrong.append(f"stock of {sku}: {initially} and {moved:+d} moved, but {on_hand} on hand")
        query = "SELECT key, account, count(*), sum(amount) FROM movement GROUP BY key, account"
        for key, account, count, total in self._db.execute(query).fetchall():
            state = self._state(key)
            if count != (1 if state == DONE else 2) or (state == UNDONE and total != 0):
                wrong.append(f"{account} under key {key}: {count} movements, {total} in sum, {state}")
        for order_id in completed:
            found = self.deeds(order_id)
            if found != {"reservation", "payment", "shipment"}:
                wrong.append(f"order {order_id} completed, but only {sorted(found)} stand")
        for order_id in rolled_back:
            found = self.deeds(order_id)
            if found:
                wrong.append(f"order {order_id} was rolled back, but {sorted(found)} still stand")
        known = completed | rolled_back
        for (order_id,) in self._db.execute("SELECT DISTINCT order_id FROM deed WHERE state = ?", (DONE,)):
            if order_id not in known:
                wrong.append(f"order {order_id} has left something behind but has no outcome")
        return wrong

    def _sum(self, query: str, *args: object) -> int:
        return int(self._db.execute(query, args).fetchone()[0] or 0)

    def close(self) -> None:
        """Closes the database."""
        self._db.close()
