"""Transfers between two banks on PostgreSQL, whose servers are killed too, as a load of chaos."""

from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import psycopg
from chaos_load import Fault
from postgres_process import PostgresProcess

from sagaline import Client, RequestRefused, RequestTimeout, RunError, RunHandle, RunSummary, Status
from sagaline._model.ids import idempotency_key
from sagaline.client import LedgerEntry
from sagaline_sagas.money_transfer import Account, Bank, Transfer, audit, transfer_money
from sagaline_sagas.money_transfer.bank import Movement, undo_of
from sagaline_sagas.money_transfer.database import open_database

_ACCOUNTS, _NAMES = 20, ("north", "south")
_CLOSED, _SUSPENSE = "closed", "suspense"
_CANCELLED = 0.05
_LEFT_S = 180.0
_T = TypeVar("_T")


class Banks:
    """A ``chaos_load.Load``. Customers cancel some transfers, and leave. A clerk repairs what is parked: he opens the
    account again and has the undo tried again, has it booked on the suspense account, or books it by hand and says so. ``longest_s``: how long servers are away."""

    things, a_second, target, make = "transfers", 8.0, "sagaline_sagas.money_transfer", "chaos-banks"

    def __init__(self, draw: random.Random, longest_s: float = 8.0) -> None:
        self.draw, self._longest_s = draw, longest_s
        self.servers = {name: PostgresProcess(name) for name in _NAMES}
        self.banks = {name: Bank(name, open_database(server.url)) for name, server in self.servers.items()}
        self.violations: list[str] = []
        self._transfers: dict[str, Transfer] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._client: Client | None = None
        self._completed: set[str] = set()
        self._undone: set[str] = set()
        self._parked: set[str] = set()
        self._repairs: Counter[str] = Counter()
        self._cancels = 0

    @property
    def environment(self) -> dict[str, str]:
        """Where the banks' databases are."""
        return {f"BANK_{name.upper()}": server.url for name, server in self.servers.items()}

    def prepare(self, count: int) -> None:
        """Starts the servers, opens accounts, and draws the transfers: some of more than there is, or to nowhere."""
        for name, server in self.servers.items():
            server.start()
            bank = self.banks[name]
            bank.create_tables()
            for number in range(_ACCOUNTS):
                bank.open(str(number), self.draw.randint(0, 1_000_000))
            bank.open(_SUSPENSE, 100_000_000)
            bank.open(_CLOSED, 0)
            bank.set_closed(_CLOSED)
        self._planned = [self._draw(f"transfer-{number:05d}") for number in range(count)]

    def _draw(self, id: str) -> Transfer:
        source, target = self.draw.sample(_NAMES, 2)
        to = self.draw.choices([str(self.draw.randrange(_ACCOUNTS)), _CLOSED, "nobody"], [90, 8, 2])[0]
        return Transfer.model_validate(
            {
                "id": id,
                "source": {"bank": source, "id": str(self.draw.randrange(_ACCOUNTS))},
                "target": {"bank": target, "id": to},
                "cents": self.draw.choice([1, 99, 12_345, 50_000, 900_000]),
            }
        )

    async def place(self, client: Client, number: int) -> None:
        """One transfer, until it has ended."""
        self._client = client
        await self._place(client, self._planned[number])

    async def _place(self, client: Client, transfer: Transfer) -> None:
        self._transfers[transfer.id] = transfer
        handle = await client.start(transfer_money, transfer, id=transfer.id, timeout=None)
        if self.draw.random() < _CANCELLED:
            await asyncio.sleep(self.draw.choice([0, 0.01, 0.05, 1]))
            await self._cancel(handle)
        try:
            await handle.result()
            self._completed.add(transfer.id)
        except RunError as error:
            if error.status in ("compensated", "cancelled"):
                self._undone.add(transfer.id)
            else:
                self.violations.append(f"{transfer.id}: {error}")

    async def _cancel(self, handle: RunHandle[None]) -> None:
        try:
            await handle.cancel("the customer has thought better of it", timeout=None)
            self._cancels += 1
        except RequestRefused:
            pass  # it has ended

    # Faults

    def faults(self) -> list[Fault]:
        """What happens to servers and customers."""

        def down(end: Callable[[PostgresProcess], None], both: bool = False) -> Callable[[], Any]:
            return lambda: self._down(end, both)

        return [
            *[("PostgreSQL killed (SIGKILL of all its processes), recovered", down(PostgresProcess.kill))] * 5,
            *[("both banks' PostgreSQL killed at once", down(PostgresProcess.kill, both=True))] * 2,
            ("PostgreSQL shut down fast", down(PostgresProcess.stop)),
            *[("PostgreSQL shut down immediately, recovered", down(lambda one: one.stop(signal.SIGQUIT)))] * 2,
            *[("process of one connection killed (SIGKILL): all are dropped", self._crash_backend)] * 2,
            *[("all connections dropped by the server", self._drop)] * 3,
            *[("PostgreSQL paused (SIGSTOP)", self._pause)] * 2,
            *[("customers leave while their transfers are under way", self._leave)] * 4,
        ]

    def _any(self) -> PostgresProcess:
        return self.servers[self.draw.choice(_NAMES)]

    async def _down(self, end: Callable[[PostgresProcess], None], both: bool) -> None:
        servers = list(self.servers.values()) if both else [self._any()]
        for server in servers:
            await asyncio.to_thread(end, server)
        await asyncio.sleep(self.draw.uniform(0.2, self._longest_s))
        for server in servers:
            await asyncio.to_thread(server.start)

    async def _crash_backend(self) -> None:
        """There may be no connection just now: then it is looked again."""
        server = self._any()
        for _ in range(200):
            if server.crash_backend():
                return
            await asyncio.sleep(0.01)

    async def _drop(self) -> None:
        server = self._any()
        for _ in range(20):
            server.drop_connections()
            await asyncio.sleep(0.05)

    async def _pause(self) -> None:
        server = self._any()
        server.pause()
        await asyncio.sleep(self.draw.uniform(0.2, self._longest_s))
        server.resume()

    async def _leave(self) -> None:
        """Their debits are done, the other bank is down; meanwhile they close their accounts. It will refuse the
        credit, and then the money cannot go back."""
        here, there = self.draw.sample(_NAMES, 2)
        number, client = len(self._transfers), self._client
        if client is None:
            return
        await asyncio.to_thread(self.servers[there].stop)
        leavers = [f"leaver-{number}-{one}" for one in range(3)]
        for leaver in leavers:
            await self._insist(partial(self.banks[here].open, leaver, 7_700))
            source, target = Account(bank=here, id=leaver), Account(bank=there, id=_CLOSED)  # type: ignore[arg-type]
            task = asyncio.create_task(
                self._place(client, Transfer(id=leaver, source=source, target=target, cents=7_700))
            )
            self._leaving.add(task)
        for _ in range(300):  # workers may be down too: then they leave with their money, and the debit is refused
            accounts = await self._insist(self.banks[here].accounts)
            if not any(accounts[leaver] for leaver in leavers):
                break
            await asyncio.sleep(0.1)
        for leaver in leavers:
            await self._insist(partial(self.banks[here].set_closed, leaver))
        await asyncio.to_thread(self.servers[there].start)

    async def _insist(self, what: Callable[[], _T]) -> _T:
        while True:
            try:
                return await asyncio.to_thread(what)
            except psycopg.OperationalError:
                await asyncio.sleep(0.2)

    # The clerk

    async def work(self, client: Client) -> None:
        """Looks after parked transfers until the day is over."""
        while True:
            try:
                for run in await client.runs(status=Status.PARKED):
                    self._parked.add(run.workflow_id)
                    await self._repair(client, run)
            except (RequestTimeout, RequestRefused):
                pass  # nobody has answered, or it was repaired when nobody had answered
            await asyncio.sleep(1)

    async def _repair(self, client: Client, run: RunSummary) -> None:
        saga = client.handle(run.workflow_id, run.run_id).saga
        for entry in (await saga.ledger()).parked:
            transfer = Transfer.model_validate(entry.input[0])
            end = _end(entry, transfer)
            bank, by = self.banks[end.bank], "the clerk"
            why = entry.undo_failure.type if entry.undo_failure is not None else "no undo"
            if why not in ("AccountClosed", "InsufficientFunds"):
                self.violations.append(f"{transfer.id} waits for a person: {entry}")
            action = self.draw.choice(["retry", "edit", "done", "skip"])
            if action == "retry":
                await self._insist(partial(bank.set_closed, end.id, closed=False))
                await saga.retry(entry.step, reason="the account is open again", by=by)
            elif action == "edit":
                side = "source" if end is transfer.source else "target"
                changed = transfer.model_copy(update={side: end.model_copy(update={"id": _SUSPENSE})})
                await saga.edit(entry.step, changed.model_dump(), reason="on the suspense account", by=by)
            else:
                await self._insist(partial(bank.undo, idempotency_key(run.run_id, entry.step), transfer.id, _SUSPENSE))
                say = saga.done if action == "done" else saga.skip
                await say(entry.step, reason="booked on the suspense account by hand", by=by)

    # Afterwards

    def heal(self) -> None:
        """All servers run."""
        for server in self.servers.values():
            server.resume()
            if not server.running:
                server.start()

    async def audit(self, client: Client) -> None:
        """The banks' books against each other, and against the ledger of each saga."""
        _, late = await asyncio.wait(self._leaving, timeout=_LEFT_S) if self._leaving else (set(), set())
        self.violations += [f"{len(late)} of those who left have no outcome"] * bool(late)
        self.violations += audit(self.banks.values(), self._completed, self._undone)
        lines = {name: {line.key: line for line in bank.movements()} for name, bank in self.banks.items()}
        known: set[str] = set()
        several = asyncio.Semaphore(20)

        async def compare(transfer: Transfer) -> None:
            async with several:
                ledger = await client.handle(transfer.id).saga.ledger("60s")
            for entry in ledger.entries:
                key = idempotency_key(ledger.run_id, entry.step)
                known.update((key, undo_of(key)))
                self._repairs.update(repair.action for repair in entry.repairs)
                self.violations += disagreement(transfer, entry, key, lines[_end(entry, transfer).bank])

        await asyncio.gather(*map(compare, self._transfers.values()))
        for name in _NAMES:
            unknown = [line for key, line in lines[name].items() if key not in known and line.transfer != "opening"]
            self.violations += [f"{line} at {name} is in no saga's ledger" for line in unknown]

    def figures(self) -> dict[str, int]:
        """How they ended, and what was repaired how."""
        ended = {
            "completed": len(self._completed),
            "undone": len(self._undone),
            "cancelled by the customer while under way": self._cancels,
        }
        ended["waited for a person"] = len(self._parked)
        return ended | {f"repaired: {action}": count for action, count in sorted(self._repairs.items())}

    def checked(self) -> str:
        """For the report."""
        return (
            "every cent of both banks is where the movements say, no cent more or less than was paid in; each completed "
            "transfer has moved its money once, each other one none; the movements of both banks are those of the ledgers "
            "of the sagas, key by key"
        )

    def close(self) -> None:
        """Ends the servers."""
        for server in self.servers.values():
            server.close()


def _end(entry: LedgerEntry, transfer: Transfer) -> Account:
    """The account that a step is about."""
    return transfer.source if entry.activity == "debit" else transfer.target


def disagreement(transfer: Transfer, entry: LedgerEntry, key: str, lines: dict[str, Movement]) -> list[str]:
    """In what the bank's lines of a step's key differ from what the saga's ledger says of the step."""
    line, undo = lines.get(key), lines.get(undo_of(key))
    cents = -transfer.cents if entry.activity == "debit" else transfer.cents
    moved = 0 if line is None else line.cents
    right = {"completed": moved == cents, "failed": moved == 0, "unknown": moved in (0, cents)}
    if right.get(entry.outcome, False) and (undo is not None) == (entry.undone == "completed"):
        return []
    return [f"{transfer.id}: {entry.activity} is {entry.outcome}, its undo {entry.undone}, but booked {line}, {undo}"]
