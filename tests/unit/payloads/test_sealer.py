"""What is sealed opens at its place, with its key, and nowhere else."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sealing import OTHER_RUN, RUN, encrypted

from sagaline import ConfigurationError, PayloadTooLarge, PayloadUnavailable
from sagaline._payloads import (
    BlobsUnavailable,
    Place,
    Sealer,
    describe,
    input_of,
    is_sealed,
    result_of,
    step_input,
    step_result,
)
from sagaline._payloads.envelope import Header, read, write
from sagaline.payloads import AesGcm, FileBlobs, Payloads, Zlib

OLD, NEW = os.urandom(32), os.urandom(16)
HERE = step_result(RUN, 7)
PLACES = [
    input_of(RUN),
    result_of(RUN),
    step_input(RUN, 7),
    step_result(RUN, 7),
    step_result(RUN, 8),
    input_of(OTHER_RUN),
]


def blobs_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def version_1(payload: bytes, key: bytes) -> bytes:
    """As releases before this one sealed it."""
    nonce = os.urandom(12)
    return write(Header(1, len(payload), (("aes-gcm", "k1"),)), nonce + AESGCM(key).encrypt(nonce, payload, b"k1"))


def test_what_was_sealed_is_opened_by_old_and_new_keys() -> None:
    before, between = Sealer(encrypted(k1=OLD)), Sealer(encrypted(k1=OLD, k2=NEW))
    first, second = before.seal(HERE, b'"secret"'), between.seal(HERE, b'"secret"')
    assert b"secret" not in first + second
    assert {between.open(HERE, first), between.open(HERE, second)} == {b'"secret"'}
    assert read(second)[0].codecs == (("zlib", ""), ("aes-gcm", "k2"))
    with pytest.raises(PayloadUnavailable, match="Expected key 'k2' of codec 'aes-gcm'"):
        before.open(HERE, second)
    with pytest.raises(PayloadUnavailable, match="Expected codec 'zlib' to be configured"):
        Sealer(Payloads()).open(HERE, first)
    assert describe(first) == "<sealed: 8 bytes, by zlib, aes-gcm k1>"
    assert is_sealed(first)
    assert not is_sealed(b"[1]")


@pytest.mark.parametrize("written", PLACES)
def test_a_ciphertext_opens_at_its_own_run_and_field_alone(written: Place) -> None:
    sealer = Sealer(encrypted(k1=OLD))
    sealed = sealer.seal(written, b'"secret"')
    for place in PLACES:
        if place == written:
            assert sealer.open(place, sealed) == b'"secret"'
        else:
            with pytest.raises(PayloadUnavailable, match="not what was encrypted for this place"):
                sealer.open(place, sealed)


def test_nothing_in_the_header_can_be_changed() -> None:
    """Version, size and the list of codecs are authenticated with the bytes."""
    sealer = Sealer(encrypted(k1=OLD, k2=OLD))
    header, data = read(sealer.seal(HERE, b"[1]"))
    zlib, aes = header.codecs
    for changed in (
        Header(1, header.size, header.codecs),
        Header(2, header.size + 1, header.codecs),
        Header(2, header.size, (aes,)),
        Header(2, header.size, (aes, zlib)),
        Header(2, header.size, (zlib, ("aes-gcm", "k1"))),
        Header(2, header.size, (zlib,)),
        Header(2, header.size, ()),
    ):
        with pytest.raises(PayloadUnavailable):
            sealer.open(HERE, write(changed, data))
    assert sealer.open(HERE, write(header, data)) == b"[1]"


def test_plain_payloads_are_refused_where_encryption_is_configured() -> None:
    strict, migrating = Sealer(encrypted(k1=OLD)), Sealer(encrypted(k1=OLD, allow_plain=True))
    compressed = Sealer(Payloads(codecs=[Zlib()])).seal(HERE, b"[1]")
    for payload in (b"[1]", b"null", b"", compressed, write(Header(2, 3, ()), b"[1]")):
        with pytest.raises(PayloadUnavailable, match=r"allow_plain=True\) until the last of them is retired"):
            strict.open(HERE, payload)
        assert migrating.open(HERE, payload) in (payload, b"[1]")
        assert not strict.is_open(payload)
    assert migrating.is_open(b"[1]")
    assert not migrating.is_open(compressed)
    assert Sealer(Payloads(codecs=[Zlib()])).open(HERE, b"[1]") == b"[1]"


def test_version_1_opens_until_it_is_forbidden() -> None:
    old = version_1(b"[1]", OLD)
    assert Sealer(encrypted(k1=OLD)).open(HERE, old) == b"[1]"
    with pytest.raises(PayloadUnavailable, match="of an earlier release: allow_version_1=True takes it"):
        Sealer(encrypted(k1=OLD, allow_version_1=False)).open(HERE, old)


def test_bytes_that_were_changed_are_noticed(tmp_path: Path) -> None:
    sealer = Sealer(encrypted(k1=OLD))
    sealed = sealer.seal(HERE, b"[1]")
    with pytest.raises(PayloadUnavailable, match="its bytes are not what was encrypted"):
        sealer.open(HERE, sealed[:-1] + bytes([sealed[-1] ^ 1]))
    store = FileBlobs(tmp_path)
    placed = Sealer(Payloads(blobs=store, threshold_bytes=10)).seal(HERE, b"x" * 100)
    (file,) = blobs_in(tmp_path)
    file.write_bytes(b"y" * 100)
    with pytest.raises(PayloadUnavailable, match="damaged"):
        Sealer(Payloads(blobs=store)).open(HERE, placed)


def test_a_blob_of_another_run_is_refused_also_when_it_is_in_memory(tmp_path: Path) -> None:
    sealer = Sealer(Payloads(blobs=FileBlobs(tmp_path), threshold_bytes=10))
    placed = sealer.seal(HERE, b"x" * 100)
    assert sealer.open(HERE, placed) == b"x" * 100
    with pytest.raises(PayloadUnavailable, match=f"a blob of run {OTHER_RUN} but"):
        sealer.open(input_of(OTHER_RUN), placed)


def test_the_cache_does_not_stand_in_for_a_key(tmp_path: Path) -> None:
    """A header that names a blob, but not the codecs that it went through, is not served from memory."""
    payloads = Payloads(
        codecs=[AesGcm({"k1": OLD}, "k1")], blobs=FileBlobs(tmp_path), threshold_bytes=10, allow_plain=True
    )
    sealer = Sealer(payloads)
    header, _ = read(sealer.seal(HERE, b"x" * 100))
    for codecs in ((), (("aes-gcm", "k2"),)):
        with pytest.raises(PayloadUnavailable):
            sealer.open(HERE, write(Header(2, 100, codecs, header.blob), b""))
    with pytest.raises(PayloadUnavailable, match="not what was encrypted for this place"):
        sealer.open(result_of(RUN), write(header, b""))


class Broken:
    """A codec of somebody's own."""

    name = "broken"
    encrypts = False

    def __init__(self, act: Callable[[], bytes]) -> None:
        self._act = act

    def encode(self, data: bytes, context: bytes) -> tuple[str, bytes]:
        return "", self._act()

    def decode(self, key: str, data: bytes, context: bytes, limit: int) -> bytes:
        return self._act()


