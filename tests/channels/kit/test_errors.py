"""What a platform says is kept in words that can be stored."""

from channels.kit.errors import RetryAfter, StopShop
from channels.kit.types import PushOutcome, PushResult

SPOILT = "no\x00pe \ud800!"


def test_a_platforms_words_are_storable_whatever_it_sends() -> None:
    for error in (StopShop(SPOILT, code=SPOILT), RetryAfter(SPOILT, code=SPOILT, wait_seconds=1)):
        assert (error.message, error.code, str(error)) == ("nope ?!",) * 3
    result = PushResult(listing_id=1, outcome=PushOutcome.REJECTED, code=SPOILT, message=SPOILT)
    assert (result.code, result.message) == ("nope ?!",) * 2
