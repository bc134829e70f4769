"""Text that is cut fits, can be written, and says how much is gone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagaline._model.limits import MESSAGE_BYTES, cut, cut_start, size

texts = st.one_of(st.text(max_size=400), st.text("☂😀é\ud800", max_size=300))
limits = st.integers(60, 500)


@given(texts, limits)
def test_what_is_cut_fits_and_can_be_written(text: str, limit: int) -> None:
    for shorter in (cut(text, limit), cut_start(text, limit)):
        assert len(shorter.encode()) <= limit
        assert size(shorter) == len(shorter.encode())


@given(texts, limits)
def test_text_that_fits_stays_as_it_is(text: str, limit: int) -> None:
    readable = text.encode("utf-8", "replace").decode()
    if size(text) <= limit:
        assert cut(text, limit) == cut_start(text, limit) == readable


@pytest.mark.parametrize("letter", ["a", "☂", "😀"])
def test_the_beginning_or_the_end_is_kept_and_the_rest_is_counted(letter: str) -> None:
    text = "begin " + letter * MESSAGE_BYTES + " end"
    assert cut(text).startswith("begin " + letter)
    assert "more bytes were cut" in cut(text)
    assert cut_start(text).endswith(letter + " end")
    assert "bytes before this were cut" in cut_start(text)
