"""A trip: flight, hotel and car at once, then the payment, behind which nothing is undone, then the tickets."""

from .agency import Agency, CardDeclined, PassportMismatch, SoldOut, TooLate, agency
from .models import Booking, Itinerary, Trip
from .saga import book_trip

__all__ = [
    "Agency",
    "Booking",
    "CardDeclined",
    "Itinerary",
    "PassportMismatch",
    "SoldOut",
    "TooLate",
    "Trip",
    "agency",
    "book_trip",
]
