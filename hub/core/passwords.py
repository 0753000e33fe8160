"""Passwords: argon2id, the one door to that library.

Invariant: verifying costs the same whether the name exists or not, and never blocks the event loop.
"""

import asyncio
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from hub.core.errors import Invalid

MIN_CHARS = 10
MAX_CHARS = 200
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that a tired eye confuses
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)  # OWASP's argon2id profile
_DUMMY = _hasher.hash(secrets.token_urlsafe(16))


def one_time_password() -> str:
    """A random password to be read out once and changed at the first sign-in: 79 bits in four groups."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))


def check_new(password: str, name: str) -> None:
    """Refuse what is easily guessed. Raises Invalid."""
    if len(password) < MIN_CHARS:
        raise Invalid("A password needs at least %(least)s characters.", least=MIN_CHARS)
    if len(password) > MAX_CHARS:
        raise Invalid("A password has at most %(most)s characters.", most=MAX_CHARS)
    if name.lower() in password.lower() or len(set(password)) < 4:
        raise Invalid("This password is too easy to guess.")


async def hash_password(password: str) -> str:
    """The argon2id hash, salted."""
    return await asyncio.to_thread(_hasher.hash, password)


async def matches(password_hash: str | None, password: str) -> bool:
    """Whether the password fits. With None (no such person) the same work is done and the answer is no."""
    fits = await asyncio.to_thread(_verify, password_hash or _DUMMY, password[:MAX_CHARS])
    return fits and password_hash is not None


def _verify(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False
