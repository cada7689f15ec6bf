"""The advice of a backtest: what a policy would have meant against the panel's own past, and what to do next.

*Bad* orders are fraud and disputed ones, *found* those of them that a person would have checked or that would have been
rejected. Both count only orders that are old enough, and so do *good* ones.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from app.evaluation.backtest.record_types import Orders, Proportion, Record

#: A number of something in an average month, to two places.
Mean = Annotated[float, Field(ge=0, description="An average, to two places.")]
Hours = Annotated[float, Field(ge=0, description="Hours, to two places.")]


class Worth(Record):
    """One policy's figures in one currency. Currencies are never added up; `currency` is empty if it is unknown.

    What is not known (an order's total, the cost of its work) adds nothing to a sum.
    """

    currency: str
    orders: Orders
    fees_asked: Orders = Field(description="Orders held for a fee.")
    fees_sum: str = Field(description="Those fees, if all were paid.")
    labour_saved: str = Field(
        description="Labour cost of the work of these orders that was done for free: without orders that were "
        "cancelled unpaid or marked as fraud, where it was probably never done."
    )
    bad: Orders
    bad_worth: str = Field(description="The totals of those orders.")
    found: Orders
    found_worth: str = Field(description="The totals of those orders.")
    beyond_worth: str = Field(description="The part that the panel's own fraud check had not failed.")
    good_held: Orders = Field(description="Good orders that a person would have held, or that would be rejected.")
    good_held_worth: str = Field(description="The totals of those orders.")


class MoneyMonth(Record):
    """The same money in an average month."""

    currency: str
    fees_sum: str
    labour_saved: str
    bad_worth: str
    found_worth: str
    beyond_worth: str
    good_held_worth: str


class AverageMonth(Record):
    """One policy in an average month of this history."""

    hours_asked: Hours
    hours_charged: Hours
    fees_asked: Mean
    found: Mean | None = Field(description="Null while no order is old enough, as are the other figures about labels.")
    good_held: Mean | None
    money: tuple[MoneyMonth, ...]


class Meant(Record):
    """What one policy would have meant, over the whole history."""

    recall: Proportion = Field(description="The share of the bad orders that it would have found.")
    right: Proportion = Field(description="Of the good and bad orders that it would have found or held, the bad ones.")
    good_held: Proportion = Field(description="The share of the good orders that it would have made to wait.")
    beyond: Orders = Field(description="Bad orders found that the panel's own fraud check had not failed.")
    hours_asked: Hours = Field(description="Staff time that orders asked for beyond their price, by its estimate.")
    hours_charged: Hours = Field(description="The part for orders held for a fee: paid for, or dropped.")
    currencies: tuple[Worth, ...]
    a_month: AverageMonth


class PanelPast(Record):
    """The past as it was, without Doorman."""

    bad: Orders
    found: Orders = Field(description="Bad orders that the panel's own fraud check had failed.")
    orders_month: Mean
    bad_month: Mean | None
    found_month: Mean | None


class MonthMeant(Record):
    """What the tested policy would have meant in one calendar month of the panel's time zone."""

    month: str = Field(description="As in 2026-11.")
    orders: Orders
    too_young: Orders = Field(description="Not old enough for the figures about good and bad.")
    hours_asked: Hours
    hours_charged: Hours
    currencies: tuple[Worth, ...] = Field(description="Those with orders in this month.")


class TermWorth(Record):
    """One term of the policy's [vetting], or one unit of expected use, on orders held only for their vetting."""

    term: str
    good: Orders
    bad: Orders


class SignalWorth(Record):
    """How a signal, or another reason for a review, fared under the tested policy on orders that are old enough."""

    code: str
    good: Orders = Field(description="Good orders on which it fired with points.")
    bad: Orders = Field(description="Bad ones.")
    right: Proportion = Field(description="The share of bad ones among these.")
    only_bad: Orders = Field(
        description="Bad orders found only because of it: without its points the risk is below the review threshold, "
        "and there is no other reason."
    )
    only_good: Orders = Field(description="Good orders that would have waited only because of it.")
    terms: tuple[TermWorth, ...] = Field(
        description="Of a review for vetting: its terms on these orders, those on most good ones first, at most ten."
    )


class Advice(Record):
    """What the tested policy would have meant against life without Doorman, and what to do about it."""

    summary: tuple[str, ...]
    next_steps: tuple[str, ...]
    months: Mean = Field(description="The length of the history in months of 30.4375 days, at least one.")
    mature_months: Mean = Field(description="The same of the orders old enough for figures about labels; 0: none is.")
    past: PanelPast
    given: Meant
    active: Meant
    by_month: tuple[MonthMeant, ...] = Field(description="Every month from the first order to the last.")
    signals: tuple[SignalWorth, ...] = Field(description="Those that fired; the ones that find most come first.")
    silent: tuple[str, ...] = Field(description="Risk signals that fired on none of these orders.")
