"""What the simulated marketplaces remember: one SQLite file, or memory.

Invariant: a change and its order are one transaction; a restart keeps shops, numbers and orders. Losing the last
moments in a power cut is accepted (synchronous=OFF): it is a simulator.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS shop (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, currency TEXT NOT NULL,
    number INTEGER NOT NULL UNIQUE, settings TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS listing (
    id INTEGER PRIMARY KEY, shop TEXT NOT NULL, sku TEXT, code TEXT NOT NULL, title TEXT NOT NULL, price TEXT NOT NULL,
    qty INTEGER NOT NULL, single INTEGER NOT NULL, sold INTEGER NOT NULL DEFAULT 0, pushed_ms INTEGER);
CREATE INDEX IF NOT EXISTS listing_shop ON listing (shop, id);
CREATE INDEX IF NOT EXISTS listing_code ON listing (shop, code);
CREATE TABLE IF NOT EXISTS sale (
    id INTEGER PRIMARY KEY, shop TEXT NOT NULL, modified_ms INTEGER NOT NULL, doc TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS sale_modified ON sale (shop, modified_ms, id);
CREATE TABLE IF NOT EXISTS counter (
    shop TEXT NOT NULL, name TEXT NOT NULL, value INTEGER NOT NULL, PRIMARY KEY (shop, name));
CREATE TABLE IF NOT EXISTS goods (
    code TEXT PRIMARY KEY, units INTEGER NOT NULL DEFAULT 0, sold INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS seen_key (
    shop TEXT NOT NULL, key TEXT NOT NULL, request TEXT NOT NULL, answer TEXT NOT NULL, PRIMARY KEY (shop, key));
"""
_MAX_SEEN_KEYS = 20_000


@dataclass(frozen=True, slots=True)
class Shop:
    id: str
    kind: str
    name: str
    currency: str
    number: int
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Listing:
    id: int
    shop: str
    sku: str | None
    code: str
    """the good behind it, also where the shop forgot the sku"""
    title: str
    price: str
    qty: int
    single: bool
    sold: int


@dataclass(slots=True)
class Sale:
    """One order as the simulator keeps it; `doc` is neutral and rendered per protocol."""

    id: int
    shop: str
    modified_ms: int
    doc: dict[str, Any]


_LISTING = "SELECT id, shop, sku, code, title, price, qty, single, sold FROM listing "


def _listing(row: Sequence[Any]) -> Listing:
    return Listing(row[0], row[1], row[2], row[3], row[4], row[5], row[6], bool(row[7]), row[8])


def _sale(row: Sequence[Any]) -> Sale:
    return Sale(row[0], row[1], row[2], json.loads(row[3]))


