"""Sealed text and bytes: shop credentials, raw answers and buyer data at rest.

AES-GCM with a random nonce; the key comes from HUB_SECRET_KEY (HKDF). Several keys may be given for rotation: the first
seals, all open. Invariant: opened values live in memory only and are never logged.
"""

import json
import os
import zlib
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hub.core.errors import Refused

_NONCE_BYTES = 12
_MAX_OPENED_BYTES = 64 * 1024 * 1024


class SealBroken(Refused):
    """The sealed value cannot be opened: another key, or altered bytes."""

    code = "seal_broken"


class Seal:
    """Seals and opens with keys derived from `secrets` (text, newest first)."""

    def __init__(self, *secrets: str) -> None:
        self._ciphers = [AESGCM(_derive_key(secret)) for secret in secrets]

    def seal(self, clear: bytes) -> bytes:
        """Compress and encrypt."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._ciphers[0].encrypt(nonce, zlib.compress(clear, 6), None)

    def open(self, sealed: bytes) -> bytes:
        """The clear bytes. Raises SealBroken."""
        for cipher in self._ciphers:
            try:
                packed = cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None)
            except InvalidTag:
                continue
            return zlib.decompressobj().decompress(packed, _MAX_OPENED_BYTES)
        raise SealBroken("This value was sealed with another key. Set HUB_SECRET_KEY to the key it was sealed with.")

    def seal_json(self, value: Any) -> bytes:
        """Seal plain JSON data."""
        return self.seal(json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str).encode())

    def open_json(self, sealed: bytes) -> Any:
        """Open what seal_json sealed."""
        return json.loads(self.open(sealed))


def _derive_key(secret: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"tongku seal v1").derive(secret.encode())
