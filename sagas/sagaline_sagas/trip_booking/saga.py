"""The saga: three legs beside each other, the pivot, and what has to be done behind it."""

from __future__ import annotations

import asyncio

from sagaline import saga

from .agency import Agency
from .models import Itinerary, Trip


@saga(strict=True, parallel=True)  # what was booked at once is cancelled at once
async def book_trip(trip: Trip) -> Itinerary:
    """Books all of it, or nothing."""
    async with asyncio.TaskGroup() as group:
        legs = [
            group.create_task(Agency.book_flight(trip)),
            group.create_task(Agency.book_hotel(trip)),
            group.create_task(Agency.book_car(trip)),
        ]
    bookings = [leg.result() for leg in legs]
    paid = await Agency.pay(trip, sum(booking.cents for booking in bookings))
    ticket = await Agency.issue_ticket(trip.flight, trip.passenger)
    await Agency.send_mail(trip.passenger, f"Your ticket is {ticket}")
    return Itinerary(bookings=bookings, paid_cents=paid, ticket=ticket)
