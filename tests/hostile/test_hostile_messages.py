"""Messages that no client of ours sends: each is refused with a reason, or is a dead letter, and the partition goes on."""

from __future__ import annotations

import uuid
from typing import Any

from harness import events_of, running
from message_sagas import ACTIVITIES, WORKFLOWS, Account, Basket, Item, Nosy, adds

from sagaline._log import COMMANDS
from sagaline._model.codec import encode
from sagaline._model.records import QueryRun, SignalRun, UpdateRun

PAYLOADS = [
    b"",
    b"null",
    b"{}",
    b"[",
    b"[]",
    b"[1,2,3]",
    b"[null]",
    b"[NaN]",
    b'["\xff"]',
    b"[" * 5_000 + b"]" * 5_000,
    b'[{"name":{"name":{"name":1}}}]',
    b"[" + b"9" * 5_000 + b"]",
    b'["' + b"x" * 600_000 + b'"]',
    b"\x00\x00\x10garbage",
    b"\x00",
]
NAMES = [
    "add",
    "deposit",
    "count",
    "numbers",
    "",
    "nope",
    "run",
    "__init__",
    "x" * 300,
    "☂",
    "sagaline/token/1",
    "\x00",
]
WORKFLOW_IDS = ["basket", "account", "nosy", "adds", "nobody", ""]


def hostile() -> list[Any]:
    requests: list[Any] = []
    number = 0
    for workflow_id in WORKFLOW_IDS:
        for name in NAMES:
            for payload in PAYLOADS if name in ("add", "deposit", "count", "numbers") else PAYLOADS[4:8]:
                number += 1
                ids = (f"h{number}", workflow_id)
                requests.append(SignalRun(*ids, name, payload, "client", 0))
                requests.append(QueryRun(f"q{number}", workflow_id, name, payload, "client", 0))
                requests.append(UpdateRun(f"u{number}", workflow_id, f"u{number}", name, payload, "client", 0))
    return requests


async def test_nothing_that_is_sent_to_runs_stops_their_partition() -> None:
    url = f"memory://h{uuid.uuid4().hex}?partitions=1"
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        basket = await client.start(Basket.run, id="basket")
        account = await client.start(Account.run, id="account")
        nosy = await client.start(Nosy.run, id="nosy")
        await client.start(adds, 1, id="adds")
        requests = hostile()
        assert len(requests) > 1_500
        for request in requests:
            client._requests.log.publish(COMMANDS, 0, b"key", encode(request))
        await basket.signal(Basket.add, Item("last"))
        assert await basket.query(Basket.has, "last")
        assert await account.execute_update(Account.deposit, 1) >= 1
        assert await nosy.query(Nosy.stands) == (0, 0)
        await nosy.signal(Nosy.wake)
        assert await nosy.result(10) == "done"
        assert await client.runs("parked") == []
        assert len(await events_of(client, "adds")) >= 1
