"""Derived identities: the same fact always gets the same id, so that a second delivery meets the first.

Invariant: what is stored under a derived id is inserted with ON CONFLICT DO NOTHING; nothing random names stock or
money.
"""

from uuid import UUID, uuid5

NAMESPACE = UUID("6f9d1c52-3c0b-5f43-9a52-54b3c9a1d7e0")


def derive(*parts: object) -> UUID:
    """The UUID of a fact named by `parts`, e.g. derive('order', shop_id, external_id). Parts are joined
    unambiguously.
    """
    return uuid5(NAMESPACE, "|".join(str(part).replace("\\", "\\\\").replace("|", "\\|") for part in parts))
