"""Airline, hotel, car hire and bank, as activities of one object: put your providers' clients in its place.

Each is handed the idempotency key, and does a thing once for a key. When two legs are booked and the third is sold out,
nobody knows how far a leg is that is under way; so a cancellation finds by the key whether there is a booking, and a
booking that comes after its cancellation is refused.
"""

from __future__ import annotations

from sagaline import ApplicationError, activity

from .models import Booking, Trip


class SoldOut(ApplicationError):
    """There is none left."""


class BookedTooLate(ApplicationError):
    """It was cancelled before it was booked."""


class CardDeclined(ApplicationError):
    """The bank says no."""


class TooLate(ApplicationError):
    """The hotel does not take cancellations any more."""

    retryable = False


class PassportMismatch(ApplicationError):
    """The airline knows nobody of that name."""

    retryable = False


_FLIGHT, _HOTEL, _CAR = 45_000, 60_000, 15_000
_NO = (SoldOut, BookedTooLate)


class Agency:
    """What stands, by the key of the step that has done it; and what goes wrong."""

    def __init__(self) -> None:
        self.trouble: set[str] = set()
        self.clear()

    def clear(self) -> None:
        """Nothing is booked or paid."""
        self.bookings: dict[str, Booking] = {}
        self.payments: dict[str, int] = {}
        self.mails: list[str] = []
        self._cancelled: set[str] = set()

    def _book(self, what: str, cents: int) -> Booking:
        key = activity.info().idempotency_key
        if key in self._cancelled:
            raise BookedTooLate(what)
        if key not in self.bookings and f"{what} is sold out" in self.trouble:
            raise SoldOut(what)
        return self.bookings.setdefault(key, Booking(what=what, cents=cents))

    def _cancel(self, what: str) -> None:
        step = activity.info().compensates
        if step is None:
            raise RuntimeError("Expected to undo a step but was called as one.")
        if step.idempotency_key in self.bookings and f"{what} takes no cancellations" in self.trouble:
            raise TooLate(f"{what}: ask us on the phone")
        self._cancelled.add(step.idempotency_key)
        self.bookings.pop(step.idempotency_key, None)

    def cancel_by_phone(self, what: str) -> None:
        """What a person can do about a hotel that takes no cancellations."""
        self.bookings = {key: booking for key, booking in self.bookings.items() if booking.what != what}

    # What comes before the pivot is undone

    @activity(timeout="30s", refusals=_NO)
    async def book_flight(self, trip: Trip) -> Booking:
        """A seat."""
        return self._book(trip.flight, _FLIGHT)

    @book_flight.compensation
    async def cancel_flight(self, trip: Trip) -> None:
        """Gives it back."""
        self._cancel(trip.flight)

    @activity(timeout="30s", refusals=_NO)
    async def book_hotel(self, trip: Trip) -> Booking:
        """A room."""
        return self._book(trip.hotel, _HOTEL)

    @book_hotel.compensation
    async def cancel_hotel(self, trip: Trip) -> None:
        """Gives it back. A hotel that says no is called by a person: the trip waits for that."""
        self._cancel(trip.hotel)

    @activity(timeout="30s", refusals=_NO)
    async def book_car(self, trip: Trip) -> Booking:
        """A car."""
        return self._book(trip.car, _CAR)

    @book_car.compensation
    async def cancel_car(self, trip: Trip) -> None:
        """Gives it back."""
        self._cancel(trip.car)

    # The pivot, and what must be done behind it

    @activity(timeout="1m", pivot=True, refusals=[CardDeclined])
    async def pay(self, trip: Trip, cents: int) -> int:
        """The point of no return: a clean no undoes the trip, and after a yes it takes place."""
        if f"{trip.card} is declined" in self.trouble:
            raise CardDeclined(trip.card)
        return self.payments.setdefault(activity.info().idempotency_key, cents)

    @activity(timeout="30s", retriable=True)
    async def issue_ticket(self, flight: str, passenger: str) -> str:
        """It is paid, so there has to be a ticket: what cannot be tried again waits for a person."""
        if passenger != passenger.upper():
            raise PassportMismatch(f"{passenger!r} is not as in the passport")
        return f"{flight} for {passenger}"

    @activity(timeout="30s", retriable=True)
    async def send_mail(self, passenger: str, text: str) -> None:
        """A mail that is sent twice does no harm."""
        self.mails.append(f"{passenger}: {text}")


agency = Agency()
"""That of ``sagaline dev sagaline_sagas.trip_booking``."""
