"""Order fulfilment: reserve stock, charge the card, ship; with compensations."""

from .activities import charge_card, recall_parcel, refund_card, release_stock, reserve_stock, ship_parcel
from .saga import fulfil_order

__all__ = [
    "charge_card",
    "fulfil_order",
    "recall_parcel",
    "refund_card",
    "release_stock",
    "reserve_stock",
    "ship_parcel",
]
