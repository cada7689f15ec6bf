"""What a month's report says; amounts are texts with the currency's own decimals, hours have two decimals."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

_Amount = Annotated[str, Field(examples=["250.00"])]
_Hours = Annotated[float, Field(ge=0, examples=[12.5])]


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class MonthHolds(_View):
    """Orders whose first hold began in the period. In shadow nothing is held."""

    orders: Annotated[int, Field(description="How many were held.")]
    now: Annotated[int, Field(description="How many of them are still held.")]
    median_hours: Annotated[
        float | None,
        Field(description="How long they were held, or are by now; half of them shorter. Null if none was held."),
    ]
    p90_hours: Annotated[float | None, Field(description="The same; nine of ten not longer.")]


class MonthMoney(_View):
    """Money of the period in one currency; currencies are never added up. Fees are net of tax."""

    currency: Annotated[str, Field(examples=["USD"])]
    fees_asked: Annotated[_Amount, Field(description="Fees that customers were asked for in the period.")]
    fees_paid: Annotated[_Amount, Field(description="Fees paid in the period and not given back since.")]
    fees_waived: Annotated[_Amount, Field(description="Fees that staff waived in the period.")]
    fees_withdrawn: Annotated[
        _Amount,
        Field(description="Fees cancelled in the period: the request dropped, the order ended, another decision."),
    ]
    work_given_free: Annotated[
        _Amount,
        Field(description='Fees never asked for, because staff approved the order with `{"work": "free"}`.'),
    ]
    labour_saved: Annotated[
        _Amount,
        Field(
            description=(
                "Cost of the staff time that was not spent for nothing: of work whose fee was paid, of requests "
                "dropped, and of orders that were turned away or cancelled."
            )
        ),
    ]
    fraud_stopped: Annotated[
        _Amount, Field(description="Totals of orders that ended as fraud in the period with nothing provisioned.")
    ]


class MonthHours(_View):
    """Staff hours."""

    asked_for: Annotated[_Hours, Field(description="What the orders first decided in the period ask for, estimated.")]
    charged: Annotated[_Hours, Field(description="The work behind the fees paid in the period.")]


class MonthFigures(_View):
    """The figures of one period."""

    since: Annotated[datetime, Field(description="In the panel's time zone.")]
    until: Annotated[datetime, Field(description="In the panel's time zone; not part of the period.")]
    orders: Annotated[
        dict[str, int],
        Field(description="Orders first decided in the period, by the outcome in force now."),
    ]
    held: MonthHolds
    currencies: Annotated[
        tuple[MonthMoney, ...], Field(description="One entry for each currency of either period, by its code.")
    ]
    hours: MonthHours
    overruled: Annotated[
        int,
        Field(
            description=(
                "Orders that a person decided in the period otherwise than the policy had: let in what it held or "
                "rejected, or stopped what it let in."
            )
        ),
    ]
    good_held: Annotated[
        int, Field(description="Good orders made to wait: of those held, the ones that were let in after all.")
    ]
    good_held_hours: Annotated[
        float | None, Field(description="How long these waited, the median; null if there are none.")
    ]
    fraud_orders: Annotated[int, Field(description="The orders behind `fraud_stopped`, in all currencies.")]


class MonthReport(MonthFigures):
    """The figures of a month or another period, with those of the time before."""

    before: Annotated[MonthFigures, Field(description="The month before, or the time of the same length just before.")]
