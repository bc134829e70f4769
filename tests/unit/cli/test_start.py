"""``sagaline start``: arguments, ids, waiting that tells what happens."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from commands import command
from harness import eventually, running

from sagaline import ApplicationError, Client, Retry, activity, saga, workflow
from sagaline.cli import live


class CardDeclined(ApplicationError):
    pass


released: list[str] = []
gate = asyncio.Event()


@activity
async def reserve(name: str) -> str:
    return f"reservation-{name}"


@reserve.compensation
async def release(name: str, reservation: str | None) -> None:
    released.append(name)


@activity(refusals=(CardDeclined,))
async def charge(cents: int) -> int:
    if cents > 100:
        raise CardDeclined("the bank says no")
    return cents


@activity(retry=Retry(attempts=3, first_interval="800ms", coefficient=1))
async def flaky() -> str:
    if activity.info().attempt < 3:
        raise OSError("no route to the bank")
    await gate.wait()
    return "at last"


@saga
async def fulfil(name: str, cents: int) -> list[object]:
    return [await reserve(name), await charge(cents)]


@workflow
async def waits() -> str:
    return await flaky()


@workflow
async def echo(value: object) -> object:
    return value


@workflow
async def buggy(name: str) -> str:
    raise LookupError(f"no {name}")


WORKFLOWS, ACTIVITIES = [fulfil, waits, echo, buggy], [reserve, charge, flaky]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'log.db'}?partitions=1"


async def test_arguments_are_given_one_by_one_or_as_the_one_there_is(url: str, tmp_path: Path) -> None:
    file = tmp_path / "value.json"
    file.write_text('{"a": [1, 2]}')
    async with running(url, WORKFLOWS, ACTIVITIES):
        start = ["start", "--wait", "--log", url]
        several = await command(*start, "fulfil", "--id", "a", "--arg", '"x"', "--arg", "5")
        assert json.loads(several.out) == ["reservation-x", 5]
        a_list_is_one_argument = await command(*start, "echo", "--id", "b", "--input", "[1, 2]")
        assert json.loads(a_list_is_one_argument.out) == [1, 2]
        assert json.loads((await command(*start, "echo", "--id", "c", "--input", f"@{file}")).out) == {"a": [1, 2]}
        told = await command(*start, "echo", "--id", "c", "--input", f"@{file}", "--json")
        assert told.json.keys() == {"workflow_id", "run_id", "result"}


async def test_a_run_is_given_notes_and_is_found(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        start = ["start", "echo", "--wait", "--log", url, "--input", "1"]
        given = ["--memo", 'note={"by": "Ann"}', "--search", "tier=2", "--search", 'tags=["red", "blue"]']
        assert (await command(*start, "--id", "a", *given, "--search", "due:datetime=2026-11-29T10:00:00Z")).code == 0
        assert (await command(*start, "--id", "b", "--search", "tier=3")).code == 0
        assert (await client.handle("a").describe()).memo == {"note": {"by": "Ann"}}
        shown = await command("show", "a", "--log", url)
        assert """memo: {"note": {"by": "Ann"}}""" in shown.out
        assert '"due": "2026-11-29T10:00:00.000+00:00", "tags": ["red", "blue"], "tier": 2' in shown.out.replace(
            "\n", " "
        )
        for search in ("tier=2", 'tags="red"', "due:datetime=2026-11-29T12:00:00+02:00"):
            found = (await command("list", "--log", url, "--search", search, "--json")).json
            assert [run["workflow_id"] for run in found] == ["a"], search
        assert "No run is there" in (await command("list", "--log", url, "--search", "tier=9")).out
        assert (await command("list", "--log", url, "--search", "tier")).code == 2


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--input", "1", "--arg", "2"], "Expected --input, or --arg for each argument, but got both"),
        (["--input", "order"], """a string is written '"order"'"""),
        (["--input", '{"a": }'], "Expected --input to be JSON but"),
        (["--arg", "[" * 100_000], "nested too deep"),
        (["--input", "@nowhere.json"], "Expected --input @FILE to be readable"),
        (["--id-conflict", "merge"], "Expected id_conflict to be one of join, use_existing"),
        (["--timeout", "soon"], "timeout"),
        (["--memo", "note"], "Expected --memo NAME=JSON but got 'note'"),
        (["--search", "tier=two"], "Expected --search to be JSON but"),
        (["--search", "due:datetime=2026-11-29"], "with a zone"),
        (["--search", "tier={}"], "Expected search attribute 'tier' to be a str"),
        (["--id", "x" * 256], "Expected id to have 1 to 255 bytes"),
    ],
)
async def test_wrong_use_is_said_and_nothing_is_sent(url: str, options: list[str], text: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        done = await command("start", "echo", "--id", "wrong", "--log", url, *options)
        assert done.code == 2
        assert text in done.err
        assert await client.runs() == []


async def test_a_refusal_ends_at_once_undone_with_its_reason(url: str) -> None:
    """Fault 30: the first rollback of a newcomer took four minutes, in silence."""
    released.clear()
    async with running(url, WORKFLOWS, ACTIVITIES):
        async with asyncio.timeout(10):
            done = await command(
                "start", "fulfil", "--id", "no", "--arg", '"x"', "--arg", "500", "--wait", "--log", url
            )
    assert done.code == 1
    assert "run of no compensated: CardDeclined: the bank says no" in done.err
    assert released == ["x"]


async def test_waiting_tells_which_step_fails_and_when_the_next_attempt_is(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 30: step, attempt, failure and next attempt are told live."""
    monkeypatch.setattr(live, "_SILENT_S", 0.01)
    monkeypatch.setattr(live, "_LOOK_S", 0.01)
    gate.clear()
    said: list[str] = []
    monkeypatch.setattr(live.err, "print", lambda text, **_: said.append(text))
    async with running(url, WORKFLOWS, ACTIVITIES):
        waiting = asyncio.ensure_future(command("start", "waits", "--id", "w", "--wait", "--log", url))
        await eventually(
            lambda: any("flaky, attempt 3 (before: OSError: no route to the bank)" in line for line in said)
        )
        gate.set()
        done = await waiting
    assert json.loads(done.out) == "at last"
    assert any("attempt 2 (before: OSError: no route to the bank), next attempt in 0." in line for line in said)


