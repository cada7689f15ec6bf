"""Reason codes of decisions, and what hangs on them. Stored with each decision: a code is never renamed."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class ReasonCode(StrEnum):
    """Why an order was decided as it was."""

    # the policy's judgement, by the rows of the outcome table
    RENEWAL = "renewal"
    EXEMPT_ALLOW_LIST = "exempt_allow_list"
    EXEMPT_CLIENT_GROUP = "exempt_client_group"
    EXEMPT_STAFF = "exempt_staff"
    EXEMPT_PRODUCT_GROUP = "exempt_product_group"
    EXEMPT_GATEWAY = "exempt_gateway"
    BLOCK_LIST = "block_list"
    RISK_REJECT = "risk_reject"
    WOULD_REJECT = "would_reject"
    FACTS_MISSING = "facts_missing"
    CURRENCY_UNKNOWN = "currency_unknown"
    AMOUNT_NEGATIVE = "amount_negative"
    AMOUNT_ZERO = "amount_zero"
    RISK_REVIEW = "risk_review"
    VETTING_TERMS = "vetting_terms"
    VETTING_PRODUCT_GROUP = "vetting_product_group"
    VETTING_FIT = "vetting_fit"
    TEXT_CUT = "text_cut"
    WORK_AGREED = "work_agreed"
    OWN_INITIATIVE = "own_initiative"
    OWN_INITIATIVE_PROMO = "own_initiative_promo"
    OWN_INITIATIVE_GATEWAY = "own_initiative_gateway"
    OWN_INITIATIVE_GROUP = "own_initiative_group"
    LABOUR_BILLED = "labour_billed"
    NO_WORK = "no_work"
    LITTLE_WORK = "little_work"
    WORK_PAYS_BACK = "work_pays_back"
    COURTESY = "courtesy"
    CATALOGUE_GAP = "catalogue_gap"
    KIND_NOT_CHARGED = "kind_not_charged"
    NOTHING_TO_CHARGE = "nothing_to_charge"
    MANDATE = "mandate"
    HANDLING = "handling"
    CUSTOM_WORK = "custom_work"
    # the policy's modes and damage limits, which may keep a decision from being carried out
    ACCEPT_SHADOW = "accept_shadow"
    ACCEPT_SUGGEST = "accept_suggest"
    HOLD_SHADOW = "hold_shadow"
    HOLD_SUGGEST = "hold_suggest"
    FEES_SHADOW = "fees_shadow"
    FEES_SUGGEST = "fees_suggest"
    REJECT_SHADOW = "reject_shadow"
    REJECT_SUGGEST = "reject_suggest"
    LIMIT_HELD_SHARE = "limit_held_share"
    LIMIT_FEES = "limit_fees"
    # staff, in Doorman
    APPROVED_BY_PERSON = "approved_by_person"
    WORK_FREE = "work_free"
    REJECTED_BY_PERSON = "rejected_by_person"
    FRAUD = "fraud"
    CUSTOMER_WITHDREW = "customer_withdrew"
    DUPLICATE = "duplicate"
    OTHER = "other"
    HELD_BY_PERSON = "held_by_person"
    HELD_WHILE_RUNNING = "held_while_running"
    ASKED = "asked"
    FEE_BY_PERSON = "fee_by_person"
    FEE_WHILE_RUNNING = "fee_while_running"
    FEE_WAIVED = "fee_waived"
    REQUEST_DROPPED = "request_dropped"
    # staff or automation, in the panel
    ACCEPTED_IN_PANEL = "accepted_in_panel"
    PROVISIONED_BY_STAFF = "provisioned_by_staff"
    PENDING_IN_PANEL = "pending_in_panel"
    CANCELLED_IN_PANEL = "cancelled_in_panel"
    FRAUD_IN_PANEL = "fraud_in_panel"
    LISTED_AGAIN = "listed_again"
    # an invoice that changed under an open order, by its new state
    INVOICE_UNPAID = "invoice_unpaid"
    INVOICE_PARTLY_PAID = "invoice_partly_paid"
    INVOICE_PENDING = "invoice_pending"
    INVOICE_PAID = "invoice_paid"
    INVOICE_CANCELLED = "invoice_cancelled"
    INVOICE_REFUNDED = "invoice_refunded"
    INVOICE_DISPUTED = "invoice_disputed"
    INVOICE_GONE = "invoice_gone"
    FEE_UNPAID = "fee_unpaid"
    FEE_PARTLY_PAID = "fee_partly_paid"
    FEE_PENDING = "fee_pending"
    FEE_PAID = "fee_paid"
    FEE_CANCELLED = "fee_cancelled"
    FEE_REFUNDED = "fee_refunded"
    FEE_DISPUTED = "fee_disputed"
    FEE_GONE = "fee_gone"
    # the clock, and what no rule settles
    HOLD_EXPIRED = "hold_expired"
    NO_ANSWER = "no_answer"
    NOT_SENT = "question_not_sent"
    DEAD_CALL = "dead_call"
    FEE_NOT_INVOICED = "fee_not_invoiced"
    NEVER_DECIDED = "never_decided"
    STUCK = "stuck"


#: Staff's `cancel` with one of these ends an order without a verdict on it.
CANCELLATIONS: Final = frozenset({ReasonCode.CUSTOMER_WITHDREW, ReasonCode.DUPLICATE, ReasonCode.OTHER})
#: Reasons that end an order without a verdict on it; an end for any other reason is a reject.
WITHOUT_VERDICT: Final = CANCELLATIONS | {ReasonCode.CANCELLED_IN_PANEL}
#: Staff know that the order runs: its services being active is no breach of the hold.
WHILE_RUNNING: Final = frozenset(
    {ReasonCode.PENDING_IN_PANEL, ReasonCode.HELD_WHILE_RUNNING, ReasonCode.FEE_WHILE_RUNNING}
)
#: No damage limit leaves these orders to the panel.
ALWAYS_HELD: Final = frozenset({ReasonCode.BLOCK_LIST, ReasonCode.RISK_REJECT})
#: A person reviews whether the order fits; that implies no suspicion.
UNFIT: Final = frozenset({ReasonCode.VETTING_TERMS, ReasonCode.VETTING_PRODUCT_GROUP, ReasonCode.VETTING_FIT})
