"""What the baskets ask for, and from it: the goods, their prices, the opening stock and which shop serves which store.

Pure. Invariant: the opening stock falls short of the demand by the asked share, exactly and always in the same goods.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from hashlib import blake2b

from workers.replay.baskets import Basket

VAT = Decimal("1.13")
COST_SHARE = Decimal("0.70")
"""of the price without VAT: the data tell no purchase costs"""
FAIL_SHARE = Decimal("0.03")
_CENT = Decimal("0.01")
KINDS = ("shopify", "tmall", "shopify")
"""of the shops, again and again"""


@dataclass(slots=True)
class Demand:
    """What all baskets together ask of one product."""

    units: int = 0
    paid_minor: int = 0


@dataclass(frozen=True, slots=True)
class Good:
    """One product as the merchant keeps it. Price in CNY with VAT, cost without; `opening` units on the first day."""

    code: str
    title: str
    price: Decimal
    cost: Decimal
    demanded: int
    opening: int


@dataclass(frozen=True, slots=True)
class Demanded:
    """The sums of all baskets."""

    baskets: int
    lines: int
    units: int
    products: Mapping[int, Demand]
    first_at: datetime
    last_at: datetime


def tally(baskets: Iterable[Basket]) -> Demanded:
    """Read all baskets once. Raises ValueError when there is none."""
    products: dict[int, Demand] = {}
    count = lines = 0
    first = last = None
    for basket in baskets:
        count, lines = count + 1, lines + len(basket.lines)
        first, last = first or basket.at, basket.at
        for line in basket.lines:
            known = products.setdefault(line.product_id, Demand())
            known.units += line.qty
            known.paid_minor += line.paid_minor
    if first is None or last is None:
        raise ValueError("There is no basket to replay.")
    return Demanded(count, lines, sum(one.units for one in products.values()), products, first, last)


def code_of(product_id: int) -> str:
    """The merchant's code of a product."""
    return f"P{product_id}"


def goods_of(demanded: Demanded, titles: Mapping[int, str], fail_share: Decimal = FAIL_SHARE) -> list[Good]:
    """Every demanded product, by its id."""
    missing = shortfalls({number: one.units for number, one in demanded.products.items()}, fail_share)
    return [
        _good(number, one, titles.get(number, f"Product {number}"), one.units - missing.get(number, 0))
        for number, one in sorted(demanded.products.items())
    ]


def _good(product_id: int, demand: Demand, title: str, opening: int) -> Good:
    price = price_of(demand)
    cost = (price / VAT * COST_SHARE).quantize(Decimal("0.0001"))
    return Good(code_of(product_id), title[:200], price, max(cost, Decimal("0.0001")), demand.units, opening)


def price_of(demand: Demand) -> Decimal:
    """What the buyers really paid for a piece, on average; at least one cent."""
    mean = Decimal(demand.paid_minor) / 100 / demand.units
    return max(_CENT, mean.quantize(_CENT, ROUND_HALF_UP))


def shortfalls(units: Mapping[int, int], share: Decimal) -> dict[int, int]:
    """Units that must be missing per product, `share` of all units in sum (less when every product is at its half).

    Scarcity lies in few goods, as in a shop: products are taken in the order of a hash of their id, and each lacks half
    of its demand, until the sum is reached; the last one lacks what is left.
    """
    left = int((sum(units.values()) * share).to_integral_value(ROUND_HALF_UP))
    missing: dict[int, int] = {}
    for product_id in sorted(units, key=lambda number: (_scattered(number), number)):
        if left <= 0:
            break
        if lacking := min(units[product_id] // 2, left):
            missing[product_id] = lacking
            left -= lacking
    return missing


def _scattered(number: int) -> bytes:
    return blake2b(str(number).encode(), digest_size=8).digest()


def shop_of(store_id: int, shops: int) -> int:
    """Which simulated shop serves a store's buyers: 0 to shops - 1, always the same."""
    return int.from_bytes(_scattered(store_id)) % shops


def shop_kinds(shops: int) -> list[str]:
    """The marketplaces of the shops: two protocols from the second shop on."""
    return [KINDS[number % len(KINDS)] for number in range(shops)]