async def test_a_parked_run_is_told_or_ends_the_command(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES):
        start = ["start", "buggy", "--id", "b", "--input", '"x"', "--wait", "--log", url]
        raised = await command(*start, "--on-parked", "raise")
        assert raised.code == 4
        late = await command(*start, "--timeout", "2s")
    assert late.code == 124
    for done in (raised, late):
        assert "The run of 'b' is parked since" in done.err
        assert "LookupError: no x" in done.err
        assert "sagaline runs retry b" in done.err


async def test_a_start_without_a_worker_says_that_none_is_running(url: str) -> None:
    async with running(url, WORKFLOWS, ACTIVITIES):
        pass
    done = await command("start", "echo", "--id", "a", "--log", url, "--input", "1", "--timeout", "300ms")
    assert done.code == 124
    assert "no worker of namespace 'default' is running. Start one." in done.err
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        assert await client.handle("a").result(20) == 1, "the start was on the log"


async def test_the_embedded_log_is_found_here_and_above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SAGALINE_LOG", raising=False)
    below = tmp_path / "project" / "src"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    nothing = await command("list")
    assert nothing.code == 2
    assert "Expected --log URL, or the log of `sagaline dev FILE`" in nothing.err
    folder = tmp_path / "project" / ".sagaline"
    folder.mkdir()
    async with running(f"sqlite:///{folder / 'dev.db'}?partitions=1", WORKFLOWS, ACTIVITIES):
        done = await command("start", "echo", "--id", "e", "--input", "7", "--wait")
        assert (done.code, done.out) == (0, "7\n")
        monkeypatch.setenv("SAGALINE_LOG", f"sqlite:///{tmp_path / 'elsewhere.db'}")
        assert (await command("list", "--timeout", "100ms")).code != 0, "the environment goes first"


async def test_ids_in_use(url: str) -> None:
    """The words of --id-conflict and --id-reuse reach the owner."""
    async with running(url, WORKFLOWS, ACTIVITIES) as (_, client):
        sent: list[tuple[str, str]] = []
        start_by_name = Client.start_by_name

        async def record(self: Client, *args: object, **options: object) -> object:
            sent.append((str(options["id_conflict"]), str(options["id_reuse"])))
            return await start_by_name(self, *args, **options)  # type: ignore[arg-type]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Client, "start_by_name", record)
            done = await command(
                *["start", "echo", "--id", "a", "--input", "1", "--wait", "--log", url],
                *["--id-conflict", "use-existing", "--id-reuse", "if-failed"],
            )
        assert done.code == 0, done.err
        assert sent == [("use_existing", "if_failed")]
        assert (await client.handle("a").describe()).status == "completed"
