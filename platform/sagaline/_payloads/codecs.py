"""Two codecs: compression, and encryption with AES-GCM."""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping

from sagaline._model.limits import KEY_ID_CHARS
from sagaline.errors import ConfigurationError

_NONCE_BYTES = 12


class Zlib:
    """Compresses (RFC 1950)."""

    name = "zlib"
    encrypts = False

    def __init__(self, level: int = 6) -> None:
        if level not in range(-1, 10):
            raise ConfigurationError(f"Expected a level of compression from 0 to 9 but got {level!r}.")
        self._level = level

    def encode(self, data: bytes, context: bytes) -> tuple[str, bytes]:
        """See Codec."""
        return "", zlib.compress(data, self._level)

    def decode(self, key: str, data: bytes, context: bytes, limit: int) -> bytes:
        """See Codec."""
        stream = zlib.decompressobj()
        try:
            plain = stream.decompress(data, limit + 1)
        except zlib.error as error:
            raise ValueError(str(error)) from error
        if len(plain) > limit:
            raise ValueError(f"it would become more than {limit} bytes")
        if not stream.eof or stream.unused_data:
            raise ValueError("its bytes do not end where they should")
        return plain


class AesGcm:
    """Encrypts with AES-GCM (NIST SP 800-38D): a random nonce of 96 bits a payload; the key's id and the payload's
    context are authenticated.

    ``keys`` by id, of 16, 24 or 32 bytes; ``current`` encrypts, all of them decrypt. To rotate, add a key everywhere,
    then make it the current one, and take the old one away when no run uses it any more. A key is good for 2**32
    payloads. Needs ``pip install 'sagaline[encryption]'``.
    """

    name = "aes-gcm"
    encrypts = True

    def __init__(self, keys: Mapping[str, bytes], current: str) -> None:
        try:
            from cryptography.exceptions import InvalidTag
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        except ImportError as error:
            raise ConfigurationError(
                "Expected the package cryptography: pip install 'sagaline[encryption]'."
            ) from error
        if current not in keys:
            raise ConfigurationError(f"Expected the current key {current!r} among the keys: {', '.join(sorted(keys))}.")
        if any(len(key) not in (16, 24, 32) for key in keys.values()):
            raise ConfigurationError("Expected AES keys of 16, 24 or 32 bytes.")
        if any(len(key_id) > KEY_ID_CHARS for key_id in keys):
            raise ConfigurationError(f"Expected ids of keys of at most {KEY_ID_CHARS} characters.")
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._current = current
        self._invalid: type[Exception] = InvalidTag

    def encode(self, data: bytes, context: bytes) -> tuple[str, bytes]:
        """See Codec."""
        nonce = os.urandom(_NONCE_BYTES)
        cipher = self._ciphers[self._current]
        return self._current, nonce + cipher.encrypt(nonce, data, context + self._current.encode())

    def decode(self, key: str, data: bytes, context: bytes, limit: int) -> bytes:
        """See Codec."""
        cipher = self._ciphers[key]
        try:
            return cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], context + key.encode())
        except self._invalid as error:
            raise ValueError("its bytes are not what was encrypted for this place") from error
