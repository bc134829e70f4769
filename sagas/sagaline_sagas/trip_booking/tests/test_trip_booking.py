"""What is booked and paid afterwards, for each way a trip can go."""

from __future__ import annotations

import asyncio

import pytest

from sagaline import Activity, RunError, Status
from sagaline.testing import Environment, Trial, fail_after_each_step
from sagaline.testing.plugin import MakeEnvironment

from .. import Agency, Booking, Trip, book_trip

TRIP = Trip(passenger="ANN LEE", flight="AB 12", hotel="Sea View", car="a small car", card="card-1")
LEGS = [Agency.book_flight, Agency.book_hotel, Agency.book_car]


@pytest.fixture
def agency() -> Agency:
    return Agency()


@pytest.fixture
def env(sagaline_env: MakeEnvironment, agency: Agency) -> Environment:
    legs = [agency.book_flight, agency.book_hotel, agency.book_car]
    return sagaline_env(workflows=[book_trip], activities=[*legs, agency.pay, agency.issue_ticket, agency.send_mail])


async def test_a_trip_is_booked_and_paid(env: Environment, agency: Agency) -> None:
    async with env:
        itinerary = await env.execute(book_trip, TRIP)
    assert [booking.what for booking in itinerary.bookings] == ["AB 12", "Sea View", "a small car"]
    assert (itinerary.paid_cents, itinerary.ticket) == (120_000, "AB 12 for ANN LEE")
    assert sum(agency.payments.values()) == 120_000
    assert agency.mails == ["ANN LEE: Your ticket is AB 12 for ANN LEE"]


@pytest.mark.parametrize("trouble", ["AB 12 is sold out", "Sea View is sold out", "a small car is sold out"])
async def test_a_leg_that_is_sold_out_cancels_the_others(env: Environment, agency: Agency, trouble: str) -> None:
    agency.trouble.add(trouble)
    async with env:
        handle = await env.start(book_trip, TRIP)
        with pytest.raises(RunError, match="SoldOut"):
            await handle.result()
        assert (await handle.describe()).status == Status.COMPENSATED
    assert (agency.bookings, agency.payments) == ({}, {})


async def test_a_card_that_is_declined_cancels_all_legs(env: Environment, agency: Agency) -> None:
    agency.trouble.add("card-1 is declined")
    async with env:
        with pytest.raises(RunError, match="CardDeclined"):
            await env.execute(book_trip, TRIP)
    assert (agency.bookings, agency.payments) == ({}, {})


async def test_wherever_it_fails_there_is_all_of_it_or_nothing(env: Environment, agency: Agency) -> None:
    def check(trial: Trial) -> None:
        assert len(agency.bookings) == (3 if trial.completed else 0)
        assert sum(agency.payments.values()) == (120_000 if trial.completed else 0)

    async with env:
        await fail_after_each_step(book_trip, TRIP, check, env=env, before=agency.clear)


@pytest.mark.parametrize("leg", LEGS, ids=lambda leg: leg.name)
async def test_a_trip_that_is_cancelled_while_it_is_booked_leaves_nothing(
    env: Environment, agency: Agency, leg: Activity[[Trip], Booking]
) -> None:
    has_begun = asyncio.Event()

    async def hangs(trip: Trip) -> Booking:
        has_begun.set()
        await asyncio.Event().wait()
        raise AssertionError("is cancelled before")

    async with env:
        env.stand_in(leg, hangs)
        handle = await env.start(book_trip, TRIP)
        await has_begun.wait()
        await handle.cancel("rain")
        with pytest.raises(RunError, match="rain"):
            await handle.result()
    assert (agency.bookings, agency.payments) == ({}, {})


async def test_a_hotel_that_takes_no_cancellations_is_called_by_a_person(env: Environment, agency: Agency) -> None:
    agency.trouble |= {"card-1 is declined", "Sea View takes no cancellations"}
    async with env:
        handle = await env.start(book_trip, TRIP)
        await env.advance("1s")
        (entry,) = (await handle.saga.ledger()).parked
        assert (entry.activity, entry.compensation) == ("Agency.book_hotel", "Agency.cancel_hotel")
        assert [booking.what for booking in agency.bookings.values()] == ["Sea View"]  # the others have not waited
        agency.cancel_by_phone("Sea View")
        await handle.saga.done(reason="Mr Fox on the phone", by="bea")
        with pytest.raises(RunError, match="CardDeclined"):
            await handle.result()
        assert (await handle.describe()).status == Status.COMPENSATED
    assert agency.bookings == {}


async def test_what_is_paid_is_never_undone(env: Environment, agency: Agency) -> None:
    async with env:
        handle = await env.start(book_trip, TRIP.model_copy(update={"passenger": "Ann"}))
        await env.advance("1s")
        (entry,) = (await handle.saga.ledger()).parked
        assert (entry.activity, (await handle.saga.preview()).pivot) == ("Agency.issue_ticket", "Agency.pay")
        await handle.cancel("too late for that")
        await env.advance("1h")
        assert len(agency.bookings) == 3
        await handle.saga.edit(None, "AB 12", "ANN LEE", reason="as in the passport", by="bea")
        assert (await handle.result()).ticket == "AB 12 for ANN LEE"
    assert sum(agency.payments.values()) == 120_000
