"""What the saga and its activities tell each other."""

from __future__ import annotations

from pydantic import BaseModel


class Trip(BaseModel):
    """What a customer wants."""

    passenger: str
    flight: str
    hotel: str
    car: str
    card: str


class Booking(BaseModel):
    """A part of it that is booked."""

    what: str
    cents: int


class Itinerary(BaseModel):
    """The trip as it is booked and paid."""

    bookings: list[Booking]
    paid_cents: int
    ticket: str
