"""Does the policy match the panel: currencies, gateways, ticket departments, and products provisioned by a module?"""

from __future__ import annotations

from collections.abc import Mapping

from app.core.policy.document import Policy
from app.core.policy.sections.acting import MessageForm
from app.core.records import Mode
from app.doctor.findings import DoctorFinding, fault_in, ok, unchecked, warning
from app.doctor.role import RoleStanding, Tried
from app.panels.whmcs import wire
from app.panels.whmcs.probe import RoleProbe, Unreached


def _rows(tried: Mapping[str, Tried], action: str, outer: str, inner: str) -> list[wire.Row] | None:
    """Return the rows of a tried action, None if its answer can't be read."""
    one = tried.get(action)
    if one is None or one.standing is not RoleStanding.ALLOWED or one.reply is None or one.reply.verdict != "success":
        return None
    return wire.as_list(one.reply.answer.get(outer), inner) or None


def check_policy(tried: Mapping[str, Tried], policy: Policy, mode: Mode) -> list[DoctorFinding]:
    """Compare the names in the policy with what exists in the panel."""
    return [*_currencies(tried, policy), *_gateways(tried, policy, mode), *_departments(tried, policy, mode)]


def _currencies(tried: Mapping[str, Tried], policy: Policy) -> list[DoctorFinding]:
    rows = _rows(tried, "GetCurrencies", "currencies", "currency")
    if rows is None:
        return [unchecked("currencies", "the panel's currencies", "Tick GetCurrencies for the API role.")]
    codes = sorted({wire.text(row.get("code")).strip().upper() for row in rows} - {""})
    missing = [code for code in codes if code not in policy.currencies]
    if not missing:
        return [ok("currencies", f"the policy has a row for each currency of the panel: {', '.join(codes)}")]
    text = f"the policy has no row for {', '.join(missing)}: orders in these currencies go to review"
    return [warning("currencies", text, f"Add [currencies.{missing[0]}] with its seven amounts to the policy.")]


def _gateways(tried: Mapping[str, Tried], policy: Policy, mode: Mode) -> list[DoctorFinding]:
    named = {*policy.exempt.gateways, *policy.own_initiative.gateways}
    if not named and not policy.fee.gateway:
        return []
    rows = _rows(tried, "GetPaymentMethods", "paymentmethods", "paymentmethod")
    if rows is None:
        return [unchecked("gateways", "the gateways that the policy names", "Tick GetPaymentMethods for the API role.")]
    there = {wire.text(row.get("module")).strip() for row in rows}
    listed = ", ".join(sorted(there))
    found = []
    if policy.fee.gateway and policy.fee.gateway not in there:
        text = f"the policy's fee.gateway {policy.fee.gateway!r} is not a gateway of the panel"
        cure = f"Use a system name, not the name that customers see: {listed}."
        found.append(fault_in(mode, "fee-gateway", text, cure))
    strange = sorted(name for name in named if name not in there)
    if strange:
        text = f"the policy exempts gateways that the panel does not have: {', '.join(strange)}"
        found.append(warning("gateways", text, f"Use the system names: {listed}."))
    return found or [ok("gateways", "the gateways that the policy names exist")]


def _departments(tried: Mapping[str, Tried], policy: Policy, mode: Mode) -> list[DoctorFinding]:
    messages = policy.messages
    if messages.form is not MessageForm.TICKET:
        return [ok("department", "customer messages go by e-mail, as the policy says")]
    if messages.department_id is None:
        text = "customer messages go by e-mail: the policy asks for tickets but names no department"
        cure = "Set messages.department_id in the policy, so that customers can answer into the queue."
        return [warning("department", text, cure)]
    rows = _rows(tried, "GetSupportDepartments", "departments", "department")
    if rows is None:
        return [unchecked("department", "the ticket department", "Tick GetSupportDepartments for the API role.")]
    names = {wire.identifier(row.get("id")): wire.text(row.get("name")).strip() for row in rows}
    if messages.department_id in names:
        return [ok("department", f"customer messages go to the ticket department {names[messages.department_id]!r}")]
    there = ", ".join(f"{number} ({name})" for number, name in names.items())
    text = f"the policy's messages.department_id {messages.department_id} is not a department of the panel"
    return [fault_in(mode, "department", text, f"Use one of these: {there}.")]


async def check_products(probe: RoleProbe, tried: Mapping[str, Tried]) -> list[DoctorFinding]:
    """Count the products that only the gate can stop: WHMCS does not show when each is set up."""
    one = tried.get("GetProducts")
    if one is None or one.standing is not RoleStanding.ALLOWED:
        return [unchecked("products", "which products a module sets up", "Tick GetProducts for the API role.")]
    try:
        reply = await probe.ask("GetProducts")
    except Unreached as error:
        return [unchecked("products", "which products a module sets up", said=str(error))]
    rows = wire.as_list(reply.answer.get("products"), "product")
    if not rows:
        return [unchecked("products", "which products a module sets up: the panel listed none", said=reply.said)]
    built = [row for row in rows if wire.text(row.get("module")).strip()]
    if not built:
        return [ok("products", f"none of the {len(rows)} products is set up by a module: nothing can bypass a hold")]
    text = f"when {len(built)} of the {len(rows)} products are set up: the API does not show it"
    cure = (
        "Keep the addon's gate on: only the gate stops products that are set up on order or on payment (Products > "
        "Module Settings). Without it, choose there: set up when you accept a pending order."
    )
    return [unchecked("products", text, cure)]