class Store:
    """All reads and writes, each a few microseconds: called straight from the event loop."""

    def __init__(self, path: str = ":memory:") -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode=WAL", "synchronous=OFF", "temp_store=MEMORY", "cache_size=-32000"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.executescript(_SCHEMA)
        self._shops = {shop.id: shop for shop in self._read_shops()}

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def change(self) -> Iterator[None]:
        """One transaction; nested use joins the outer one."""
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    # shops
    def _read_shops(self) -> list[Shop]:
        rows = self._db.execute("SELECT id, kind, name, currency, number, settings FROM shop ORDER BY number")
        return [Shop(row[0], row[1], row[2], row[3], row[4], json.loads(row[5])) for row in rows]

    def shops(self) -> list[Shop]:
        return list(self._shops.values())

    def shop(self, shop_id: str) -> Shop | None:
        return self._shops.get(shop_id)

    def save_shop(self, shop_id: str, kind: str, name: str, currency: str, settings: Mapping[str, Any]) -> Shop:
        """Insert the shop, or change its settings."""
        known = self._shops.get(shop_id)
        number = known.number if known else 1 + max((shop.number for shop in self._shops.values()), default=0)
        self._db.execute(
            "INSERT INTO shop VALUES (?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET settings = excluded.settings",
            (shop_id, kind, name, currency, number, json.dumps(dict(settings))),
        )
        self._shops[shop_id] = Shop(shop_id, kind, name, currency, number, dict(settings))
        return self._shops[shop_id]

    # listings
    def add_listing(
        self, shop_id: str, *, sku: str | None, code: str, title: str, price: str, qty: int, single: bool
    ) -> Listing:
        cursor = self._db.execute(
            "INSERT INTO listing (shop, sku, code, title, price, qty, single) VALUES (?,?,?,?,?,?,?)",
            (shop_id, sku, code, title, price, qty, single),
        )
        return Listing(int(cursor.lastrowid or 0), shop_id, sku, code, title, price, qty, single, 0)

    def listing(self, shop_id: str, listing_id: int) -> Listing | None:
        row = self._db.execute(_LISTING + "WHERE id=? AND shop=?", (listing_id, shop_id)).fetchone()
        return _listing(row) if row else None

    def listing_by_code(self, shop_id: str, code: str) -> Listing | None:
        query = _LISTING + "WHERE shop=? AND code=? ORDER BY id LIMIT 1"
        row = self._db.execute(query, (shop_id, code)).fetchone()
        return _listing(row) if row else None

    def listings(self, shop_id: str, after: int, limit: int) -> list[Listing]:
        query = _LISTING + "WHERE shop=? AND id>? ORDER BY id LIMIT ?"
        return [_listing(row) for row in self._db.execute(query, (shop_id, after, limit))]

    def listing_page(self, shop_id: str, offset: int, limit: int) -> list[Listing]:
        query = _LISTING + "WHERE shop=? ORDER BY id LIMIT ? OFFSET ?"
        return [_listing(row) for row in self._db.execute(query, (shop_id, limit, offset))]

    def listing_count(self, shop_id: str) -> int:
        return int(self._db.execute("SELECT count(*) FROM listing WHERE shop=?", (shop_id,)).fetchone()[0])

    def take(self, listing_id: int, units: int) -> bool:
        """Lower what is shown, or refuse when less is shown."""
        cursor = self._db.execute("UPDATE listing SET qty=qty-? WHERE id=? AND qty>=?", (units, listing_id, units))
        return cursor.rowcount == 1

    def lower(self, listing_id: int, units: int) -> None:
        """Lower what is shown, at most to zero (a payment that comes after the stock is gone)."""
        self._db.execute("UPDATE listing SET qty=max(0, qty-?) WHERE id=?", (units, listing_id))

    def set_qty(self, listing_id: int, qty: int, pushed_ms: int | None = None) -> None:
        self._db.execute(
            "UPDATE listing SET qty=?, pushed_ms=coalesce(?, pushed_ms) WHERE id=?", (qty, pushed_ms, listing_id)
        )

    def count_sold(self, listing_id: int, code: str, units: int) -> None:
        self._db.execute("UPDATE listing SET sold=sold+? WHERE id=?", (units, listing_id))
        self._db.execute(
            "INSERT INTO goods (code, sold) VALUES (?,?) ON CONFLICT (code) DO UPDATE SET sold=sold+excluded.sold",
            (code, units),
        )

    # orders
    def add_sale(self, shop_id: str, modified_ms: int, doc: Mapping[str, Any]) -> int:
        cursor = self._db.execute(
            "INSERT INTO sale (shop, modified_ms, doc) VALUES (?,?,?)", (shop_id, modified_ms, json.dumps(doc))
        )
        return int(cursor.lastrowid or 0)

    def save_sale(self, sale: Sale) -> None:
        self._db.execute(
            "UPDATE sale SET modified_ms=?, doc=? WHERE id=?", (sale.modified_ms, json.dumps(sale.doc), sale.id)
        )

    def sale(self, shop_id: str, sale_id: int) -> Sale | None:
        row = self._db.execute(
            "SELECT id, shop, modified_ms, doc FROM sale WHERE id=? AND shop=?", (sale_id, shop_id)
        ).fetchone()
        return _sale(row) if row else None

    def sales_after(self, shop_id: str, since_ms: int, until_ms: int, after: tuple[int, int], limit: int) -> list[Sale]:
        """Ascending by (modified, id), strictly after the pair `after`."""
        rows = self._db.execute(
            "SELECT id, shop, modified_ms, doc FROM sale WHERE shop=? AND modified_ms BETWEEN ? AND ?"
            " AND (modified_ms, id) > (?, ?) ORDER BY modified_ms, id LIMIT ?",
            (shop_id, since_ms, until_ms, *after, limit),
        )
        return [_sale(row) for row in rows]

    def sales_page(self, shop_id: str, since_ms: int, until_ms: int, offset: int, limit: int) -> list[Sale]:
        """Descending by (modified, id), by page."""
        rows = self._db.execute(
            "SELECT id, shop, modified_ms, doc FROM sale WHERE shop=? AND modified_ms BETWEEN ? AND ?"
            " ORDER BY modified_ms DESC, id DESC LIMIT ? OFFSET ?",
            (shop_id, since_ms, until_ms, limit, offset),
        )
        return [_sale(row) for row in rows]

    def sale_count(self, shop_id: str, since_ms: int = 0, until_ms: int = 1 << 60) -> int:
        query = "SELECT count(*) FROM sale WHERE shop=? AND modified_ms BETWEEN ? AND ?"
        return int(self._db.execute(query, (shop_id, since_ms, until_ms)).fetchone()[0])

    # counters, physical goods, idempotency keys
    def count(self, shop_id: str, name: str, by: int = 1) -> None:
        self._db.execute(
            "INSERT INTO counter VALUES (?,?,?) ON CONFLICT (shop, name) DO UPDATE SET value=value+excluded.value",
            (shop_id, name, by),
        )

    def counters(self, shop_id: str) -> dict[str, int]:
        return dict(
            self._db.execute("SELECT name, value FROM counter WHERE shop=? ORDER BY name", (shop_id,)).fetchall()
        )

    def set_units(self, units: Mapping[str, int]) -> None:
        """The physical units behind the codes, for counting what was sold beyond them."""
        self._db.executemany(
            "INSERT INTO goods (code, units) VALUES (?,?) ON CONFLICT (code) DO UPDATE SET units=excluded.units",
            list(units.items()),
        )

    def goods(self) -> dict[str, int]:
        """Sums over the codes whose physical units are known."""
        row = self._db.execute(
            "SELECT count(*), coalesce(sum(units),0), coalesce(sum(sold),0), coalesce(sum(max(0, sold-units)),0)"
            " FROM goods WHERE units > 0"
        ).fetchone()
        return dict(zip(("codes", "units", "sold", "oversold_units"), row, strict=True))

    def seen(self, shop_id: str, key: str) -> tuple[str, str] | None:
        """(request, answer) of an idempotency key used before."""
        row = self._db.execute("SELECT request, answer FROM seen_key WHERE shop=? AND key=?", (shop_id, key)).fetchone()
        return (row[0], row[1]) if row else None

    def remember(self, shop_id: str, key: str, request: str, answer: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO seen_key VALUES (?,?,?,?)", (shop_id, key, request, answer))
        self._db.execute("DELETE FROM seen_key WHERE rowid <= (SELECT max(rowid) FROM seen_key) - ?", (_MAX_SEEN_KEYS,))
