"""The saga: reserve stock, charge the card, ship. Whatever fails, what was done is undone."""

from __future__ import annotations

from sagaline import saga

from .activities import charge_card, reserve_stock, ship_parcel
from .models import Order, Receipt


@saga
async def fulfil_order(order: Order) -> Receipt:
    """Fulfils an order, or leaves no trace of it."""
    await reserve_stock(order)
    payment = await charge_card(order)
    shipment = await ship_parcel(order)
    return Receipt(order_id=order.id, payment_id=payment.id, tracking=shipment.tracking)
