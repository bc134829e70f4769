"""Histories as files: what is not a whole history of ours is a clear error."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from kit_sagas import ACTIVITIES, Order, forgetful, fulfil, patient

from sagaline import ConfigurationError
from sagaline._model.codec import encode
from sagaline._model.records import Claim
from sagaline.client.exported import read_exported
from sagaline.testing import ReplayMismatch, replay
from sagaline.testing.plugin import MakeEnvironment


@pytest.fixture
async def exported(sagaline_env: MakeEnvironment) -> bytes:
    async with sagaline_env(workflows=[fulfil], activities=ACTIVITIES) as env:
        await env.execute(fulfil, Order("1"))
        return await env.client.handle("run-1").export()


def changed(exported: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    file = json.loads(exported)
    change(file)
    return json.dumps(file).encode()


CHANGES: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (lambda f: f.update(kind="a song"), "it says that it is 'a song', format 1"),
    (lambda f: f.update(format=0), "format 0"),
    (lambda f: f.pop("records"), "it does not read as one: Object missing required field `records`"),
    (lambda f: f["records"].pop(1), "its record 2 begins with event 5, not 3"),
    (lambda f: f["records"].pop(0), "its record 1 begins with event 3, not 1"),
    (lambda f: f["records"].clear(), "it does not begin with the start of a run of fulfil"),
    (lambda f: f.update(workflow="another"), "it does not begin with the start of a run of another"),
    (lambda f: f.update(run_id="x"), "its record 1 is of another run"),
    (lambda f: f["records"].__setitem__(0, "no base64!"), "its record 1 cannot be read"),
    (
        lambda f: f["records"].__setitem__(1, base64.b64encode(b"junk").decode()),
        "its record 2 cannot be read: Expected an",
    ),
    (
        lambda f: f["records"].__setitem__(0, base64.b64encode(encode(Claim("w", "n", 1))).decode()),
        "its record 1 is a Claim",
    ),
]


@pytest.mark.parametrize(("change", "words"), CHANGES)
async def test_what_is_not_ours_is_told(
    exported: bytes, change: Callable[[dict[str, Any]], object], words: str
) -> None:
    with pytest.raises(
        ConfigurationError, match="Expected the history to be a history that `sagaline export`"
    ) as caught:
        read_exported(changed(exported, change))
    assert words in str(caught.value)


async def test_a_newer_format_asks_for_a_newer_version(exported: bytes) -> None:
    with pytest.raises(ConfigurationError, match="a newer version has exported it"):
        read_exported(changed(exported, lambda file: file.update(format=2)))


@pytest.mark.parametrize("junk", [b"", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"kind": 1}'])
def test_junk_is_told(junk: bytes) -> None:
    with pytest.raises(ConfigurationError, match="it does not read as one"):
        read_exported(junk)


async def test_replay_passes_the_code_that_made_it_and_names_what_differs(exported: bytes) -> None:
    replay(exported, fulfil)
    with pytest.raises(ConfigurationError, match="Expected a history of patient but it is of run-1"):
        replay(exported, patient)
    other = type(fulfil)(
        forgetful.definition.__class__("fulfil", forgetful.definition.fn, forgetful.definition.signature, None)
    )
    with pytest.raises(ReplayMismatch, match="KeyError: '1'") as caught:
        replay(exported, other)
    assert caught.value.workflow_id == "run-1"