def raising(error: Exception) -> Callable[[], bytes]:
    def act() -> bytes:
        raise error

    return act


@pytest.mark.parametrize("error", [RuntimeError("odd"), TypeError("odd"), MemoryError("odd"), RecursionError("odd")])
def test_whatever_a_codec_raises_is_a_payload_that_is_unavailable(error: Exception) -> None:
    sealer = Sealer(Payloads(codecs=[Broken(raising(error))]))
    with pytest.raises(PayloadUnavailable, match="but odd"):
        sealer.seal(HERE, b"[1]")
    with pytest.raises(PayloadUnavailable, match="but odd"):
        sealer.open(HERE, write(Header(2, 3, (("broken", ""),)), b"xyz"))


def test_a_codec_whose_keys_are_out_of_reach_is_tried_again() -> None:
    sealer = Sealer(Payloads(codecs=[Broken(raising(OSError("no route to the keys")))]))
    with pytest.raises(BlobsUnavailable, match="no route"):
        sealer.seal(HERE, b"[1]")
    with pytest.raises(BlobsUnavailable, match="no route"):
        sealer.open(HERE, write(Header(2, 3, (("broken", ""),)), b"xyz"))
    assert not issubclass(BlobsUnavailable, PayloadUnavailable)


def test_a_codec_that_gives_more_than_it_may_is_refused() -> None:
    sealer = Sealer(Payloads(codecs=[Broken(lambda: b"x" * 100)]))
    with pytest.raises(PayloadUnavailable, match="at most 3 bytes but it gave 100"):
        sealer.open(HERE, write(Header(2, 3, (("broken", ""),)), b"xyz"))
    with pytest.raises(PayloadUnavailable, match="a payload of 200 bytes but it has 100"):
        sealer.open(HERE, write(Header(2, 200, (("broken", ""),)), b"xyz"))


def test_wrong_settings_are_told() -> None:
    with pytest.raises(ConfigurationError, match="Expected the current key 'k2' among the keys: k1"):
        AesGcm({"k1": OLD}, current="k2")
    with pytest.raises(ConfigurationError, match="16, 24 or 32 bytes"):
        AesGcm({"k1": b"short"}, current="k1")
    with pytest.raises(ConfigurationError, match="of at most 255 characters"):
        AesGcm({"k" * 256: OLD}, current="k" * 256)
    with pytest.raises(ConfigurationError, match="level of compression"):
        Zlib(level=12)
    with pytest.raises(ConfigurationError, match="each of them once"):
        Payloads(codecs=[Zlib(), Zlib()])
    with pytest.raises(ConfigurationError, match="Expected object to have name, encrypts, encode, decode"):
        Payloads(codecs=[object()])  # type: ignore[list-item]
    with pytest.raises(ConfigurationError, match="Expected str to have put, get, delete_run"):
        Payloads(blobs="/mnt/blobs")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="a maximum of 1 or more"):
        Payloads(max_bytes=0)
    with pytest.raises(PayloadTooLarge, match="at most 10 bytes"):
        Sealer(Payloads(blobs=FileBlobs("nowhere"), threshold_bytes=5, max_bytes=10)).seal(HERE, b"x" * 11)


def test_the_blobs_of_no_run_cannot_be_deleted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sealer = Sealer(Payloads(blobs=FileBlobs(tmp_path), threshold_bytes=10))
    sealer.seal(HERE, b"x" * 100)
    for run_id in ("", ".", "..", "/", "0" * 31, f"../{RUN}", "0" * 31 + "\n"):
        sealer.delete_run(run_id)
    assert len(blobs_in(tmp_path)) == 1
    assert "nothing is deleted" in caplog.text
    with pytest.raises(PayloadUnavailable, match="is no run id"):
        sealer.seal(input_of(""), b"x" * 100)
    sealer.delete_run(RUN)
    assert blobs_in(tmp_path) == []
