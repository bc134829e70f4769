"""What the saga and its participants tell each other."""

from __future__ import annotations

from pydantic import BaseModel


class Order(BaseModel):
    """A customer's order. Amounts are in cents."""

    id: str
    sku: str
    quantity: int
    amount_cents: int
    card: str
    address: str


class Reservation(BaseModel):
    """Stock that is set aside."""

    id: str
    sku: str
    quantity: int


class Payment(BaseModel):
    """Money that was taken."""

    id: str
    amount_cents: int


class Shipment(BaseModel):
    """A parcel on its way."""

    id: str
    tracking: str


class Receipt(BaseModel):
    """What the customer gets to see."""

    order_id: str
    payment_id: str
    tracking: str
