"""Four trips, and what a person does for two of them: ``python -m sagaline_sagas.trip_booking``.

A worker runs here, in a temporary folder; what is behind a ``$`` is what you would type in another terminal.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shlex
import sys
import tempfile

from sagaline import Client, RunError, RunParkedError, Worker

from . import Trip, agency, book_trip

_LOG = "sqlite:///.sagaline/dev.db"  # where the command line looks
_TRIP = Trip(passenger="ANN LEE", flight="AB 12", hotel="Sea View", car="a small car", card="card-1")


async def _type(*command: str) -> None:
    """What a person types."""
    print(f"\n$ sagaline {shlex.join(command)}", flush=True)
    environment = {name: value for name, value in os.environ.items() if name != "SAGALINE_LOG"}
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "sagaline.cli", *command, env=environment)
    if await process.wait() != 0:
        raise SystemExit(f"Expected the command to succeed but it has ended with {process.returncode}.")


async def main() -> None:
    """One goes well, one is undone, one cannot be undone, one is stuck behind its payment."""
    agency.trouble |= {"card-2 is declined", "Grand takes no cancellations"}
    legs = [agency.book_flight, agency.book_hotel, agency.book_car]
    async with (
        Worker(_LOG, workflows=[book_trip], activities=[*legs, agency.pay, agency.issue_ticket, agency.send_mail]),
        await Client.connect(_LOG) as client,
    ):

        async def book(id: str, trip: Trip) -> None:
            print(f"\n{id}: {trip.passenger}, {trip.flight}, {trip.hotel}, {trip.car}, {trip.card}")
            try:
                itinerary = await client.execute(book_trip, trip, id=id, on_parked="raise")
                print(f"  booked: {itinerary.ticket}, {itinerary.paid_cents / 100:.2f} paid")
            except RunParkedError:
                print("  waits for a person")
            except RunError as error:
                print(f"  {error.status}: {error.failure.message}")

        await book("trip-1", _TRIP)
        await book("trip-2", _TRIP.model_copy(update={"card": "card-2"}))

        await book("trip-3", _TRIP.model_copy(update={"card": "card-2", "hotel": "Grand"}))
        await _type("saga", "ledger", "trip-3")
        agency.cancel_by_phone("Grand")
        await _type("saga", "done", "trip-3", "--reason", "the hotel agrees, Mr Fox on the phone", "--by", "bea")
        await _type("saga", "ledger", "trip-3")

        await book("trip-4", _TRIP.model_copy(update={"passenger": "Ann"}))
        await _type("saga", "preview", "trip-4")
        right = [part for argument in ("AB 12", "ANN LEE") for part in ("--arg", json.dumps(argument))]
        await _type("saga", "edit", "trip-4", *right, "--reason", "as in the passport", "--by", "bea")
        itinerary = await client.handle("trip-4").result()
        print(f"  booked: {itinerary['ticket']}, {itinerary['paid_cents'] / 100:.2f} paid")
    stands = sorted(booking.what for booking in agency.bookings.values())
    print(f"\nbooked: {', '.join(stands)}; paid: {sum(agency.payments.values()) / 100:.2f}")


if __name__ == "__main__":
    logging.getLogger("sagaline").setLevel(logging.CRITICAL)  # the reader sees it below
    with tempfile.TemporaryDirectory(prefix="trips-") as folder:
        os.chdir(folder)
        os.mkdir(".sagaline")
        asyncio.run(main())
