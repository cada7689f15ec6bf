"""The provider's rules and numbers: one TOML document, validated as a whole, identified by its canonical hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from app.core.money import BadAmount, Money
from app.core.policy import fairness, keys
from app.core.policy.base_types import CurrencyCode, PolicyPart
from app.core.policy.sections import acting as policy_acting
from app.core.policy.sections import hosting as policy_hosting
from app.core.policy.sections import judging as policy_judgement
from app.core.policy.sections import modes as policy_modes
from app.core.policy.sections import texts as policy_texts
from app.core.policy.sections import together as policy_together
from app.core.policy.sections import vetting as policy_vetting
from app.core.policy.sections.judging import CurrencyRow
from app.core.policy.toml import BadDocument, read_toml, shown

_MAX_ERRORS: Final = 50
#: Pydantic's names for the two variants of a GroupRef.
_EITHER: Final = frozenset({"constrained-int", "function-after[readable(), constrained-str]"})
_EITHER_SAID: Final = "must be an id (1 or more) or a name of 1 to 200 characters"
_EVEN = {
    "staff_cost_per_hour": "40.00",
    "handling_fee": "7.00",
    "custom_rate_per_hour": "50.00",
    "max_fee": "400.00",
    "mandate_above": "500.00",
    "large_order": "300.00",
    "postpaid_month": "20.00",
}
_DEFAULT_CURRENCIES: Final[Mapping[str, Mapping[str, str]]] = {"USD": _EVEN, "EUR": _EVEN, "GBP": _EVEN}


class PolicyError(ValueError):
    """The document is not a valid policy; `errors` lists (path, message)."""

    def __init__(self, errors: Sequence[tuple[str, str]]) -> None:
        self.errors = list(errors)
        super().__init__("; ".join(f"{path}: {message}" if path else message for path, message in self.errors))


class Policy(PolicyPart):
    """All rules of one provider; anything that the document leaves out has its default."""

    risk: policy_judgement.RiskThresholds = Field(policy_judgement.RiskThresholds(), title="Risk")
    labour: policy_judgement.LabourRules = Field(policy_judgement.LabourRules(), title="Labour")
    currencies: Annotated[dict[CurrencyCode, CurrencyRow], Field(max_length=200, validate_default=True)] = Field(
        default_factory=dict, title="Currencies"
    )
    points: policy_judgement.PointTables = Field(policy_judgement.PointTables(), title="Points")
    thresholds: policy_judgement.SignalThresholds = Field(policy_judgement.SignalThresholds(), title="Thresholds")
    neighbours: policy_judgement.NeighbourRules = Field(policy_judgement.NeighbourRules(), title="Bad neighbours")
    together: policy_together.Together = Field(policy_together.Together(), title="New accounts together")
    muting: policy_judgement.Muting = Field(policy_judgement.Muting(), title="Muted signals")
    families: policy_judgement.FamilyCaps = Field(policy_judgement.FamilyCaps(), title="Families of signals")
    exempt: policy_judgement.Exemptions = Field(policy_judgement.Exemptions(), title="Exemptions")
    allow: policy_acting.NetList = Field(policy_acting.NetList(), title="Allow list")
    block: policy_acting.NetList = Field(policy_acting.NetList(), title="Block list")
    own_initiative: policy_judgement.OwnInitiative = Field(policy_judgement.OwnInitiative(), title="Our own initiative")
    cart: policy_judgement.Cart = Field(policy_judgement.Cart(), title="Cart")
    payment: policy_judgement.Payment = Field(policy_judgement.Payment(), title="Payment")
    acceptable_use: policy_hosting.AcceptableUse = Field(policy_hosting.AcceptableUse(), title="Acceptable use")
    vetting: policy_vetting.Vetting = Field(policy_vetting.Vetting(), title="Vetting")
    ask: policy_vetting.Ask = Field(policy_vetting.Ask(), title="Questions to customers")
    staff: policy_judgement.Staff = Field(policy_judgement.Staff(), title="Staff")
    accept: policy_acting.Accept = Field(policy_acting.Accept(), title="Accepting")
    fee: policy_acting.FeeRules = Field(policy_acting.FeeRules(), title="Fees")
    facts: policy_acting.FactRules = Field(policy_acting.FactRules(), title="Facts")
    hold: policy_acting.Hold = Field(policy_acting.Hold(), title="Holds")
    limits: policy_acting.DamageLimits = Field(policy_acting.DamageLimits(), title="Limits")
    messages: policy_acting.Messages = Field(policy_acting.Messages(), title="Messages")
    modes: policy_modes.Modes = Field(policy_modes.Modes(), title="Modes")
    texts: policy_texts.Texts = Field(policy_texts.Texts(), title="Texts")
    customers: policy_judgement.CustomerRules = Field(policy_judgement.CustomerRules(), title="Customer score")

    @field_validator("currencies", mode="before")
    @classmethod
    def _over_defaults(cls, rows: Any) -> Any:
        """Merge a row over its default; a new currency needs all of its amounts."""
        if not isinstance(rows, dict):
            return rows
        merged: dict[Any, Any] = {code: dict(row) for code, row in _DEFAULT_CURRENCIES.items()}
        for code, row in rows.items():
            given = row.model_dump() if isinstance(row, CurrencyRow) else row
            merged[code] = {**merged.get(code, {}), **given} if isinstance(given, dict) else given
        return merged

    @field_validator("currencies", mode="after")
    @classmethod
    def _own_decimals(cls, rows: dict[str, CurrencyRow]) -> dict[str, CurrencyRow]:
        """Write each amount with its currency's decimals, so that 7 and 7.00 give the same policy."""
        exact: dict[str, CurrencyRow] = {}
        for code, row in sorted(rows.items()):
            try:
                amounts = {name: Money.from_text(text, code).to_text() for name, text in row.model_dump().items()}
            except BadAmount as error:
                raise ValueError(f"{code}: {error}") from error
            exact[code] = CurrencyRow(**amounts)
        return exact

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for code, row in self.currencies.items():
            self._check_row(code, row)
        hosting = bool(self.thresholds.hosting_asns)
        soft = fairness.MAIL_AND_COUNTRY.together(self.points.risk.model_dump(), hosting=hosting)
        if soft >= self.risk.review_from:
            raise ValueError(
                f"e-mail provider, countries and network alone add up to {soft} points and would hold an order:"
                f" email_disposable, email_unverified, twice countries_disagree and hosting_network (where hosting_asns"
                f" is set) must stay below risk.review_from ({self.risk.review_from}) together"
            )
        return self

    def _check_row(self, code: str, row: CurrencyRow) -> None:
        most, mandate = Money.from_text(row.max_fee, code), Money.from_text(row.mandate_above, code)
        if Money.from_text(row.handling_fee, code) > most:
            raise ValueError(f"currencies.{code}: handling_fee is above max_fee")
        if most > mandate:
            raise ValueError(f"currencies.{code}: max_fee is above mandate_above, so it would never be reached")
        rate = Money.from_text(row.custom_rate_per_hour, code).amount_minor
        if rate * self.fee.minimum_minutes > most.amount_minor * 60:
            raise ValueError(f"currencies.{code}: the smallest custom fee is above max_fee")


