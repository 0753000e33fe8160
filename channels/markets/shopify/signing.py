"""Shopify's signatures: a token in a header for calls, an HMAC over the raw body for webhooks.

Invariant: a webhook is judged on its bytes as received, in constant time, before anything of it is read.
Source: shopify.dev webhooks; @shopify/shopify-api (channel facts, section 4.5).
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence

from channels.kit.errors import BadAnswer, BadSignature
from channels.kit.fields import Malformed, ident
from channels.kit.json import decode
from channels.kit.market import Webhook

_MAX_SECRETS = 3


def sign(raw: bytes, secret: str) -> str:
    """The value of X-Shopify-Hmac-Sha256 for a body: base64 of HMAC-SHA256 with the app's client secret."""
    return base64.b64encode(hmac.new(secret.encode(), raw, hashlib.sha256).digest()).decode("ascii")


def verify_webhook(headers: Mapping[str, str], raw: bytes, secret: str | Sequence[str]) -> Webhook:
    """The verified message. `secret` may hold the old secret too: Shopify signs with either for an hour after rotation.

    Raises BadSignature when the signature is missing or wrong, BadAnswer when the signed body cannot be read.
    """
    given = {name.lower(): value for name, value in headers.items()}
    claimed = given.get("x-shopify-hmac-sha256", "").strip().encode()
    candidates = [secret] if isinstance(secret, str) else list(secret)[:_MAX_SECRETS]
    matches = [hmac.compare_digest(sign(raw, one).encode(), claimed) for one in candidates if one]
    if not any(matches):
        raise BadSignature("the webhook's signature is missing or wrong", code="hmac")
    topic = given.get("x-shopify-topic", "")[:100].lower()
    event_id = given.get("x-shopify-webhook-id", "")[:100] or hashlib.sha256(raw).hexdigest()
    return Webhook(event_id=event_id, topic=topic, order_id=_order_id(topic, raw))


def _order_id(topic: str, raw: bytes) -> str | None:
    """The order that the message speaks of, as a gid; None when it speaks of none."""
    body = decode(raw)
    if not isinstance(body, dict):
        raise BadAnswer("the webhook's body is not an object", code="wrong-root", raw=raw)
    field = "id" if topic.startswith("orders/") else "order_id"
    if body.get(field) is None:
        return None
    try:
        number = ident(body[field], field)
    except Malformed as error:
        raise BadAnswer(f"webhook {topic}: {error}", code="wrong-root", raw=raw) from error
    return number if number.startswith("gid://") else f"gid://shopify/Order/{number}"
