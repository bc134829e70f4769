"""Memos and search attributes: what may be given, and what workflow code makes of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import BaseModel
from script import Script, fetch

from sagaline import InvalidInput, PayloadTooLarge, workflow
from sagaline._model import events as e
from sagaline._model import limits
from sagaline._model.attributes import SearchAttribute, matches, unfit_attributes
from sagaline._model.events import AttributesGiven, MemoChanged, SearchAttributesChanged
from sagaline._runtime.attributes import memo_bytes, memo_of, search_of, values_of
from sagaline._runtime.bugs import ChangedByLook

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
VALUES: dict[str, Any] = {
    "customer": "Ann ☂",
    "tier": 2,
    "cents": 12.5,
    "gift": True,
    "due": NOON,
    "tags": ["red", "a,b"],
    "none": [],
}


class Note(BaseModel):
    text: str


def test_they_come_back_as_they_were_given() -> None:
    attributes = search_of(VALUES)
    assert values_of(attributes) == VALUES
    assert [attribute.name for attribute in attributes] == sorted(VALUES)
    assert values_of(search_of({"due": NOON.astimezone(timezone(timedelta(hours=5)))})) == {"due": NOON}
    assert memo_of(memo_bytes({"note": Note(text="x"), "list": [1, None]})) == {
        "note": {"text": "x"},
        "list": [1, None],
    }
    assert (memo_bytes(None), memo_bytes({}), search_of(None), search_of({})) == (b"", b"", (), ())


def test_what_is_named_changes_and_none_removes() -> None:
    before = search_of({"a": 1, "b": "x"})
    assert values_of(search_of({"a": 2, "b": None, "c": True}, before)) == {"a": 2, "c": True}
    memo = memo_bytes({"a": 1, "b": 2}, b'{"b":1,"c":3}')
    assert memo_of(memo) == {"a": 1, "b": 2, "c": 3}
    assert memo_of(memo_bytes({"a": None, "b": None, "c": None, "d": None}, memo)) == {}


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"": 1}, "name of a search attribute to be 1 to 100 bytes"),
        ({"x" * 101: 1}, "1 to 100 bytes"),
        ({"a\n": 1}, "printable"),
        ({7: 1}, "printable"),
        ({"a": 1j}, "to be a str, an int"),
        ({"a": 2**63}, "an int of 64 bits"),
        ({"a": float("nan")}, "a finite float"),
        ({"a": datetime(2026, 1, 1)}, "with a time zone"),
        ({"a": ["x", 1]}, "a list of str"),
        ({"a": b"x"}, "to be a str"),
        ({"a": "\ud800"}, "text in UTF-8"),
        ({"a": "x" * (limits.SEARCH_VALUE_BYTES + 1)}, "at most 2,000 bytes"),
        ({f"a{n}": 1 for n in range(51)}, "at most 50 search attributes"),
        ({f"a{n}": "x" * 1_900 for n in range(5)}, "at most 8,000 bytes"),
        ([("a", 1)], "to be a mapping"),
    ],
)
def test_what_can_be_no_search_attribute_is_refused(values: Any, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        search_of(values)


@pytest.mark.parametrize(
    ("memo", "says"),
    [
        ({"": 1}, "memo's key to be 1 to 255 bytes"),
        ({"a": object()}, "memo 'a' to be a value of JSON"),
        ({f"k{n}": 1 for n in range(101)}, "at most 100 keys"),
        ("x", "to be a mapping"),
        ({"a": "x" * limits.MEMO_BYTES}, "at most 32,000 bytes"),
    ],
)
def test_what_can_be_no_memo_is_refused(memo: Any, says: str) -> None:
    with pytest.raises((InvalidInput, PayloadTooLarge), match=says):
        memo_bytes(memo)


def test_an_attribute_keeps_its_type() -> None:
    before = search_of({"tier": 2})
    with pytest.raises(InvalidInput, match="'tier' to stay a int but got '2'"):
        search_of({"tier": "2"}, before)
    assert values_of(search_of({"tier": "2"}, search_of({"tier": None}, before))) == {"tier": "2"}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"tier": 2}, True),
        ({"tier": 2.0}, True),
        ({"tier": 3}, False),
        ({"tier": "2"}, False),
        ({"gift": True, "customer": "Ann ☂"}, True),
        ({"gift": 1}, False),
        ({"gift": True, "customer": "Bob"}, False),
        ({"tags": "red"}, True),
        ({"tags": "a"}, False),
        ({"tags": ["red", "a,b"]}, True),
        ({"tags": ["red"]}, False),
        ({"due": NOON}, True),
        ({"cents": 12.5}, True),
        ({"other": 1}, False),
        ({}, True),
    ],
)
def test_a_search_is_for_equality_and_for_members_of_lists(wanted: Any, found: bool) -> None:
    assert matches(search_of(VALUES), search_of(wanted)) is found


def test_what_other_programs_write_is_bounded_and_readable() -> None:
    assert unfit_attributes(b"{}", search_of(VALUES)) is None
    assert "memo" in (unfit_attributes(b"x" * 70_000, ()) or "")
    for kind, value in (("int", "x"), ("colour", "red"), ("list", "[1]"), ("bool", "yes"), ("list", "[" * 10_000)):
        assert unfit_attributes(b"", [SearchAttribute("a", kind, value)]) is not None
    assert "at most 50" in (unfit_attributes(b"", [SearchAttribute("a", "str", "")] * 51) or "")


GIVEN = AttributesGiven(b'{"note":[1]}', search_of({"stage": "new", "tier": 2}))


@workflow
async def packs() -> dict[str, Any]:
    seen: dict[str, Any] = {"memo": workflow.memo(), "search": workflow.search_attributes()}
    workflow.memo().clear()
    workflow.search_attributes().clear()
    workflow.upsert_search_attributes({"stage": "packing"})
    workflow.upsert_memo({"by": "Ann"})
    await fetch("a")
    workflow.upsert_search_attributes({"stage": "packing"})  # as it is: nothing to record
    workflow.upsert_memo({})
    workflow.upsert_search_attributes({"tier": None})
    workflow.upsert_memo({"note": None})
    return seen | {"now": [workflow.memo(), workflow.search_attributes()]}


def test_code_reads_them_from_its_first_line_and_changes_them() -> None:
    script = Script(packs, given=(GIVEN,))
    assert script.commands[:2] == [
        SearchAttributesChanged(search_of({"stage": "packing", "tier": 2})),
        MemoChanged(b'{"note":[1],"by":"Ann"}'),
    ]
    last = script.done(1)
    assert last[:2] == [SearchAttributesChanged(search_of({"stage": "packing"})), MemoChanged(b'{"by":"Ann"}')]
    assert isinstance(last[2], e.RunCompleted)
    script.check_replay()


def test_a_run_without_any_has_none() -> None:
    @workflow
    async def asks() -> list[Any]:
        return [workflow.memo(), workflow.search_attributes()]

    assert Script(asks).commands == [e.RunCompleted(b"[{},{}]")]


def test_a_query_may_read_them_and_not_change_them() -> None:
    @workflow
    class Asked:
        @workflow.run
        async def run(self) -> None:
            await fetch("a")

        @workflow.query
        def reads(self) -> dict[str, Any]:
            return workflow.memo()

        @workflow.query
        def writes(self) -> None:
            workflow.upsert_memo({"a": 1})

    script = Script(Asked.run, given=(GIVEN,))
    assert script.instance.look("query reads", lambda receiver: receiver.reads()) == {"note": [1]}
    with pytest.raises(ChangedByLook, match="change the memo"):
        script.instance.look("query writes", lambda receiver: receiver.writes())


@workflow
async def child(name: str) -> str:
    return name


def test_a_child_is_given_its_own() -> None:
    @workflow
    async def parent() -> str:
        return await child.options(memo={"a": [1]}, search_attributes={"tier": 2})("x")

    (asked,) = Script(parent, given=(GIVEN,)).commands
    assert isinstance(asked, e.ChildRequested)
    assert (asked.memo, asked.search_attributes) == (b'{"a":[1]}', search_of({"tier": 2}))
    with pytest.raises(InvalidInput):
        child.options(search_attributes={"tier": 1j})  # type: ignore[dict-item]
