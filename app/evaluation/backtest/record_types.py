"""What all parts of a backtest's report are made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Record(BaseModel):
    """A part of the report."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Share = Annotated[float, Field(ge=0, le=1, description="0-1, to four places.")]
Orders = Annotated[int, Field(ge=0, description="How many orders.")]


class Interval(Record):
    """The range of the true value, with 95 % confidence."""

    low: Share
    high: Share


class Proportion(Record):
    """A share of orders, with its confidence interval (Wilson)."""

    orders: Orders
    of: Orders
    share: Share | None = Field(description="null where there is nothing to count.")
    interval: Interval | None
