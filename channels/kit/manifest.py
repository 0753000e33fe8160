"""What an adapter declares of itself: `manifest.toml` beside it, read and checked here.

Invariant: every rule of the report card is answered (done, todo, or exempt with a reason) and the quantity contract is
complete, so that the hub can refuse to publish through an adapter whose declaration and behaviour disagree.
"""

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from channels.kit.errors import StopShop
from channels.kit.quantity import QuantityContract

RULES: tuple[str, ...] = (
    "pages_are_all_read",
    "duplicates_are_harmless",
    "a_moving_page_loses_nothing",
    "times_are_utc",
    "ids_are_exact",
    "money_is_exact",
    "limits_are_obeyed",
    "half_answers_are_refused",
    "one_bad_order_spoils_no_other",
    "long_fields_are_bounded",
    "requests_are_signed",
    "clock_skew_stops_the_shop",
    "a_push_answers_per_item",
    "a_stale_push_overwrites_nothing",
    "a_shipment_is_told_once",
    "webhooks_are_verified",
    "errors_name_the_next_step",
)

Capability = Literal["orders", "listings", "push", "shipments", "webhooks"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Words(_Frozen):
    """One text in the two languages of the console."""

    zh: str = Field(min_length=1, max_length=200)
    en: str = Field(min_length=1, max_length=200)


class Rate(_Frozen):
    """A token bucket: `per_second` tokens flow in, at most `burst` stay."""

    per_second: float = Field(gt=0, le=100_000)
    burst: float = Field(ge=1, le=1_000_000)


class Feed(_Frozen):
    """How the order feed is read."""

    overlap_seconds: int = Field(ge=0, le=86_400)
    """how far before the cursor each pull begins again"""
    lag_seconds: int = Field(default=0, ge=0, le=3_600)
    """how old the end of a window must be before it is complete"""
    window_seconds: int | None = Field(default=None, ge=60)
    """the longest window of one call; None = no limit"""
    history_days: int | None = None
    """how far back the channel answers at all"""


class Input(_Frozen):
    """A setting or credential that a person types when connecting a shop."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    label: Words
    secret: bool = False
    required: bool = True
    default: str = ""


class Answered(_Frozen):
    """One line of the report card."""

    state: Literal["done", "todo", "exempt"]
    reason: str = ""

    @model_validator(mode="after")
    def _exempt_says_why(self) -> "Answered":
        if self.state == "exempt" and not self.reason:
            raise ValueError("an exemption needs a reason")
        return self


class Manifest(_Frozen):
    """The declaration of one adapter."""

    kind: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)
    name: Words
    base_url: str
    """the marketplace's own address, offered as the default when a shop is connected"""
    capabilities: tuple[Capability, ...]
    feed: Feed
    quantity: QuantityContract
    limits: dict[str, Rate]
    """by operation; "default" serves every operation that is not named"""
    inputs: tuple[Input, ...]
    card: dict[str, Answered]

    @model_validator(mode="after")
    def _complete(self) -> "Manifest":
        missing = sorted(set(RULES) - set(self.card))
        unknown = sorted(set(self.card) - set(RULES))
        if missing or unknown:
            raise ValueError(f"report card: missing {missing}, unknown {unknown}")
        if "default" not in self.limits:
            raise ValueError('limits need a "default"')
        return self


def read_manifest(path: Path) -> Manifest:
    """The manifest of one adapter. Raises StopShop when it is missing or wrong."""
    try:
        with path.open("rb") as file:
            return Manifest.model_validate(tomllib.load(file))
    except (OSError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise StopShop(f"{path.parent.name}/{path.name}: {error}", code="manifest") from error
