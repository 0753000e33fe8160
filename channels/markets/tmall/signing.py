"""TOP's request signature.

Invariant: every parameter but `sign` and those without value goes in, by ASCII order of its name, UTF-8, not
URL-encoded; upper-case hex. Source: open.taobao.com document 101617 (channel facts, 2.1 and 7).
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence

from channels.kit.errors import BadSignature, StopShop
from channels.kit.market import Webhook

SIGN_METHODS = ("md5", "hmac", "hmac-sha256")


def sign(params: Mapping[str, str], secret: str, sign_method: str | None = None) -> str:
    """The value of `sign`. The method is `sign_method`, else the one that the parameters name, else md5.

    Raises StopShop for a method that TOP does not have.
    """
    method = sign_method or params.get("sign_method") or "md5"
    text = "".join(name + params[name] for name in sorted(params) if name != "sign" and params[name] != "")
    if method == "md5":
        digest = hashlib.md5((secret + text + secret).encode(), usedforsecurity=False).hexdigest()
    elif method == "hmac":
        digest = hmac.new(secret.encode(), text.encode(), "md5").hexdigest()
    elif method == "hmac-sha256":
        digest = hmac.new(secret.encode(), text.encode(), "sha256").hexdigest()
    else:
        raise StopShop(f"TOP has no sign method {method[:40]!r}", code="sign_method")
    return digest.upper()


def verify_webhook(headers: Mapping[str, str], raw: bytes, secret: str | Sequence[str]) -> Webhook:
    """TOP sends no signed HTTP messages (its queue is pulled): nothing here is from it. Raises BadSignature."""
    raise BadSignature("TOP sends no webhooks: its messages are pulled from a queue", code="no-webhooks")
