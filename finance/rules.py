"""The pure part of bookkeeping: how a price splits into net and VAT, and how a rule turns amounts into entries.

Invariants: the parts of a split add up to the whole, to the cent; entries are merged by (account, side, dimensions) and
never carry zero; a rule is data, this module only applies it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from string import Template
from typing import Any, Literal

from finance.errors import Unbalanced
from hub.core.money import ZERO, add, allocate, round_money

Side = Literal["debit", "credit"]
_MAX_SUMMARY = 200


@dataclass(frozen=True, slots=True)
class RuleLine:
    """One line of a posting rule: which amount goes to which role, on which side, kept apart by which dimensions."""

    side: Side
    role: str
    amount: str
    dimensions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """Amounts of one detail row of an event (names as in the rules: gross, net, vat, cost) and where they belong."""

    amounts: Mapping[str, Decimal]
    shop_id: int | None = None
    warehouse_id: int | None = None


@dataclass(frozen=True, slots=True)
class DraftEntry:
    """One line of a voucher to be; exactly one of debit and credit is not zero. Negative amounts are red (红字)."""

    account_id: int
    debit: Decimal
    credit: Decimal
    shop_id: int | None = None
    warehouse_id: int | None = None

    def red(self) -> "DraftEntry":
        """The same line on the same side with the opposite sign."""
        return DraftEntry(self.account_id, -self.debit, -self.credit, self.shop_id, self.warehouse_id)


@dataclass(frozen=True, slots=True)
class Taxed:
    """A VAT-inclusive amount taken apart: gross = net + vat."""

    gross: Decimal
    net: Decimal
    vat: Decimal


def take_vat_out(gross: Decimal, rate: Decimal, currency: str = "CNY") -> Taxed:
    """net = round(gross / (1 + rate)), VAT = gross - net: only one of the two is ever rounded."""
    net = round_money(gross / (1 + rate), currency)
    return Taxed(gross, net, gross - net)


def split_vat(lines: Sequence[Decimal], rate: Decimal, currency: str = "CNY") -> list[Taxed]:
    """VAT of a whole order, shared among its lines; the cent that is left over lies on the largest line."""
    total = take_vat_out(add(lines), rate, currency)
    nets = allocate(total.net, lines, currency)
    return [Taxed(gross, net, gross - net) for gross, net in zip(lines, nets, strict=True)]


def read_lines(lines: Iterable[Mapping[str, Any]]) -> tuple[RuleLine, ...]:
    """The lines of a rule as they are stored. Raises KeyError or ValueError on a line that says something else."""
    return tuple(_read_line(line) for line in lines)


def compose(
    lines: Sequence[RuleLine], parts: Sequence[Part], account_of: Callable[[str], int]
) -> tuple[DraftEntry, ...]:
    """The entries of one voucher, in the order of the rule's lines; empty when every amount is zero."""
    merged: dict[tuple[int, Side, int | None, int | None], Decimal] = {}
    for line in lines:
        account_id = account_of(line.role)
        by_shop, by_warehouse = "shop" in line.dimensions, "warehouse" in line.dimensions
        for part in parts:
            key = (
                account_id,
                line.side,
                part.shop_id if by_shop else None,
                part.warehouse_id if by_warehouse else None,
            )
            merged[key] = merged.get(key, ZERO) + part.amounts[line.amount]
    return tuple(_entry(key, amount) for key, amount in merged.items() if amount)


def total_of(entries: Sequence[DraftEntry]) -> Decimal:
    """The sum of one side. Raises Unbalanced when the sides differ or there are fewer than two lines."""
    debit, credit = add(entry.debit for entry in entries), add(entry.credit for entry in entries)
    if debit != credit or len(entries) < 2:
        raise Unbalanced(
            "The voucher does not balance: debit %(debit)s, credit %(credit)s on %(lines)s lines.",
            debit=str(debit),
            credit=str(credit),
            lines=len(entries),
        )
    return debit


def summarise(template: str, **words: str) -> str:
    """The 摘要 from its template; an unknown $place stays as it is."""
    return Template(template).safe_substitute(words)[:_MAX_SUMMARY]


def _entry(key: tuple[int, Side, int | None, int | None], amount: Decimal) -> DraftEntry:
    account_id, side, shop_id, warehouse_id = key
    debit, credit = (amount, ZERO) if side == "debit" else (ZERO, amount)
    return DraftEntry(account_id, debit, credit, shop_id, warehouse_id)


def _read_line(line: Mapping[str, Any]) -> RuleLine:
    if line["side"] not in ("debit", "credit") or line["amount"] not in ("gross", "net", "vat", "cost"):
        raise ValueError(f"not a rule line: {line}")
    return RuleLine(line["side"], str(line["role"]), str(line["amount"]), tuple(line.get("dimensions", ())))
