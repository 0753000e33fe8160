"""`tongku adapter new KIND`: a new marketplace's folder and its test, ready to be filled.

Invariant: writes only new files and touches no other; what it writes is honest: every rule of the report card is "todo"
and every call raises until it is written, so that the conformance suite fails by name.
"""

import re
from pathlib import Path

from channels.kit.manifest import RULES

_KIND = re.compile(r"^[a-z][a-z0-9_]{1,38}$")

_MANIFEST = """# {title}: say here where the facts come from.
kind = "{kind}"
base_url = "https://api.example.com"
capabilities = ["orders", "listings", "push", "shipments"]

[name]
zh = "{title}"
en = "{title}"

[feed]
overlap_seconds = 60

[quantity]
meaning = "sellable"
mode = "absolute"
batch_size = 1
result = "sync"
decremented_when = "order"

[limits.default]
per_second = 1
burst = 1

[[inputs]]
name = "access_token"
secret = true
label = {{ zh = "访问令牌", en = "Access token" }}

[card]
{card}
"""

_ADAPTER = '''"""{title}: effects only, the meaning of answers is in mapping.

Invariant: say what the reading of the feed, a push and a shipment promise.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from channels.kit.errors import StopShop
from channels.kit.http import Door
from channels.kit.market import Access
from channels.kit.types import ChannelListing, OrderPage, PushItem, PushResult, ShipmentNotice


class Adapter:
    """One shop."""

    def __init__(self, access: Access, door: Door) -> None:
        self._access = access
        self._door = door

    async def orders_since(self, since: datetime, until: datetime) -> AsyncIterator[OrderPage]:
        """Every order modified in [since, until]; the last page carries `complete_to`."""
        raise StopShop("{kind} cannot read orders yet", code="unwritten")
        yield OrderPage(orders=(), raw=b"", complete_to=until)

    async def listings(self) -> AsyncIterator[Sequence[ChannelListing]]:
        """The whole catalogue, page by page."""
        raise StopShop("{kind} cannot read listings yet", code="unwritten")
        yield ()

    async def push(self, items: Sequence[PushItem]) -> list[PushResult]:
        """Set absolute quantities; one result per item."""
        raise StopShop("{kind} cannot push yet", code="unwritten")

    async def confirm_shipment(self, notice: ShipmentNotice) -> None:
        """Tell the channel that goods left; told twice is no error."""
        raise StopShop("{kind} cannot tell shipments yet", code="unwritten")
'''

_MAPPING = '''"""From {title}'s answers to our words: pure, no network, no clock.

Invariant: say what ids, money and times are exact about. Source: name the pages.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from channels.kit.errors import BadAnswer, ChannelError
from channels.kit.outcome import all_rejected
from channels.kit.types import ChannelOrder, PushItem, PushResult


def parse_orders(body: Any) -> list[ChannelOrder]:
    """The orders of a decoded list answer, detail answer or webhook body. Raises BadAnswer."""
    raise BadAnswer("{kind} answers cannot be read yet", code="unwritten")


def parse_push_result(body: Any, items: Sequence[PushItem]) -> list[PushResult]:
    """One result per item, in order."""
    return all_rejected(items, BadAnswer("{kind} answers cannot be read yet", code="unwritten"))


def classify_error(status: int, headers: Mapping[str, str], body: Any) -> ChannelError | None:
    """The failure in an answer, named for the next step; None = there is none."""
    return None if 200 <= status < 300 else BadAnswer(f"HTTP {{status}}", code=f"http-{{status}}")
'''

_SIGNING = '''"""{title}'s signatures.

Invariant: a message is judged on its bytes as received, in constant time, before anything of it is read.
"""

from collections.abc import Mapping, Sequence

from channels.kit.errors import BadSignature
from channels.kit.market import Webhook


def verify_webhook(headers: Mapping[str, str], raw: bytes, secret: str | Sequence[str]) -> Webhook:
    """The verified message. Raises BadSignature."""
    raise BadSignature("{kind} messages cannot be verified yet", code="unwritten")
'''

_TEST = '''"""The {title} adapter keeps the rules of every adapter."""

from tests.conformance.suite import Conformance


class Test{title}(Conformance):
    """Against the simulator, over HTTP: give it channels/sim/quirks/{kind}.py too."""

    kind = "{kind}"
'''


def write_adapter(kind: str, root: Path) -> list[Path]:
    """Write `channels/markets/<kind>/` and its test below `root` (the checkout). Returns what was written.

    Raises ValueError for a name that cannot be a kind, FileExistsError when the folder is there already.
    """
    if not _KIND.match(kind):
        raise ValueError("a kind is a short lower-case word: letters, digits and underscores, a letter first")
    folder = root / "channels" / "markets" / kind
    tests = root / "tests" / "channels" / "markets" / kind
    title = "".join(part.capitalize() for part in kind.split("_"))
    card = "\n".join(f'{rule} = {{ state = "todo" }}' for rule in RULES)
    folder.mkdir(parents=True)
    tests.mkdir(parents=True, exist_ok=True)
    texts = {
        folder / "__init__.py": f'"""{title}."""\n',
        folder / "manifest.toml": _MANIFEST.format(kind=kind, title=title, card=card),
        folder / "adapter.py": _ADAPTER.format(kind=kind, title=title),
        folder / "mapping.py": _MAPPING.format(kind=kind, title=title),
        folder / "signing.py": _SIGNING.format(kind=kind, title=title),
        tests / "__init__.py": "",
        tests / f"test_{kind}.py": _TEST.format(kind=kind, title=title),
    }
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    return list(texts)