def parse_policy(document: str) -> Policy:
    """Read a TOML document for a new policy; an empty one is the default policy.

    Raises PolicyError with every invalid place (at most fifty), or every unfair one.
    """
    policy = parse_published(document)
    unfair = fairness.unfair(policy)
    if unfair:
        raise PolicyError(unfair[:_MAX_ERRORS])
    return policy


def parse_published(document: str) -> Policy:
    """Read a document that was published before: it stays valid even if it would be refused as unfair today.

    Raises PolicyError with every invalid place.
    """
    try:
        text = read_toml(document, at_most=_MAX_ERRORS)
    except BadDocument as error:
        raise PolicyError(error.errors) from error
    return from_canonical(text)


def from_canonical(text: str) -> Policy:
    """Read the output of `canonical`. Raises PolicyError."""
    try:
        return Policy.model_validate_json(text)
    except ValidationError as error:
        raise PolicyError(_readable(error)) from error


def canonical(policy: Policy) -> str:
    """Return the whole policy, including defaults, as JSON with sorted keys: equal policies give equal text."""
    return json.dumps(policy.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def policy_hash(policy: Policy) -> str:
    """Return the SHA-256 of the canonical form, in hex: the identity of a policy."""
    return hashlib.sha256(canonical(policy).encode("ascii")).hexdigest()


def warnings(policy: Policy) -> tuple[str, ...]:
    """Return warnings about what is allowed but rarely intended, for `policy check` and POST /v1/policies."""
    found = []
    if policy.risk.auto_reject:
        found.append("risk.auto_reject is on: orders are rejected without a person checking them")
    if not policy.cart.url:
        found.append("cart.url is empty: customers are told to use the cart without a link to it")
    if not policy.acceptable_use.terms:
        found.append("acceptable_use.terms is empty: nothing that customers write about their use is noticed")
    if policy.messages.form is policy_acting.MessageForm.TICKET and policy.messages.department_id is None:
        found.append("messages.department_id is not set: customers get e-mails instead of tickets")
    return tuple(found)


def _message(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return keys.unknown(Policy, error["loc"])
    return str(error["msg"]).removeprefix("Value error, ")


def _readable(error: ValidationError) -> list[tuple[str, str]]:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    # Only errors that are shown get a message, because searching for the intended key is slow.
    named = dict.fromkeys(_placed(entry) for entry in found[:_MAX_ERRORS])
    if len(found) > _MAX_ERRORS:
        named["", f"and {len(found) - _MAX_ERRORS} more"] = None
    return list(named)


def _placed(error: Any) -> tuple[str, str]:
    """Return (path, message); for a value that may be an id or a name, the path ends at the value."""
    plain = tuple(part for part in error["loc"] if part not in _EITHER)
    message = _message(error) if len(plain) == len(error["loc"]) else _EITHER_SAID
    return shown(plain), message[:300]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivePolicy:
    """The policy in force and its version."""

    version: int
    policy: Policy
