"""What went wrong at a marketplace, named for what the caller does next.

    ChannelError
    ├── RetryLater        passing trouble (R): back off and try again
    │   └── RetryAfter    the platform said how long (RW): wait `wait_seconds`
    ├── Reauthorise       the token is bad (A): refresh it, once more, then StopShop
    ├── StopShop          configuration or permission (C): stop the shop and open a case
    └── GiveUp            this item will never work (G): record it, go on with the others
        ├── BadAnswer     the answer cannot be understood: keep it raw, open a case, go on
        └── BadSignature  a message that did not come from the channel: refuse it, count it, store nothing

`code` is the platform's own code, `message` its own words (cut to 500 characters, storable, never with buyer data).
"""

from channels.kit.text import storable


class ChannelError(Exception):
    """Base of all marketplace failures."""

    def __init__(self, message: str, *, code: str = "") -> None:
        self.message = storable(message[:500])
        self.code = storable(code[:100])
        super().__init__(self.message)


class RetryLater(ChannelError):
    """Passing trouble: back off and try again."""


class RetryAfter(RetryLater):
    """The platform named the wait."""

    def __init__(self, message: str, *, code: str = "", wait_seconds: float) -> None:
        super().__init__(message, code=code)
        self.wait_seconds = wait_seconds


class Reauthorise(ChannelError):
    """The access token is refused: refresh and try once more."""


class StopShop(ChannelError):
    """Settings or permissions are wrong: nothing works until a person acts."""


class GiveUp(ChannelError):
    """This one item will never be accepted."""


class BadAnswer(GiveUp):
    """The answer is malformed, half-written or contradicts the protocol. `raw` is the answer when it was at hand."""

    def __init__(self, message: str, *, code: str = "", raw: bytes = b"") -> None:
        super().__init__(message, code=code)
        self.raw = raw


class BadSignature(GiveUp):
    """A message whose signature is missing or wrong."""
