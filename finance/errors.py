"""What the books refuse.

    Refused
    ├── PostingBlocked      a person must mend a fact first: the event waits, a case POSTING_BLOCKED is opened
    ├── PeriodClosed        the period does not allow this step
    └── NotReversible       this voucher cannot be taken back as it stands
    Invalid
    └── Unbalanced          debits and credits of a draft differ, or it is empty

Nothing of a refused posting is written.
"""

from enum import StrEnum

from hub.core.errors import Invalid, Refused


class Block(StrEnum):
    """Why an event cannot be posted; stable for programs and for the case."""

    CURRENCY = "currency"
    NO_RULE = "no_rule"
    NO_TAX_RATE = "no_tax_rate"
    NO_ACCOUNT = "no_account"
    NO_STOCK_VALUE = "no_stock_value"
    NO_COST = "no_cost"
    MOVE_BOOKED = "move_booked"
    UNREADABLE = "unreadable"


_MESSAGES = {
    Block.CURRENCY: "The order is in %(currency)s, the book in %(book_currency)s, and no exchange rate is on record.",
    Block.NO_RULE: "No posting rule for %(rule_set)s is valid on %(date)s.",
    Block.NO_TAX_RATE: "No tax rate for %(tax_code)s is valid on %(date)s.",
    Block.NO_ACCOUNT: "No account has the role %(role)s.",
    Block.NO_STOCK_VALUE: "The books hold %(qty_in_books)s units of SKU %(sku_id)s, but %(qty)s left the stock.",
    Block.NO_COST: "No cost of SKU %(sku_id)s is known: receive it with a cost first.",
    Block.MOVE_BOOKED: "The stock move %(move_id)s is in the books already, by another event.",
    Block.UNREADABLE: "The event cannot be read: %(detail)s.",
}


class PostingBlocked(Refused):
    """The event waits until a person has mended a fact. `reason` is a Block; `facts` are plain JSON values."""

    code = "posting_blocked"

    def __init__(self, reason: Block, **facts: object) -> None:
        super().__init__(_MESSAGES[reason], **facts)
        self.reason = reason


class PeriodClosed(Refused):
    """The period's state does not allow this step."""

    code = "period_closed"


class NotReversible(Refused):
    """The voucher cannot be taken back as it stands."""

    code = "not_reversible"


class Unbalanced(Invalid):
    """Debits and credits differ, or the voucher is empty."""

    code = "unbalanced"
