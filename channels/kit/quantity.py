"""What an adapter's quantity means: typed, declared in its manifest, checked by the conformance suite.

Source: design.md section 3, "Quantity contract".
"""

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class QuantityMeaning(StrEnum):
    """What the published number stands for at the channel."""

    SELLABLE = "sellable"
    """the channel sells up to this number; it has already left out its own open orders"""
    PHYSICAL_LESS_COMMITMENTS = "physical_less_commitments"
    """the channel subtracts its own open orders from what we send"""


class QuantityContract(BaseModel):
    """How a quantity is written to the channel."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    meaning: QuantityMeaning
    mode: Literal["absolute", "delta", "compare_and_set"]
    per_location: bool = False
    batch_size: int = Field(ge=1, le=25_000)
    result: Literal["sync", "async"]
    decremented_by: Literal["channel", "hub"] = "channel"
    decremented_when: Literal["order", "payment", "processing", "never"]
